// SPDX-License-Identifier: BSL-1.0
#pragma once

// faults/fault_scenes.hpp: plays a scene on real sockets and processes again and again, each time with
// another of its system calls failing, or with a task cancelled at another place, until it comes through. After each
// time nothing is left: no descriptor, no child, no frame; each protocol was told once of its beginning and once of its
// end; and it took no longer than it may.

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/error_group.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/failure_of.hpp>
#include <aioxx/testing/fault_plan.hpp>

#include "support/catch.hpp"
#include "support/failing_calls.hpp"
#include "support/processes.hpp"

namespace faults {

using namespace aioxx;
using aioxx::testing::fault;
using aioxx::testing::fault_injected;
using aioxx::testing::fault_plan;

inline void demand(bool holds, const std::string& what) {
    if (!holds) throw std::logic_error("not so: " + what);
}

/// How often a protocol was told of its beginning and its end. Outlives it.
struct life {
    int made = 0;
    int lost = 0;
    bool called_late = false;
};

/// A protocol that remembers, and sends back what it gets when it is a server's.
class witness final : public protocol {
public:
    witness(std::shared_ptr<life> told, bool echoes) : told_(std::move(told)), echoes_(echoes) {}

    std::string received;

    coro<> until_received(std::size_t size) {
        while (received.size() < size && told_->lost == 0) {
            changed_.clear();
            co_await changed_.wait();
        }
    }
    coro<> until_lost() { return until_received(static_cast<std::size_t>(-1)); }

    void connection_made(transport& made) override {
        ++told_->made;
        transport_ = &made;
    }
    void data_received(bytes_view data) override {
        look();
        received += data.str();
        if (echoes_) transport_->write(data);
        changed_.set();
    }
    bool eof_received() override {
        look();
        return false;
    }
    void connection_lost(std::exception_ptr) override {
        look();
        ++told_->lost;
        changed_.set();
    }

private:
    void look() const {
        if (told_->made != 1 || told_->lost != 0) told_->called_late = true;
    }

    std::shared_ptr<life> told_;
    bool echoes_;
    transport* transport_ = nullptr;
    event changed_;
};

/// What a scene is given, and what is looked at after it.
class stage {
public:
    /// One that begins now.
    std::shared_ptr<life> new_life() { return lives_.emplace_back(std::make_shared<life>()); }

    /// A factory of protocols. Parameters: `echo` whether they send back what they get.
    auto protocols(bool echo) {
        return [this, echo] { return std::make_shared<witness>(new_life(), echo); };
    }

    void follow(event_loop& loop) {
        loop.set_exception_handler([this](const exception_context& context) {
            if (is_expected(context.exception)) return;
            unexpected_ += context.message + ": " + describe(context.exception) + "; ";
        });
    }

    void check() const {
        demand(unexpected_.empty(), "only what follows from a fault is reported; there was " + unexpected_);
        for (const auto& each : lives_) {
            const bool once = each->made <= 1 && each->lost == each->made;
            demand(once, "connection_made and connection_lost are called once each");
            demand(!each->called_late, "callbacks come between connection_made and connection_lost");
        }
    }

    /// Whether an error is one that a user of the operation has to reckon with.
    static bool is_expected(const std::exception_ptr& failure) {
        try {
            if (failure) std::rethrow_exception(failure);
            return false;
        } catch (const broken_error&) {
        } catch (const incomplete_read_error&) {
        } catch (const fault_injected&) {
        } catch (const cancelled_error&) {
        } catch (const error_group& group) {
            for (const std::exception_ptr& each : group.exceptions()) {
                if (!is_expected(each)) return false;
            }
        } catch (const std::exception&) {
            return false;
        }
        return true;
    }

private:
    std::vector<std::shared_ptr<life>> lives_;
    std::string unexpected_;
};

/// Asks, waits for the answer, and ends the connection. The server ends with the loop.
inline coro<bool> ask(connection<witness> client) {
    client.transport->write("question");
    co_await client.protocol->until_received(8);
    const bool answered = client.protocol->received == "question";
    client.transport->close();
    co_await client.protocol->until_lost();
    co_return answered;
}
inline coro<bool> ask(stream client) {
    co_await client.writer.send("question\n");
    const bytearray answer = co_await client.reader.read();
    client.writer.close();
    co_await client.writer.wait_closed();
    co_return answer == "question\n";
}
/// The server's side of it.
inline coro<> answer_line(stream_reader reader, stream_writer writer) {
    const bytearray line = co_await reader.readline();
    co_await writer.send(line);
}

/// A scene. It ends early, or throws, when something breaks. Returns: whether everything went well.
using scene = coro<bool> (*)(stage&);

inline constexpr auto patience = std::chrono::seconds(20);

/// What happens to the system calls of a scene, one after the other.
enum class harm {
    broken,       ///< the other end has gone
    exhausted,    ///< there is no memory and no descriptor left
    interrupted,  ///< a signal came: nothing changes
    cut_short     ///< one byte is transferred: nothing changes
};

inline bool changes_nothing(harm kind) { return kind == harm::interrupted || kind == harm::cut_short; }

inline bool receives(std::string_view call) { return call == "recv" || call == "recv of TCP" || call == "read"; }
inline bool transfers(std::string_view call) {
    return receives(call) || call == "send" || call == "sendmsg" || call == "write" || call == "writev" || call == "splice";
}

/// Returns: what becomes of a call; nothing happens to one that this cannot happen to.
inline support::call_fate fate_of(std::string_view call, harm kind) {
    const bool waits = call == "waitid" || call == "waitpid";
    switch (kind) {
        case harm::broken:
            if (waits || call == "vfork" || call == "pipe2" || call == "pidfd_open") return {};
            if (call == "connect") return {.error = ECONNREFUSED};
            if (call == "accept4") return {.error = ECONNABORTED};
            if (receives(call)) return {.error = ECONNRESET};
            if (transfers(call)) return {.error = EPIPE};
            return {.error = EINVAL};
        case harm::exhausted:
            if (waits) return {};
            if (call == "accept4") return {.error = ECONNABORTED};  // EMFILE, after which it rests: tests/net
            if (call == "socket" || call == "pipe2" || call == "fcntl") return {.error = EMFILE};
            if (call == "vfork") return {.error = EAGAIN};
            return {.error = ENOMEM};
        case harm::interrupted:
            if (transfers(call) || waits || call == "accept4") return {.error = EINTR};
            return {};
        case harm::cut_short:
            // A receive of TCP that stops short says that there is no more: the sends that are cut make it stop.
            return {.error = 0, .cut_short = transfers(call) && call != "recv of TCP"};
    }
    return {};
}

/// Plays a scene once. Parameters: `begin` is called on its loop. Returns: whether everything went well.
/// Errors: std::logic_error naming what is not as it should be; unexpected ones of the scene.
inline bool play(scene played, const std::function<void(event_loop&)>& begin, const std::function<void()>& end) {
    const std::size_t before = support::open_descriptors();
    stage on;
    bool well = false;
    const std::exception_ptr failure = testing::failure_of([&] {
        run([](stage& place, scene what, const std::function<void(event_loop&)>& started,
               const std::function<void()>& ended, bool& went_well) -> coro<> {
            place.follow(get_running_loop());
            started(get_running_loop());
            const scope_exit over([&ended] { ended(); });
            went_well = co_await wait_for(what(place), patience);
        }(on, played, begin, end, well));
    });
    if (failure && !stage::is_expected(failure)) std::rethrow_exception(failure);
    on.check();
    demand(support::open_descriptors() == before, "every descriptor is closed");
    demand(support::has_no_children(), "every child was waited for");
    return well && !failure;
}

/// Visits every system call of a scene. Returns: how many there are.
inline std::size_t visit_calls(harm kind, scene played) {
    return fault_plan::visit(
        fault::failed_operation,
        [&](fault_plan& plan) {
            std::unique_ptr<support::call_judge> judge;
            const auto ask = [&](std::string_view call) -> support::call_fate {
                const support::call_fate fate = fate_of(call, kind);
                if (fate.error == 0 && !fate.cut_short) return fate;
                try {
                    plan.check(std::string(call).c_str());
                } catch (const fault_injected&) {
                    return fate;
                }
                return {};
            };
            const bool well = play(
                played, [&](event_loop&) { judge = std::make_unique<support::call_judge>(ask); },
                [&] { judge.reset(); });
            demand(well || (plan.struck() && !changes_nothing(kind)), "the scene comes through");
        },
        {.check_frames = true});
}

/// Visits every place of a scene where a task can be cancelled, or an allocation can fail. Returns: how many there are.
inline std::size_t visit_tasks(fault kind, scene played) {
    return fault_plan::visit(
        kind,
        [&](fault_plan& plan) {
            const bool well = play(
                played, [&](event_loop& loop) { plan.watch(loop); }, [] {});
            demand(well || plan.struck(), "the scene comes through");
        },
        {.check_frames = true});
}

struct named_scene {
    const char* name;
    scene played;
};

inline void check_calls(harm kind, std::span<const named_scene> scenes) {
    for (const named_scene& each : scenes) {
        INFO(each.name);
        std::size_t visited = 0;
        CHECK_NOTHROW(visited = visit_calls(kind, each.played));
        CHECK(visited >= 2);
    }
}

// Not each scene has tasks of its own.
inline void check_tasks(fault kind, std::span<const named_scene> scenes) {
    std::size_t visited = 0;
    for (const named_scene& each : scenes) {
        INFO(each.name);
        CHECK_NOTHROW(visited += visit_tasks(kind, each.played));
    }
    CHECK(visited > 0);
}

}  // namespace faults

// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/check_datagram.hpp: the laws of datagram transports, written once and run over every implementation.
//
//     for (const datagram_law& law : datagram_laws()) run(law.check(make_pair));

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/datagram_protocol.hpp>
#include <aioxx/io/datagram_transport.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/testing/call_log.hpp>
#include <aioxx/testing/demand.hpp>
#include <aioxx/testing/report_collector.hpp>

namespace aioxx::testing {

/// A datagram protocol that remembers what happened to it and lets a task wait for more.
class datagram_observer : public datagram_protocol, public call_log {
public:
    std::vector<bytearray> received;
    std::vector<endpoint> senders;
    std::vector<std::error_code> errors;
    std::exception_ptr reason;  ///< of connection_lost
    std::function<void()> on_datagram, on_resume, on_lost;

    [[nodiscard]] datagram_transport& transport() const {
        if (transport_ == nullptr) throw check_failed("connection_made has not been called");
        return *transport_;
    }

    /// Cancellation: safe.
    coro<> until_received(std::size_t datagrams) {
        return until([this, datagrams] { return received.size() >= datagrams; });
    }

    void connection_made(datagram_transport& made) override {
        transport_ = &made;
        note("connection_made");
    }
    void datagram_received(bytes_view data, const endpoint& sender) override {
        received.emplace_back(data);
        senders.push_back(sender);
        note("datagram_received");
        if (on_datagram) on_datagram();
    }
    void error_received(std::error_code why) override {
        errors.push_back(why);
        note("error_received");
    }
    void connection_lost(std::exception_ptr why) override {
        reason = std::move(why);
        note("connection_lost");
        if (on_lost) on_lost();
    }
    void pause_writing() override { note("pause_writing"); }
    void resume_writing() override {
        note("resume_writing");
        if (on_resume) on_resume();
    }

private:
    datagram_transport* transport_ = nullptr;
};

/// Two endpoints: `a` is connected to `b`, and `b` is not connected.
struct datagram_pair {
    std::shared_ptr<datagram_transport> a;
    std::shared_ptr<datagram_transport> b;
};

/// Makes a pair and returns after connection_made was called on both protocols.
using make_datagram_pair =
    std::function<coro<datagram_pair>(std::shared_ptr<datagram_protocol> for_a, std::shared_ptr<datagram_protocol> for_b)>;

/// A named law. Cancellation: of check(): leaves the pair as it is, for its loop to end.
struct datagram_law {
    std::string name;
    std::function<coro<>(const make_datagram_pair&)> check;
};

namespace datagram_checks {

struct connected {
    std::shared_ptr<datagram_observer> a = std::make_shared<datagram_observer>();
    std::shared_ptr<datagram_observer> b = std::make_shared<datagram_observer>();
    datagram_pair ends;

    coro<> connect(make_datagram_pair make) { ends = co_await make(a, b); }
    coro<> end() {
        ends.a->abort();
        ends.b->abort();
        co_await a->until_lost();
        co_await b->until_lost();
    }
};

inline coro<> law_whole(make_datagram_pair make) {
    connected pair;
    co_await pair.connect(make);
    const std::size_t sizes[] = {1, 0, 1400, 0, 9000, 2};
    std::size_t next = 0;
    for (const std::size_t size : sizes) {
        bytearray data;
        data.resize(size, std::byte('a' + static_cast<char>(next)));
        pair.ends.a->sendto(data);
        co_await pair.b->until_received(++next);
        demand(pair.b->received.back() == data, "a datagram arrives whole, also an empty one (T23)");
    }
    demand(pair.a->calls.size() == 1, "nothing else is called");
    co_await pair.end();
}

inline coro<> law_answer(make_datagram_pair make) {
    connected pair;
    co_await pair.connect(make);
    pair.ends.a->sendto("question");
    co_await pair.b->until_received(1);
    demand(pair.b->senders.back().family() != AF_UNSPEC, "the sender is named");
    pair.ends.b->sendto("answer", pair.b->senders.back());
    co_await pair.a->until_received(1);
    demand(pair.a->received.back() == "answer", "an answer to the sender arrives");
    co_await pair.end();
}

inline coro<> law_receivers(make_datagram_pair make) {
    connected pair;
    co_await pair.connect(make);
    const auto refuses = [](datagram_transport& on, const std::optional<endpoint>& to) {
        try {
            on.sendto("x", to);
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    const auto own = pair.ends.a->get_extra_info(extra_info::sockname);
    demand(refuses(*pair.ends.b, std::nullopt), "an endpoint that is not connected needs a receiver");
    demand(refuses(*pair.ends.a, own), "a connected endpoint refuses another receiver");
    const auto peer = pair.ends.a->get_extra_info(extra_info::peername);
    demand(peer && !refuses(*pair.ends.a, peer), "but takes its peer");
    co_await pair.b->until_received(1);
    co_await pair.end();
}

inline coro<> law_close(make_datagram_pair make) {
    connected pair;
    co_await pair.connect(make);
    pair.ends.a->sendto("the last");
    pair.ends.a->close();
    pair.ends.a->close();
    demand(pair.ends.a->is_closing() && pair.a->count("connection_lost") == 0, "close is scheduled, and takes effect at once");
    pair.ends.a->sendto("too late");
    demand(pair.ends.a->dropped_writes() == 1, "what is sent after close is dropped and counted");
    co_await pair.a->until_lost();
    demand(!pair.a->reason, "close is no error");
    co_await pair.b->until_received(1);
    demand(pair.b->received.size() == 1 && pair.b->received.back() == "the last", "what was sent before arrives");
    demand(!pair.a->transport().get_extra_info(extra_info::sockname), "a closed endpoint knows nothing");
    pair.ends.b->abort();
    co_await pair.b->until_lost();
    demand(pair.b->count("connection_lost") == 1 && pair.a->count("connection_lost") == 1, "connection_lost comes once");
}

inline coro<> law_throwing(make_datagram_pair make) {
    connected pair;
    co_await pair.connect(make);
    report_collector reports;
    pair.b->on_datagram = [] { throw std::runtime_error("from datagram_received"); };
    pair.ends.a->sendto("x");
    co_await pair.b->until_lost();
    demand(reports.seen.size() == 1 && reports.seen[0].message == "exception in datagram_received", "it is reported");
    demand(pair.b->reason != nullptr, "and is the reason of the end");
    pair.ends.a->abort();
    co_await pair.a->until_lost();
}

inline coro<> law_end_inside(make_datagram_pair make) {
    for (const bool aborts : {false, true}) {
        connected pair;
        co_await pair.connect(make);
        pair.b->on_datagram = [&] { aborts ? pair.ends.b->abort() : pair.ends.b->close(); };
        for (int count = 0; count < 5; ++count) pair.ends.a->sendto("x");
        co_await pair.b->until_lost();
        demand(pair.b->received.size() == 1, "nothing is delivered after close and abort");
        pair.ends.a->abort();
        co_await pair.a->until_lost();
    }
}

inline coro<> law_set_protocol(make_datagram_pair make) {
    connected pair;
    co_await pair.connect(make);
    const auto next = std::make_shared<datagram_observer>();
    pair.b->on_datagram = [&] { pair.ends.b->set_protocol(next); };
    pair.ends.a->sendto("first");
    pair.ends.a->sendto("second");
    co_await next->until_received(1);
    demand(next->received.back() == "second" && pair.b->received.size() == 1, "what arrives goes to the new protocol");
    demand(next->count("connection_made") == 0, "which is not told of the connection");
    pair.ends.a->abort();
    pair.ends.b->abort();
    co_await next->until_lost();
    co_await pair.a->until_lost();
}

inline coro<> law_statistics(make_datagram_pair make) {
    connected pair;
    co_await pair.connect(make);
    for (int count = 0; count < 3; ++count) pair.ends.a->sendto("12345");
    co_await pair.b->until_received(3);
    const datagram_statistics sent = pair.ends.a->statistics();
    const datagram_statistics received = pair.ends.b->statistics();
    demand(sent.sent == 3 && sent.sent_bytes == 15 && sent.received == 0, "what was sent is counted");
    demand(received.received == 3 && received.received_bytes == 15, "what was received is counted");
    demand(sent.errors == 0 && sent.dropped == 0 && sent.queued == 0, "and nothing else");
    co_await pair.end();
}

}  // namespace datagram_checks

/// The laws, in the order in which a new transport best meets them.
[[nodiscard]] inline std::vector<datagram_law> datagram_laws() {
    using namespace datagram_checks;
    return {
        {"datagrams arrive whole, empty ones included", law_whole},
        {"the sender can be answered", law_answer},
        {"receivers are checked", law_receivers},
        {"close sends what was sent before, and drops the rest", law_close},
        {"an exception from datagram_received ends the endpoint", law_throwing},
        {"datagram_received may close and abort", law_end_inside},
        {"the protocol can be replaced at any time", law_set_protocol},
        {"everything is counted", law_statistics},
    };
}

}  // namespace aioxx::testing

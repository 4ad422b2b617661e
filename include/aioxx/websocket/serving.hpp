// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/serving.hpp: what a WebSocket server and its clients share: who is there, who is let in, and how they are seen
// off. A client is a guest during its opening and its closing handshake, and a visitor while it has a handler.

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/core/task_options.hpp>
#include <aioxx/streams/handler_task.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/hook.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/take_over.hpp>

namespace aioxx::websocket::detail {

using handler_function = std::function<coro<>(connection)>;

struct visitor_tag;

// What a server and its clients share.
class serving : public std::enable_shared_from_this<serving>, pinned {
public:
    // A client in its opening handshake, or in the closing one behind the handler. Lives in the frame of the task of that.
    class guest : public list_node<> {
    public:
        explicit guest(serving& at) : at_(at), task_(current_task()) { at_.guests_.push_back(*this); }
        guest(serving& at, connection ending) : guest(at) {
            opened = std::move(ending);
            at_.admit(*this);
        }
        ~guest() {
            unlink();
            at_.turn_away(*this);
            at_.tell_left();
        }

        std::optional<connection> opened;

    private:
        friend class serving;
        bool admitted_ = false;
        serving& at_;
        task_base* task_;
    };

    // A client with its handler: the task of that.
    class visitor final : public aioxx::detail::handler_task, public list_node<visitor_tag> {
    public:
        visitor(event_loop& loop, coro<>&& handling, const task_options& options, serving& at, connection opened)
            : handler_task(loop, std::move(handling), options), at_(at), opened_(std::move(opened)) {
            ++at_.admitted_;
            at_.visitors_.push_back(*this);
            at_.self_ = at_.shared_from_this();
        }
        ~visitor() override {
            if (is_visiting()) leave();
        }

    private:
        friend class serving;
        [[nodiscard]] bool is_visiting() const noexcept { return list_node<visitor_tag>::is_linked(); }
        void ended(const std::exception_ptr& thrown) noexcept override;
        void leave() noexcept {
            list_node<visitor_tag>::unlink();
            --at_.admitted_;
            at_.tell_left();
            if (at_.visitors_.empty()) const auto last = std::move(at_.self_);
        }

        serving& at_;
        connection opened_;
    };

    serving(handler_function handle, request_hook handlers_hook, serve_options settings)
        : handler(std::move(handle)),
          process_request(std::move(handlers_hook)),
          options(std::move(settings)),
          uncompressed(std::make_shared<const connection_limits>(limits_of(options))) {}

    const handler_function handler;
    const request_hook process_request;  // the handler's own, behind that of the options
    const serve_options options;
    const std::shared_ptr<const connection_limits> uncompressed;  // those of connections that do not compress
    aioxx::event left;  // set for a moment when a client has gone

    // Returns: why a client is not let in, or nullptr.
    [[nodiscard]] const char* refuses() const noexcept {
        if (closed_) return "the server is shutting down";
        const bool full = options.max_connections != 0 && admitted_ >= options.max_connections;
        return full ? "the server has as many connections as it may" : nullptr;
    }
    // Requires: it has not been let in.
    void admit(guest& one) noexcept {
        one.admitted_ = true;
        ++admitted_;
    }
    void turn_away(guest& one) noexcept {
        if (std::exchange(one.admitted_, false)) --admitted_;
    }

    void add(guest& one, connection opened) {
        one.opened = std::move(opened);
        if (close_status_) begin_close(*one.opened);  // the server was closed while the response left
    }

    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] bool empty() const noexcept { return guests_.empty() && visitors_.empty(); }

    void close() noexcept { closed_ = true; }
    void close_connections(close_status status) {
        close_status_ = std::move(status);
        for_each_connection([this](const connection& one) { begin_close(one); });
    }
    void cancel_handlers() {
        for (guest* one = guests_.front(); one != nullptr; one = guests_.next(*one)) one->task_->cancel();
        for (visitor* one = visitors_.front(); one != nullptr; one = visitors_.next(*one)) one->cancel();
    }

    [[nodiscard]] std::vector<connection> connections() const {
        std::vector<connection> open;
        for_each_connection([&open](const connection& one) {
            if (one.is_open()) open.push_back(one);
        });
        return open;
    }

private:
    template <class Action>
    void for_each_connection(Action action) const {
        for (guest* one = guests_.front(); one != nullptr; one = guests_.next(*one)) {
            if (one->opened) action(*one->opened);
        }
        for (visitor* one = visitors_.front(); one != nullptr; one = visitors_.next(*one)) action(one->opened_);
    }
    void begin_close(const connection& one) const {
        if (!one.is_open()) return;
        one.machine().endpoint().send_close(close_status_->code, close_status_->reason);
        one.machine().flush_output();
    }
    void tell_left() {
        left.set();
        left.clear();
    }

    intrusive_list<guest> guests_;
    intrusive_list<visitor, visitor_tag> visitors_;
    std::shared_ptr<serving> self_;  // while there are visitors
    std::size_t admitted_ = 0;       // clients that were or are about to be told 101
    std::optional<close_status> close_status_;
    bool closed_ = false;  // whoever still comes is turned away
};

// Reports what a handler threw; but connection_closed is the usual way to learn that the peer has gone. Returns: what to
// close with.
inline close_code code_after(const std::exception_ptr& thrown, const connection& handled) {
    if (!thrown) return close_code::normal_closure;
    try {
        std::rethrow_exception(thrown);
    } catch (const connection_closed&) {
        return close_code::normal_closure;
    } catch (const std::exception&) {
        get_running_loop().call_exception_handler(
            {"exception in a WebSocket handler", thrown, handled.request().target});
        return close_code::internal_error;
    }
}

// The closing handshake behind a handler.
inline coro<> see_off(std::shared_ptr<serving> at, connection handled, close_code code) {
    const serving::guest client(*at, handled);
    co_await handled.close(code);
}

inline void serving::visitor::ended(const std::exception_ptr& thrown) noexcept {
    if (!is_visiting()) return;
    if (!is_cancelled(thrown)) {
        loop().guarded(
            [&] {
                const close_code code = code_after(thrown, opened_);
                create_task(loop(), see_off(at_.shared_from_this(), opened_, code),
                            {.name = "connection", .eager_start = true});
            },
            "exception at the end of a WebSocket handler");
    }
    leave();
    const connection dropped = std::move(opened_);
}

inline void start_handler(serving& at, const connection& opened) {
    event_loop& loop = get_running_loop();
    const task_options options = aioxx::detail::handler_task::options_for(loop);
    const state_ptr started(new serving::visitor(loop, at.handler(opened), options, at, opened));
    started->start(true);  // as a part of the task that has opened the connection
}

}  // namespace aioxx::websocket::detail

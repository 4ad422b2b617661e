// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/keepalive.hpp: pings on the way, and the schedule that sends them to a quiet peer.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/websocket/options.hpp>

namespace aioxx::websocket {

/// Pings that wait for their pong. A pong answers the ping with its payload and all those before it (RFC 6455 5.5.3).
class pending_pings {
public:
    [[nodiscard]] bool contains(bytes_view payload) const noexcept {
        for (const ping& sent : pings_) {
            if (payload == bytes_view(sent.payload)) return true;
        }
        return false;
    }

    /// Notes a ping. Returns: what its pong will be, the time it took.
    future<duration> add(event_loop& loop, bytes_view payload) {
        pings_.push_back({std::string(payload.str()), loop.time(), future<duration>(loop)});
        return pings_.back().answered;
    }

    /// A pong has come. Returns: the time it took, or nothing when no ping asked for it.
    std::optional<duration> answer(bytes_view payload, time_point now) {
        if (!contains(payload)) return std::nullopt;
        for (;;) {
            ping sent = std::move(pings_.front());
            pings_.pop_front();
            if (!sent.answered.done()) sent.answered.set_result(now - sent.sent_at);
            if (payload == bytes_view(sent.payload)) return now - sent.sent_at;
        }
    }

    /// No pong will come any more.
    void fail(const std::exception_ptr& reason) {
        for (ping& sent : std::exchange(pings_, {})) {
            if (!sent.answered.done()) sent.answered.set_exception(reason);
            sent.answered.shared_state()->mark_retrieved();
        }
    }

private:
    struct ping {
        std::string payload;
        time_point sent_at;
        future<duration> answered;
    };

    std::deque<ping> pings_;
};

/// Calls for a ping at every interval, and says when its pong is overdue. While a pong is awaited no other ping
/// is called for, unless pongs have no time limit.
class keepalive : pinned {
public:
    /// Parameters: `ping` sends one; `overdue` is called once when no pong has come in time.
    keepalive(event_loop& loop, optional_time interval, optional_time timeout, function<void()> ping,
              function<void()> overdue)
        : loop_(loop), interval_(interval), timeout_(timeout), ping_(std::move(ping)), overdue_(std::move(overdue)) {}
    ~keepalive() { stop(); }

    void start() { schedule_ping(loop_.time()); }

    /// A pong has come.
    void answered() {
        if (!std::exchange(waiting_, false)) return;
        overdue_timer_.cancel();
        schedule_ping(sent_at_);
    }

    void stop() noexcept {
        waiting_ = false;
        next_.cancel();
        overdue_timer_.cancel();
    }

private:
    void schedule_ping(time_point former) {
        if (interval_) next_ = loop_.call_at(former + *interval_, [this] { send(); });
    }

    void send() {
        sent_at_ = loop_.time();
        if (timeout_) {
            waiting_ = true;
            overdue_timer_ = loop_.call_later(*timeout_, [this] { overdue_(); });
        } else {
            schedule_ping(sent_at_);
        }
        ping_();
    }

    event_loop& loop_;
    optional_time interval_;
    optional_time timeout_;
    function<void()> ping_;
    function<void()> overdue_;
    handle next_;
    handle overdue_timer_;
    time_point sent_at_{};  // the latest ping
    bool waiting_ = false;  // for a pong that has a time limit
};

}  // namespace aioxx::websocket

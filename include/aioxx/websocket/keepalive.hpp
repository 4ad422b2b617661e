// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/keepalive.hpp: pings on the way, and the schedule that sends them to a quiet peer.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/timer_queue.hpp>
#include <aioxx/websocket/options.hpp>

namespace aioxx::websocket {

/// Pings that wait for their pong. A pong answers the ping with its payload and all those before it (RFC 6455 5.5.3).
class pending_pings {
public:
    [[nodiscard]] bool empty() const noexcept { return pings_.empty(); }
    [[nodiscard]] bool contains(bytes_view payload) const noexcept { return find(payload) != pings_.end(); }

    /// Notes a ping. Returns: what its pong will be, the time it took.
    future<duration> add(event_loop& loop, bytes_view payload) {
        pings_.push_back({std::string(payload.str()), loop.time(), future<duration>(loop)});
        return pings_.back().answered;
    }

    /// A pong has come. Returns: the time it took, or nothing when no ping asked for it.
    std::optional<duration> answer(bytes_view payload, time_point now) {
        const auto asked = find(payload);
        if (asked == pings_.end()) return std::nullopt;
        const duration took = now - asked->sent_at;
        for (auto sent = pings_.cbegin(); sent <= asked; ++sent) {
            if (!sent->answered.done()) sent->answered.set_result(now - sent->sent_at);
        }
        pings_.erase(pings_.cbegin(), asked + 1);
        if (pings_.empty()) pings_ = {};
        return took;
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

    [[nodiscard]] std::vector<ping>::const_iterator find(bytes_view payload) const noexcept {
        return std::find_if(pings_.begin(), pings_.end(),
                            [&](const ping& sent) { return payload == bytes_view(sent.payload); });
    }

    std::vector<ping> pings_;  // oldest first; a vector because it holds no memory while there are none
};

/// The times of a keepalive.
struct keepalive_times {
    optional_time interval;  ///< between pings; none: no pings
    optional_time timeout;   ///< of their pongs; none: no limit
};

/// Calls for a ping at every interval, and says when its pong is overdue. While a pong is awaited no other ping
/// is called for, unless pongs have no time limit. Base of who sends them.
class keepalive : private timer_node {
public:
    void start() { schedule_ping(loop_.time()); }

    /// A pong has come.
    void answered() {
        if (!waiting_) return;
        const time_point sent_at = when() - *times().timeout;
        stop();
        schedule_ping(sent_at);
    }

    void stop() noexcept {
        waiting_ = false;
        disarm();
        unlink();
    }

protected:
    explicit keepalive(event_loop& loop) noexcept : loop_(loop) {}
    ~keepalive() { stop(); }

    [[nodiscard]] event_loop& loop() const noexcept { return loop_; }

    /// Always the same: they are not kept here.
    [[nodiscard]] virtual keepalive_times times() const noexcept = 0;
    /// It is time for a ping.
    virtual void send_keepalive_ping() = 0;
    /// No pong has come in time. Called once.
    virtual void on_pong_overdue() = 0;

private:
    void schedule_ping(time_point former) {
        if (const optional_time interval = times().interval) loop_.schedule_at(*this, former + *interval);
    }

    void run() override {
        if (waiting_) {
            waiting_ = false;
            return on_pong_overdue();
        }
        const time_point now = loop_.time();
        const optional_time timeout = times().timeout;
        waiting_ = timeout.has_value();
        if (waiting_) {
            loop_.schedule_at(*this, now + *timeout);
        } else {
            schedule_ping(now);
        }
        send_keepalive_ping();
    }

    event_loop& loop_;
    bool waiting_ = false;  // for a pong that has a time limit; else for the next ping
};

}  // namespace aioxx::websocket

// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/replayer.hpp: plays one end of a recorded connection, and compares what the other one does with
// what it did then. A session that was recorded once becomes a test that needs no peer.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/memory_link.hpp>
#include <aioxx/testing/trace.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx::testing {

/// The tested end did something else than the trace says; the text tells in which line, and what.
class replay_failed : public error {
    using error::error;
};

/// How patient a replayer is.
struct replay_options {
    duration patience = std::chrono::seconds(10);  ///< with an answer that does not come
    duration linger = std::chrono::seconds(1);     ///< after the last event, for what is too much
};

/// A protocol that plays the end which the recorded one talked to: it sends what the trace has as received,
/// and demands what the trace has as sent.
///
/// It sends at the times of the trace, but never before the tested end has sent all that stands above it;
/// when the tested end sends, and in which pieces, does not matter. Whether the tested end closes in good
/// order or breaks the connection does not matter either: `> eof` and `> lost` demand that it ends.
/// Example:
///     // A server, tested with what a client of it has recorded:
///     auto player = std::make_shared<testing::replayer>(testing::trace::load("client.trace").reversed());
///     auto hand_out = [player] { return player; };
///     co_await create_connection(hand_out, "127.0.0.1", port);
///     co_await player->play();
class replayer final : public protocol {
public:
    explicit replayer(trace script, replay_options options = {})
        : script_(std::move(script)), options_(options) {
        skip_received();
    }

    /// Sets what plays `< lost`; without it that is transport::abort.
    void set_reset(function<void()> reset) { reset_ = std::move(reset); }

    /// Plays the trace from its start to its end, once; then the connection is aborted.
    ///
    /// Errors: replay_failed. Cancellation: partial: the connection is aborted.
    coro<> play();

    void connection_made(aioxx::transport& made) override {
        connection_ = &made;
        changed_.set();
    }
    void data_received(bytes_view data) override {
        while (!data.empty() && failure_.empty()) compare(data);
        changed_.set();
    }
    bool eof_received() override {
        compare_end("the end of the stream");
        return true;
    }
    void connection_lost(std::exception_ptr reason) override {
        connection_ = nullptr;
        if (!hung_up_) compare_end("the loss of the connection (" + describe(reason) + ')');
    }

private:
    // The event that the tested end has to bring about next, or null.
    [[nodiscard]] const trace_event* due() const noexcept {
        return next_ < script_.events().size() ? &script_.events()[next_] : nullptr;
    }
    void skip_received() {
        while (due() != nullptr && due()->way == trace_event::direction::received) ++next_;
    }
    void next() {
        ++next_;
        offset_ = 0;
        skip_received();
    }

    void compare(bytes_view& data);
    void compare_end(const std::string& got);
    void fail(const std::string& got);

    template <class Condition>
    coro<bool> until(Condition condition, duration limit);
    coro<> pass_time(duration delay);
    coro<> demand_all_before(std::size_t index);
    void carry_out(const trace_event& event);
    void hang_up() {
        hung_up_ = true;
        if (connection_ != nullptr) connection_->abort();
    }
    void throw_failure() const {
        if (!failure_.empty()) throw replay_failed(failure_);
    }

    trace script_;
    replay_options options_;
    function<void()> reset_;
    aioxx::transport* connection_ = nullptr;  // from connection_made to connection_lost
    std::size_t next_ = 0;                    // of the events, see due()
    std::size_t offset_ = 0;                  // in the bytes of that event
    std::size_t seen_ = 0;                    // bytes that were right, in all
    bool ended_ = false;                      // the tested end has, where it should
    bool hung_up_ = false;                    // we have
    std::string failure_;                     // the first difference, or empty
    event changed_;
};

/// Plays a trace that was recorded at one end against a protocol that takes that end, over a memory link.
///
/// Parameters: `tested` is told of the connection, and at the end of its loss.
/// Errors: replay_failed. Cancellation: partial: the connection is aborted.
/// Example:
///     test_loop loop;
///     loop.run(testing::replay(testing::trace::load("server.trace"),
///     std::make_shared<my_server_protocol>()));
inline coro<> replay(trace script, std::shared_ptr<base_protocol> tested, replay_options options = {});

// ---- definitions ----

inline coro<> replayer::play() {
    const scope_exit at_the_end([this] { hang_up(); });
    const auto connected = [this] { return connection_ != nullptr; };
    if (!co_await until(connected, options_.patience)) {
        throw replay_failed("expected a connection, got none for " + to_text(options_.patience));
    }
    event_loop& loop = get_running_loop();
    const time_point start = loop.time();
    for (std::size_t i = 0; i < script_.events().size(); ++i) {
        const trace_event& event = script_.events()[i];
        if (event.way == trace_event::direction::sent) continue;
        co_await pass_time(add_saturated(start, event.at) - loop.time());
        co_await demand_all_before(i);
        carry_out(event);
    }
    co_await demand_all_before(script_.events().size());
    co_await pass_time(options_.linger);
}

// Takes away from the front what is right.
inline void replayer::compare(bytes_view& data) {
    if (due() == nullptr || due()->what != trace_event::kind::bytes) return fail(to_short_literal(data));
    const bytes_view wanted = due()->data.view().subview(offset_);
    const std::size_t size = std::min(wanted.size(), data.size());
    const auto difference = std::mismatch(wanted.begin(), wanted.begin() + size, data.begin());
    const auto right = static_cast<std::size_t>(difference.first - wanted.begin());
    offset_ += right;
    seen_ += right;
    data.remove_prefix(right);
    if (right < size) return fail(to_short_literal(data));
    if (right == wanted.size()) next();
}

inline void replayer::compare_end(const std::string& got) {
    if (due() != nullptr && due()->what != trace_event::kind::bytes) {
        ended_ = true;
        next();
    } else if (due() != nullptr || !ended_) {  // the loss that follows the end of the stream is no news
        fail(got);
    }
    changed_.set();
}

inline void replayer::fail(const std::string& got) {
    if (!failure_.empty()) return;
    std::string expected = "nothing more";
    if (const trace_event* event = due()) {
        failure_ = "line " + std::to_string(event->line);
        expected =
            event->what == trace_event::kind::eof ? "the end of the stream" : "the loss of the connection";
        if (event->what == trace_event::kind::bytes) {
            failure_ += ", byte " + std::to_string(offset_) + " (byte " + std::to_string(seen_) + " of all)";
            expected = to_short_literal(event->data.view().subview(offset_));
        }
    } else {
        failure_ = "after the last line";
    }
    failure_ += ": expected " + expected + ", got " + got;
}

// Returns: whether the condition holds, now or before the limit.
template <class Condition>
coro<bool> replayer::until(Condition condition, duration limit) {
    event_loop& loop = get_running_loop();
    const time_point deadline = add_saturated(loop.time(), limit);
    while (!condition()) {
        changed_.clear();
        try {
            co_await wait_for(changed_.wait(), deadline - loop.time());
        } catch (const timeout_error&) {
            break;
        }
    }
    co_return condition();
}

inline coro<> replayer::pass_time(duration delay) {
    const auto failed = [this] { return !failure_.empty(); };
    co_await until(failed, delay);
    throw_failure();
}

inline coro<> replayer::demand_all_before(std::size_t index) {
    const auto decided = [this, index] { return next_ >= index || !failure_.empty(); };
    if (!co_await until(decided, options_.patience)) fail("nothing for " + to_text(options_.patience));
    throw_failure();
}

inline void replayer::carry_out(const trace_event& event) {
    if (connection_ == nullptr) return;  // the tested end has gone first
    switch (event.what) {
        case trace_event::kind::bytes:
            return connection_->write(event.data);
        case trace_event::kind::eof:
            if (connection_->can_write_eof()) return connection_->write_eof();
            hung_up_ = true;
            return connection_->close();
        case trace_event::kind::lost:
            hung_up_ = true;
            return reset_ ? reset_() : connection_->abort();
    }
}

inline coro<> replay(trace script, std::shared_ptr<base_protocol> tested, replay_options options) {
    event_loop& loop = get_running_loop();
    memory_link link(loop);
    const auto player = std::make_shared<replayer>(std::move(script), options);
    player->set_reset([&link] { link.reset(); });
    const auto near = std::make_shared<stream_transport>(loop, std::move(link.a), std::move(tested));
    const auto far = std::make_shared<stream_transport>(loop, std::move(link.b), player);
    const scope_exit at_the_end([&near] { near->abort(); });
    near->start();
    far->start();
    co_await player->play();
}

}  // namespace aioxx::testing

// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/scripted_transport.hpp: a byte transport whose peer and whose loop are the test. The test says what
// the peer does, and the protocol is called there and then; the test says what the protocol must have done,
// call by call in their order. No event loop is needed, unless the protocol itself uses one.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/io/buffered_protocol.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/flow_control.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/served_protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/testing/failure_of.hpp>
#include <aioxx/testing/trace.hpp>

namespace aioxx::testing {

/// The protocol did something else than the test expected; the text tells both, and where the test stands.
class script_failed : public error {
    using error::error;
};

/// A transport for tests of protocols, which obeys the rules of io/transport.hpp but one: it does not hold
/// itself.
///
/// What the protocol does is kept in order until the test expects it; calls without effect, a second close
/// for example, are not kept, and writes that follow each other are one. What is owed to the protocol,
/// connection_lost above all, is delivered from within the test's next call, never from within the protocol's
/// own. An exception that a callback throws is kept among the calls, and ends the connection where it does so
/// on every transport.
/// Lifetime: it lives as long as the protocol uses it, as a local variable of the test or in a shared_ptr.
/// Example:
///     testing::scripted_transport peer(std::make_shared<shouting_echo>());
///     peer.connect();
///     peer.feed_data("hello\n");
///     peer.expect_write("HELLO\n");
///     peer.feed_eof();
///     peer.expect_close();
///     peer.expect_nothing();
class scripted_transport final : public transport {
public:
    /// Errors: std::invalid_argument for none, or for a protocol that is not for byte streams.
    explicit scripted_transport(std::shared_ptr<base_protocol> served) { set_protocol(std::move(served)); }

    // ---- what the peer does. Errors: invalid_state_error before connect() ----

    /// Makes the connection. Errors: invalid_state_error the second time.
    void connect();
    /// Sends bytes. They are one portion for the protocol; while it has paused reading they wait.
    ///
    /// Errors: invalid_state_error after feed_eof.
    void feed_data(bytes_view data);
    /// Ends its half, after the bytes that wait. Errors: invalid_state_error the second time.
    void feed_eof();
    /// Breaks the connection; bytes that wait are lost.
    void reset(std::error_code code = std::make_error_code(std::errc::connection_reset));

    /// Takes no more bytes: what the protocol writes is queued, and pause_writing comes above the high water
    /// mark.
    void clog();
    /// Takes some of the queued bytes, all when there are fewer.
    void take(std::size_t count);
    /// Takes all that is queued, and all that is written from now on.
    void unclog();

    /// Sets what get_extra_info answers.
    template <class T>
    void set_extra_info(const extra_info_key<T>& key, T value) {
        answers_.push_back(
            [&key, kept = std::move(value)](extra_info_query& query) { return query.answer(key, kept); });
    }

    // ---- what the protocol must have done next. Errors: script_failed, and nothing is taken away ----

    /// Bytes were written, in whatever pieces; what was written beyond them is there for the next
    /// expectation. That the peer has taken them is not demanded.
    void expect_write(bytes_view data, std::source_location where = std::source_location::current());
    void expect_write_eof(std::source_location where = std::source_location::current()) {
        expect({call::write_eof, {}}, where);
    }
    void expect_close(std::source_location where = std::source_location::current()) {
        expect({call::close, {}}, where);
    }
    void expect_abort(std::source_location where = std::source_location::current()) {
        expect({call::abort, {}}, where);
    }
    void expect_pause_reading(std::source_location where = std::source_location::current()) {
        expect({call::pause_reading, {}}, where);
    }
    void expect_resume_reading(std::source_location where = std::source_location::current()) {
        expect({call::resume_reading, {}}, where);
    }
    /// A callback has thrown.
    ///
    /// Parameters: `text` its name and what it has thrown: "data_received: no such command".
    void expect_exception(std::string_view text,
                          std::source_location where = std::source_location::current()) {
        expect({call::exception, bytearray(text)}, where);
    }
    /// Nothing more was done.
    void expect_nothing(std::source_location where = std::source_location::current());

    /// Takes the bytes that were written next, for a test that looks at them itself.
    ///
    /// Returns: none when the next step is no write.
    [[nodiscard]] bytearray take_written();

    // ---- base_transport ----

    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        return std::any_of(answers_.begin(), answers_.end(),
                           [&](const auto& answer) { return answer(query); });
    }
    [[nodiscard]] bool is_closing() const noexcept override { return !is_open(); }
    void close() override;
    void set_protocol(std::shared_ptr<base_protocol> served) override;
    [[nodiscard]] std::shared_ptr<base_protocol> get_protocol() const override { return served_.held; }
    [[nodiscard]] std::string describe() const override { return "scripted transport"; }

    // ---- read_transport ----

    [[nodiscard]] bool is_reading() const noexcept override { return is_open() && !paused_ && !eof_seen_; }
    void pause_reading() override {
        if (is_open() && !std::exchange(paused_, true)) note(call::pause_reading);
    }
    void resume_reading() override {
        if (is_open() && std::exchange(paused_, false)) note(call::resume_reading);
    }

    // ---- write_transport ----

    void write(bytes_view data) override { writelines(std::span<const bytes_view>(&data, 1)); }
    void write(bytearray&& data) override { write(data.view()); }
    using transport::writelines;
    void writelines(std::span<const bytes_view> pieces) override;
    void write_eof() override {
        if (is_open() && !std::exchange(eof_written_, true)) note(call::write_eof);
    }
    [[nodiscard]] bool can_write_eof() const noexcept override { return true; }
    void abort() override {
        if (has_ended()) return;
        note(call::abort);
        lose(nullptr);
    }
    void set_write_buffer_limits(write_limits_request limits) override {
        report(flow_.set_limits(write_buffer_limits::from(limits), queued_));
    }
    [[nodiscard]] write_buffer_limits get_write_buffer_limits() const noexcept override {
        return flow_.limits();
    }
    [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return queued_; }
    [[nodiscard]] std::uint64_t dropped_writes() const noexcept override { return dropped_; }

private:
    enum class state { open, closing, lost, dead };
    enum class call { write, write_eof, pause_reading, resume_reading, close, abort, exception };

    struct step {
        call what;
        bytearray data;  // of a write; of an exception its text
    };

    [[nodiscard]] bool is_open() const noexcept { return state_ == state::open; }
    [[nodiscard]] bool has_ended() const noexcept { return state_ == state::lost || state_ == state::dead; }

    void note(call what, bytes_view data = {}) { steps_.push_back({what, bytearray(data)}); }
    [[nodiscard]] static std::string text_of(const step& described);
    [[nodiscard]] std::string next_step() const;
    void expect(const step& wanted, const std::source_location& where);
    [[noreturn]] void fail(const std::string& expected, const std::source_location& where,
                           const std::string& hint = {}) const;

    void peer_does(std::string what);
    void settle();
    void deliver(bytearray data);
    void deliver_eof();
    void deliver_loss();
    template <class Callback>
    std::exception_ptr guarded(const char* name, Callback&& callback);
    void lose(std::exception_ptr reason) {
        if (has_ended()) return;
        state_ = state::lost;
        reason_ = std::move(reason);
        queued_ = 0;
    }
    void sent(std::size_t count);
    void report(flow_control::transition change);

    aioxx::detail::served_protocol served_;
    std::deque<step> steps_;          // done by the protocol, and not expected yet
    std::size_t steps_met_ = 0;       // expectations that were met
    std::string last_ = "nothing";    // that the peer did
    std::deque<bytearray> incoming_;  // portions that wait for the protocol
    std::vector<std::function<bool(extra_info_query&)>> answers_;
    flow_control flow_;
    std::size_t queued_ = 0;  // bytes that the peer has not taken
    std::uint64_t dropped_ = 0;
    std::exception_ptr reason_;  // of the loss

    state state_ = state::open;
    bool made_ = false;  // connection_made was called
    bool clogged_ = false;
    bool paused_ = false;    // by pause_reading
    bool eof_fed_ = false;   // by the test
    bool eof_seen_ = false;  // by the protocol
    bool eof_written_ = false;
    bool delivering_ = false;  // a callback runs that settle() has made
};

// ---- the peer ----

inline void scripted_transport::connect() {
    if (std::exchange(made_, true)) throw invalid_state_error("connect: the connection was made before");
    last_ = "connect()";
    guarded("connection_made", [this] { served_.stream->connection_made(*this); });
    settle();
}

// What comes first in everything that the peer does.
inline void scripted_transport::peer_does(std::string what) {
    if (!made_) throw invalid_state_error(what + ": connect() comes first");
    last_ = std::move(what);
}

inline void scripted_transport::feed_data(bytes_view data) {
    peer_does("feed_data(" + to_short_literal(data) + ')');
    if (eof_fed_) throw invalid_state_error(last_ + ": feed_eof was called before");
    if (!data.empty()) incoming_.emplace_back(data);
    settle();
}

inline void scripted_transport::feed_eof() {
    peer_does("feed_eof()");
    if (std::exchange(eof_fed_, true)) throw invalid_state_error("feed_eof: it was called before");
    settle();
}

inline void scripted_transport::reset(std::error_code code) {
    peer_does("reset()");
    incoming_.clear();
    lose(std::make_exception_ptr(broken_error(code, "receive")));
    settle();
}

inline void scripted_transport::clog() {
    peer_does("clog()");
    clogged_ = true;
}

inline void scripted_transport::take(std::size_t count) {
    peer_does("take(" + std::to_string(count) + ')');
    sent(std::min(count, queued_));
    settle();
}

inline void scripted_transport::unclog() {
    peer_does("unclog()");
    clogged_ = false;
    sent(queued_);
    settle();
}

inline void scripted_transport::sent(std::size_t count) {
    queued_ -= count;
    report(flow_.shrank(queued_));
    if (state_ == state::closing && queued_ == 0) lose(nullptr);
}

// ---- expectations ----

inline std::string scripted_transport::text_of(const step& described) {
    switch (described.what) {
        case call::write:
            return "write(" + to_short_literal(described.data) + ')';
        case call::write_eof:
            return "write_eof()";
        case call::pause_reading:
            return "pause_reading()";
        case call::resume_reading:
            return "resume_reading()";
        case call::close:
            return "close()";
        case call::abort:
            return "abort()";
        case call::exception:
            break;
    }
    return "an exception from " + std::string(described.data.str());
}

inline std::string scripted_transport::next_step() const {
    return steps_.empty() ? "nothing" : text_of(steps_.front());
}

inline void scripted_transport::fail(const std::string& expected, const std::source_location& where,
                                     const std::string& hint) const {
    throw script_failed(aioxx::describe(where) + ": step " + std::to_string(steps_met_ + 1) + ": expected " +
                        expected + ", got " + next_step() + hint + "; the peer's last was " + last_);
}

inline void scripted_transport::expect(const step& wanted, const std::source_location& where) {
    settle();
    if (steps_.empty() || steps_.front().what != wanted.what || steps_.front().data != wanted.data) {
        fail(text_of(wanted), where);
    }
    steps_.pop_front();
    ++steps_met_;
}

inline void scripted_transport::expect_write(bytes_view data, std::source_location where) {
    settle();
    const std::string wanted = text_of({call::write, bytearray(data)});
    if (steps_.empty() || steps_.front().what != call::write) fail(wanted, where);
    bytearray& written = steps_.front().data;
    const std::size_t size = std::min(data.size(), written.size());
    const auto same = std::mismatch(data.begin(), data.begin() + size, written.begin()).first - data.begin();
    if (static_cast<std::size_t>(same) != data.size()) {
        fail(wanted, where, ", which differs at byte " + std::to_string(same));
    }
    written.consume(size);
    if (written.empty()) steps_.pop_front();
    ++steps_met_;
}

inline void scripted_transport::expect_nothing(std::source_location where) {
    settle();
    if (!steps_.empty()) fail("nothing", where);
    ++steps_met_;
}

inline bytearray scripted_transport::take_written() {
    settle();
    if (steps_.empty() || steps_.front().what != call::write) return {};
    bytearray written = std::move(steps_.front().data);
    steps_.pop_front();
    return written;
}

// ---- what the protocol is told ----

inline void scripted_transport::settle() {
    if (!made_ || std::exchange(delivering_, true)) return;
    const scope_exit done([this] { delivering_ = false; });
    while (state_ != state::dead) {
        if (state_ == state::lost) {
            deliver_loss();
        } else if (is_reading() && !incoming_.empty()) {
            bytearray data = std::move(incoming_.front());
            incoming_.pop_front();
            deliver(std::move(data));
        } else if (is_reading() && eof_fed_) {
            deliver_eof();
        } else {
            break;
        }
    }
}

// Returns: what the callback has thrown, or null.
template <class Callback>
std::exception_ptr scripted_transport::guarded(const char* name, Callback&& callback) {
    const auto served = served_.held;  // it may set another one
    std::exception_ptr thrown = failure_of(callback);
    if (thrown) note(call::exception, name + (": " + aioxx::describe(thrown)));
    return thrown;
}

inline void scripted_transport::deliver(bytearray data) {
    std::exception_ptr thrown;
    while (!data.empty() && is_reading() && !thrown) {
        if (served_.plain != nullptr) {
            const bytearray portion = std::exchange(data, {});
            thrown = guarded("data_received", [&] { served_.plain->data_received(portion); });
            continue;
        }
        std::size_t count = 0;
        thrown = guarded("get_buffer", [&] {
            const mutable_bytes_view lent = lend_buffer(*served_.buffered, data.size());
            count = std::min(lent.size(), data.size());
            std::memcpy(lent.data(), data.data(), count);
        });
        if (thrown || !is_reading()) continue;
        data.consume(count);
        thrown = guarded("buffer_updated", [&] { served_.buffered->buffer_updated(count); });
    }
    if (thrown) return lose(std::move(thrown));
    if (!data.empty()) incoming_.push_front(std::move(data));
}

inline void scripted_transport::deliver_eof() {
    eof_seen_ = true;
    bool keep_open = false;
    std::exception_ptr thrown =
        guarded("eof_received", [&] { keep_open = served_.stream->eof_received(); });
    if (thrown) return lose(std::move(thrown));
    if (!keep_open) close();
}

inline void scripted_transport::deliver_loss() {
    guarded("connection_lost", [this] { served_.held->connection_lost(reason_); });
    state_ = state::dead;
    served_ = {};
}

inline void scripted_transport::report(flow_control::transition change) {
    if (change == flow_control::transition::none || has_ended()) return;
    if (change == flow_control::transition::pause) {
        guarded("pause_writing", [this] { served_.held->pause_writing(); });
    } else {
        guarded("resume_writing", [this] { served_.held->resume_writing(); });
    }
}

// ---- what the protocol calls ----

inline void scripted_transport::set_protocol(std::shared_ptr<base_protocol> served) {
    aioxx::detail::served_protocol next(std::move(served));
    if (state_ == state::dead) return;
    served_ = std::move(next);
    eof_seen_ = false;  // the new one is told of the end as well
}

inline void scripted_transport::close() {
    if (!is_open()) return;
    note(call::close);
    state_ = state::closing;
    if (queued_ == 0) lose(nullptr);
}

inline void scripted_transport::writelines(std::span<const bytes_view> pieces) {
    if (!is_open()) return static_cast<void>(++dropped_);
    if (eof_written_) throw invalid_state_error("write: write_eof was called before");
    std::size_t total = 0;
    for (const bytes_view& piece : pieces) {
        if (piece.empty()) continue;
        if (steps_.empty() || steps_.back().what != call::write) note(call::write);
        steps_.back().data.append(piece);
        total += piece.size();
    }
    if (!clogged_) return;
    queued_ += total;
    report(flow_.grew(queued_));
}

}  // namespace aioxx::testing

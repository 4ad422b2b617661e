// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/reader.hpp: the reading half of a stream: lines, blocks, delimiters, everything.
// Each operation is an awaiter that completes without suspending when the bytes are there already.

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/find.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/streams/receive_buffer.hpp>

namespace aioxx {

namespace detail {

// The awaiter of all reading operations. Rules says when the bytes suffice and what they become:
//   using value_type; static constexpr const char* name; static constexpr bool borrows;
//   bool look(receive_buffer&, bytes_view present, std::size_t& used, value_type& value)   may throw
template <class Rules>
class [[nodiscard]] read_awaiter final : public receive_operation {
public:
    read_awaiter(std::shared_ptr<receive_buffer> source, Rules rules)
        : source_(std::move(source)), rules_(std::move(rules)) {}
    ~read_awaiter() { source_->forget(*this); }

    bool await_ready() { return source_->try_now(*this); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        source_->wait(*this, Rules::name);
        this->suspend(coroutine);
    }
    typename Rules::value_type await_resume() {
        // Cancelled after the bytes were taken: they are delivered, or the error that holds them; the next
        // suspension throws.
        if (this->cancelled() && complete_) this->postpone_cancellation();
        this->throw_if_cancelled();
        if (failure_) std::rethrow_exception(failure_);
        return std::move(value_);
    }

    bool look(receive_buffer& source, bytes_view present, std::size_t& used) override {
        try {
            complete_ = rules_.look(source, present, used, value_);
        } catch (...) {  // kept for the coroutine that waits
            failure_ = std::current_exception();
            complete_ = true;
        }
        return complete_;
    }
    void fail(std::exception_ptr reason) noexcept override {
        failure_ = std::move(reason);
        complete_ = true;
    }
    bool borrows() const noexcept override { return Rules::borrows; }

private:
    void cancel_wait() noexcept override {
        source_->forget(*this);
        this->wake_cancelled();
    }
    const char* waits_for() const noexcept override { return Rules::name; }

    std::shared_ptr<receive_buffer> source_;
    Rules rules_;
    typename Rules::value_type value_{};
    std::exception_ptr failure_;
    bool complete_ = false;
};

// At the end of a stream that was cut off: the error comes once everything before it has been read.
inline void throw_if_broken(const receive_buffer& source, bytes_view present) {
    if (source.failure() && present.empty()) std::rethrow_exception(source.failure());
}

// Whatever is there, at most a number of bytes.
struct read_rules {
    using value_type = bytearray;
    static constexpr const char* name = "read";
    static constexpr bool borrows = false;

    std::size_t at_most;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, bytearray& value) const {
        if (at_most == 0) return true;
        if (present.empty() && !source.ended()) return false;
        throw_if_broken(source, present);
        used = std::min(present.size(), at_most);
        value.append(present.first(used));
        return true;
    }
};

struct read_some_rules {
    using value_type = std::size_t;
    static constexpr const char* name = "read_some";
    static constexpr bool borrows = false;

    mutable_bytes_view into;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, std::size_t& value) const {
        if (into.empty()) return true;
        if (present.empty() && !source.ended()) return false;
        throw_if_broken(source, present);
        used = std::min(present.size(), into.size());
        if (used != 0) std::memcpy(into.data(), present.data(), used);
        value = used;
        return true;
    }
};

struct read_view_rules {
    using value_type = bytes_view;
    static constexpr const char* name = "read_view";
    static constexpr bool borrows = true;

    std::size_t at_most;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, bytes_view& value) const {
        if (at_most == 0) return true;
        if (present.empty() && !source.ended()) return false;
        throw_if_broken(source, present);
        used = std::min(present.size(), at_most);
        value = present.first(used);
        return true;
    }
};

// The first bytes, which stay.
struct peek_rules {
    using value_type = bytearray;
    static constexpr const char* name = "peek";
    static constexpr bool borrows = false;

    std::size_t count;

    bool look(receive_buffer& source, bytes_view present, std::size_t&, bytearray& value) const {
        if (present.size() < count && !source.ended()) return false;
        if (count != 0) throw_if_broken(source, present);
        value.append(present.first(std::min(present.size(), count)));
        return true;
    }
};

// Everything until the end. Takes bytes as they come, so that a pause above the limit cannot stop it.
struct read_all_rules {
    using value_type = bytearray;
    static constexpr const char* name = "read";
    static constexpr bool borrows = false;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, bytearray& value) const {
        used = present.size();
        value.append(present);
        if (!source.ended()) return false;
        if (source.failure() && value.empty()) std::rethrow_exception(source.failure());
        return true;
    }
};

struct read_exactly_rules {
    using value_type = bytearray;
    static constexpr const char* name = "readexactly";
    static constexpr bool borrows = false;

    std::size_t count;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, bytearray& value) const {
        if (present.size() >= count) {
            used = count;
            value.append(present.first(count));
            return true;
        }
        if (!source.ended()) return false;
        throw_if_broken(source, present);
        used = present.size();
        throw incomplete_read_error(std::string(present.str()), count);
    }
};

// What readline and readuntil have in common: the search and its limit.
struct until_search_rules {
    until_search search;

    // Errors: limit_error; the bytes are left where they are.
    std::optional<match> find(const receive_buffer& source, bytes_view present) {
        const std::optional<match> found = search.find(present);
        const std::size_t payload = found ? found->begin : search.scanned();
        if (payload <= source.limit()) return found;
        throw limit_error((found ? "separator found, but the part before it is longer than the limit of "
                                 : "separator not found within the limit of ") +
                              std::to_string(source.limit()) + " bytes",
                          payload);
    }
};

struct read_until_rules : until_search_rules {
    using value_type = bytearray;
    static constexpr const char* name = "readuntil";
    static constexpr bool borrows = false;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, bytearray& value) {
        if (const auto found = find(source, present)) {
            used = found->end;
            value.append(present.first(used));
            return true;
        }
        if (!source.ended()) return false;
        throw_if_broken(source, present);
        used = present.size();
        throw incomplete_read_error(std::string(present.str()));
    }
};

// A line and its end; the rest at the end of the stream. A line that is too long is dropped, so that the
// next one can be read.
struct line_search_rules : until_search_rules {
    bytes_view look_for_line(receive_buffer& source, bytes_view present, std::size_t& used, bool& complete) {
        complete = true;
        std::optional<match> found;
        try {
            found = find(source, present);
        } catch (const limit_error&) {
            const std::size_t end = present.find('\n');
            used = end == bytes_view::npos ? present.size() : end + 1;
            throw;
        }
        if (found) {
            used = found->end;
        } else if (source.ended()) {
            throw_if_broken(source, present);
            used = present.size();
        } else {
            complete = false;
        }
        return present.first(used);
    }
};

struct read_line_rules : line_search_rules {
    using value_type = bytearray;
    static constexpr const char* name = "readline";
    static constexpr bool borrows = false;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, bytearray& value) {
        bool complete = false;
        value.append(look_for_line(source, present, used, complete));
        return complete;
    }
};

struct next_line_rules : line_search_rules {
    using value_type = std::optional<bytearray>;
    static constexpr const char* name = "next_line";
    static constexpr bool borrows = false;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, std::optional<bytearray>& value) {
        bool complete = false;
        const bytes_view line = look_for_line(source, present, used, complete);
        if (!line.empty()) value.emplace(line);
        return complete;
    }
};

struct read_line_view_rules : line_search_rules {
    using value_type = bytes_view;
    static constexpr const char* name = "readline_view";
    static constexpr bool borrows = true;

    bool look(receive_buffer& source, bytes_view present, std::size_t& used, bytes_view& value) {
        bool complete = false;
        value = look_for_line(source, present, used, complete);
        return complete;
    }
};

}  // namespace detail

/// The reading half of a stream (asyncio: StreamReader). Copies refer to the same stream.
///
/// Bytes that arrived are read before the error or the end that followed them. The end is a value: read gives
/// an empty bytearray, read_some 0, next_line nothing.
/// Concurrency: one loop, one operation at a time; a second one that has to wait throws busy_error.
class stream_reader {
public:
    /// A reader on its own, fed by the program (asyncio: StreamReader(limit)).
    ///
    /// Parameters: `limit` the longest line in bytes, at least 1.
    explicit stream_reader(std::size_t limit = default_limit)
        : stream_reader(std::make_shared<receive_buffer>(limit), nullptr) {}

    stream_reader(std::shared_ptr<receive_buffer> source, std::shared_ptr<void> connection)
        : source_(std::move(source)), connection_(std::move(connection)) {}

    static constexpr std::size_t default_limit = 64 * 1024;

    /// Reads what is there, at least one byte.
    ///
    /// Parameters: `at_most` bytes; 0 gives nothing at once.
    /// Returns: 1 to `at_most` bytes; none at the end of the stream. Errors: broken_error after a lost connection.
    /// Cancellation: safe, no byte is lost.
    [[nodiscard]] auto read(std::size_t at_most) const { return operation(detail::read_rules{at_most}); }

    /// Reads everything until the end of the stream, whatever the limit.
    ///
    /// Errors: broken_error when the connection broke before anything arrived.
    /// Cancellation: partial, what was read so far is lost.
    [[nodiscard]] auto read() const { return operation(detail::read_all_rules{}); }

    /// Reads into the caller's memory what is there, at least one byte. No allocation.
    ///
    /// Returns: the number of bytes; 0 at the end of the stream. Lifetime: `into` is written until it returns.
    /// Cancellation: safe, no byte is lost.
    [[nodiscard]] auto read_some(mutable_bytes_view into) const { return operation(detail::read_some_rules{into}); }

    /// Reads what is there without copying it out. Returns: at least one byte, or none at the end of the stream.
    ///
    /// Lifetime: the view is valid until the next operation on the reader. Cancellation: safe.
    [[nodiscard]] auto read_view(std::size_t at_most = std::numeric_limits<std::size_t>::max()) const {
        return operation(detail::read_view_rules{at_most});
    }

    /// Waits for a number of bytes and leaves them where they are: what comes next is read as if nobody had looked.
    ///
    /// Parameters: `count` may exceed the limit. Returns: so many bytes; fewer when the stream ends before.
    /// Cancellation: safe. Asyncio: has none; io.BufferedReader.peek.
    [[nodiscard]] auto peek(std::size_t count) const { return operation(detail::peek_rules{count}); }

    /// Puts bytes back: they are read before all others, also after the end.
    ///
    /// Errors: busy_error while another task waits for data. Asyncio: has none.
    void unread(bytes_view bytes) const { source_->put_back(bytes); }

    /// Reads a number of bytes, which may exceed the limit.
    ///
    /// Errors: incomplete_read_error with what there is when the stream ends before. Cancellation: safe.
    [[nodiscard]] auto readexactly(std::size_t count) const { return operation(detail::read_exactly_rules{count}); }

    /// Reads up to and including a separator.
    ///
    /// Errors: std::invalid_argument for an empty separator; limit_error when the part before it exceeds the limit
    /// (the bytes stay); incomplete_read_error with the rest when the stream ends before. Cancellation: safe.
    [[nodiscard]] auto readuntil(bytes_view separator) const {
        return operation(detail::read_until_rules{{until_search(separator)}});
    }

    /// Reads up to and including the separator that ends first; of two that end together the shorter one.
    [[nodiscard]] auto readuntil(const std::vector<bytes_view>& separators) const {
        return operation(detail::read_until_rules{{until_search(std::span<const bytes_view>(separators))}});
    }

    /// Reads a line with its '\n'; the rest without one at the end of the stream; nothing after that.
    ///
    /// Errors: limit_error for a line above the limit; it is dropped as far as it has arrived, and reading may go on.
    /// Cancellation: safe, no byte is lost.
    [[nodiscard]] auto readline() const { return operation(detail::read_line_rules{{{until_search()}}}); }

    /// As readline, without copying the line out. Lifetime: valid until the next operation on the reader.
    /// Cancellation: safe.
    [[nodiscard]] auto readline_view() const {
        return operation(detail::read_line_view_rules{{{until_search()}}});
    }

    /// As readline; nothing at the end: `while (auto line = co_await reader.next_line())`.
    /// Cancellation: safe. Asyncio: `async for line in reader`.
    [[nodiscard]] auto next_line() const { return operation(detail::next_line_rules{{{until_search()}}}); }

    /// Sets the time after which operations that have to wait, also the one that waits now, throw timeout_error.
    /// It holds until another is set. What has arrived can be read, and reading goes on when the deadline is moved; only
    /// read() to the end loses what it had.
    ///
    /// Parameters: `when` a time of the running loop's clock. Asyncio: has none; a deadline of net.Conn in Go.
    /// Example: a peer gets ten seconds for its whole request, however many lines that has:
    ///     reader.expires_after(10s);
    void expires_at(time_point when) const { source_->set_deadline(when); }
    /// As above. Parameters: `delay` from now.
    template <class Rep, class Period>
    void expires_after(std::chrono::duration<Rep, Period> delay) const {
        expires_at(add_saturated(get_running_loop().time(), to_duration(delay)));
    }
    /// Takes the deadline away.
    void expires_never() const { source_->set_deadline(std::nullopt); }

    /// Whether the end has been received and everything before it read.
    [[nodiscard]] bool at_eof() const noexcept { return source_->at_eof(); }

    /// Reads on after the end of a terminal (Ctrl-D) or of a FIFO that has a name.
    ///
    /// Returns: whether something can follow; false where the end is final, and before the end.
    /// Asyncio: has none (python/cpython#103436); clearerr in C.
    bool clear_eof() const { return source_->clear_eof(); }

    /// The error that ended the stream, or null.
    [[nodiscard]] std::exception_ptr exception() const noexcept { return source_->failure(); }

    // ---- the protocol's side ----

    void feed_data(bytes_view data) const { source_->feed(data); }
    void feed_eof() const { source_->feed_eof(); }
    void set_exception(std::exception_ptr exception) const { source_->fail(std::move(exception)); }

private:
    template <class Rules>
    detail::read_awaiter<Rules> operation(Rules rules) const {
        return {source_, std::move(rules)};
    }

    std::shared_ptr<receive_buffer> source_;
    std::shared_ptr<void> connection_;  // keeps the connection open while a half of it is held
};

}  // namespace aioxx

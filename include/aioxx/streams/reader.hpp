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

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/find.hpp>
#include <aioxx/buffer/search.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/streams/receive_buffer.hpp>

namespace aioxx {

namespace detail {

// The awaiter of all reading operations. Rules says when the bytes suffice and what they become:
//   using value_type; static constexpr const char* name; static constexpr bool borrows;
//   bool look(const receive_buffer&, bytes_view present, std::size_t& used)   whether it is complete; may throw
//   std::size_t size                       then: of the part at the front that was found
//   value_type make(bytes_view content)    of that part
// What is found at once is made a value where it is wanted, and needs neither memory here nor a virtual call.
template <class Rules>
class [[nodiscard]] read_awaiter : pinned {
    using value_type = typename Rules::value_type;

public:
    read_awaiter(receive_buffer& source, Rules rules) : source_(source), rules_(std::move(rules)) {}
    ~read_awaiter() {
        if (waited_) std::destroy_at(&wait_);
    }

    bool await_ready() {
        std::size_t used = 0;
        const bytes_view present = source_.begin();
        bool found = false;
        try {
            found = rules_.look(source_, present, used);
        } catch (...) {
            source_.use(used);
            throw;
        }
        if (!found) {
            source_.use(used);
        } else if constexpr (Rules::borrows) {
            source_.lend(used);
        }
        return found;
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        std::construct_at(&wait_, *this);
        waited_ = true;
        wait_.start(coroutine);
    }
    value_type await_resume() {
        if (waited_) return wait_.finish();
        const bytes_view content = source_.present().first(rules_.size);
        if constexpr (Rules::borrows) {
            return content;
        } else {
            return take(content);
        }
    }

private:
    // There only when there is something to wait for.
    class wait final : public receive_operation {
    public:
        explicit wait(read_awaiter& waits) noexcept : of_(waits) {}
        ~wait() {
            if (is_enlisted()) of_.source_.forget(*this);
        }

        template <class Promise>
        void start(std::coroutine_handle<Promise> coroutine) {
            of_.source_.wait(*this, Rules::name);
            this->suspend(coroutine);
        }
        AIOXX_NOINLINE value_type finish() {
            // Cancelled after the bytes were taken: they are delivered, or the error that holds them; the next
            // suspension throws.
            if (this->cancelled() && !outcome_.empty()) this->postpone_cancellation();
            this->throw_if_cancelled();
            return outcome_.take_value();
        }

        bool look(const receive_buffer& source, bytes_view present, std::size_t& used) override {
            Rules& rules = of_.rules_;
            try {
                if (rules.look(source, present, used)) outcome_.set_value(rules.make(present.first(rules.size)));
            } catch (...) {  // kept for the coroutine that waits
                outcome_.set_exception(std::current_exception());
            }
            return !outcome_.empty();
        }
        void fail(std::exception_ptr reason) noexcept override { outcome_.set_exception(std::move(reason)); }
        bool borrows() const noexcept override { return Rules::borrows; }

    private:
        void cancel_wait() noexcept override {
            if (is_enlisted()) of_.source_.forget(*this);
            this->wake_cancelled();
        }
        const char* waits_for() const noexcept override { return Rules::name; }

        read_awaiter& of_;
        result<value_type> outcome_;
    };

    // A function of its own, so that the value is made where it is wanted and need not be moved there.
    value_type take(bytes_view content) {
        value_type value = rules_.make(content);
        if constexpr (!requires { Rules::stays; }) source_.use(content.size());
        return value;
    }

    receive_buffer& source_;
    [[no_unique_address]] Rules rules_;
    bool waited_ = false;
    union {
        wait wait_;
    };
};

// At the end of a stream that was cut off: the error comes once everything before it has been read.
inline void throw_if_broken(const receive_buffer& source, bytes_view present) {
    if (source.failure() && present.empty()) std::rethrow_exception(source.failure());
}

// What is there, at most a number of bytes; nothing at the end.
struct some_bytes_rules {
    std::size_t size;  // at most

    bool look(const receive_buffer& source, bytes_view present, std::size_t& used) {
        if (size == 0) return true;
        if (present.empty() && !source.ended()) return false;
        throw_if_broken(source, present);
        size = used = std::min(present.size(), size);
        return true;
    }
};

struct read_rules : some_bytes_rules {
    using value_type = bytearray;
    static constexpr const char* name = "read";
    static constexpr bool borrows = false;
    static bytearray make(bytes_view content) { return bytearray(content); }
};

struct read_some_rules : some_bytes_rules {
    using value_type = std::size_t;
    static constexpr const char* name = "read_some";
    static constexpr bool borrows = false;

    explicit read_some_rules(mutable_bytes_view memory) : some_bytes_rules{memory.size()}, into(memory.data()) {}
    [[nodiscard]] std::size_t make(bytes_view content) const noexcept {
        if (!content.empty()) std::memcpy(into, content.data(), content.size());
        return content.size();
    }

    std::byte* into;
};

struct read_view_rules : some_bytes_rules {
    using value_type = bytes_view;
    static constexpr const char* name = "read_view";
    static constexpr bool borrows = true;
    static bytes_view make(bytes_view content) noexcept { return content; }
};

// The first bytes, which stay.
struct peek_rules {
    using value_type = bytearray;
    static constexpr const char* name = "peek";
    static constexpr bool borrows = false;
    static constexpr bool stays = true;
    static bytearray make(bytes_view content) { return bytearray(content); }

    std::size_t size;

    bool look(const receive_buffer& source, bytes_view present, std::size_t&) {
        if (present.size() < size && !source.ended()) return false;
        if (size != 0) throw_if_broken(source, present);
        size = std::min(present.size(), size);
        return true;
    }
};

// Everything until the end. Takes bytes as they come, so that a pause above the limit cannot stop it.
struct read_all_rules {
    using value_type = bytearray;
    static constexpr const char* name = "read";
    static constexpr bool borrows = false;
    bytearray make(bytes_view) noexcept { return std::move(all); }

    bytearray all;
    std::size_t size = 0;

    bool look(const receive_buffer& source, bytes_view present, std::size_t& used) {
        all.append(present);
        size = used = present.size();
        if (!source.ended()) return false;
        if (source.failure() && all.empty()) std::rethrow_exception(source.failure());
        return true;
    }
};

struct read_exactly_rules {
    using value_type = bytearray;
    static constexpr const char* name = "readexactly";
    static constexpr bool borrows = false;
    static bytearray make(bytes_view content) { return bytearray(content); }

    std::size_t size;

    bool look(const receive_buffer& source, bytes_view present, std::size_t& used) const {
        if (present.size() >= size) {
            used = size;
            return true;
        }
        if (!source.ended()) return false;
        throw_if_broken(source, present);
        used = present.size();
        throw incomplete_read_error(std::string(present.str()), size);
    }
};

// Errors: limit_error for a part before a separator, or what may become one, that is too long.
inline void check_limit(const receive_buffer& source, const std::optional<match>& found, std::size_t scanned) {
    const std::size_t payload = found ? found->begin : scanned;
    if (payload <= source.limit()) [[likely]] return;
    throw limit_error((found ? "separator found, but the part before it is longer than the limit of "
                             : "separator not found within the limit of ") +
                          std::to_string(source.limit()) + " bytes",
                      payload);
}

struct read_until_rules {
    using value_type = bytearray;
    static constexpr const char* name = "readuntil";
    static constexpr bool borrows = false;
    static bytearray make(bytes_view content) { return bytearray(content); }

    until_search search;
    std::size_t size = 0;

    bool look(const receive_buffer& source, bytes_view present, std::size_t& used) {
        const std::optional<match> at = search.find(present);
        check_limit(source, at, search.scanned());  // the bytes are left where they are
        if (at) {
            size = used = at->end;
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
struct line_rules {
    static constexpr bool borrows = false;

    std::size_t size = 0;  // before the end is found: how far it was looked for

    bool look(const receive_buffer& source, bytes_view present, std::size_t& used) {
        const std::size_t at = find_byte(present.str(), '\n', size);
        if (at <= source.limit()) [[likely]] {
            size = used = at + 1;
            return true;
        }
        return look_further(source, present, at, used);
    }

private:
    AIOXX_NOINLINE bool look_further(const receive_buffer& source, bytes_view present, std::size_t at, std::size_t& used) {
        std::optional<match> end;
        if (at != bytes_view::npos) end = match{at, at + 1};
        size = present.size();
        used = end ? end->end : present.size();
        check_limit(source, end, size);
        used = 0;
        if (!source.ended()) return false;
        throw_if_broken(source, present);
        used = present.size();
        return true;
    }
};

struct read_line_rules : line_rules {
    using value_type = bytearray;
    static constexpr const char* name = "readline";
    static bytearray make(bytes_view content) { return bytearray(content); }
};

struct next_line_rules : line_rules {
    using value_type = std::optional<bytearray>;
    static constexpr const char* name = "next_line";
    static std::optional<bytearray> make(bytes_view content) {
        std::optional<bytearray> line;
        if (!content.empty()) line.emplace(content);
        return line;
    }
};

struct read_line_view_rules : line_rules {
    using value_type = bytes_view;
    static constexpr const char* name = "readline_view";
    static constexpr bool borrows = true;
    static bytes_view make(bytes_view content) noexcept { return content; }
};

}  // namespace detail

/// The reading half of a stream (asyncio: StreamReader). Copies refer to the same stream.
///
/// Bytes that arrived are read before the error or the end that followed them. The end is a value: read gives
/// an empty bytearray, read_some 0, next_line nothing.
/// Lifetime: a reader of the stream is there until an operation has begun.
/// Concurrency: one loop, one operation at a time; a second one that has to wait throws busy_error.
class stream_reader {
public:
    /// A reader on its own, fed by the program (asyncio: StreamReader(limit)).
    ///
    /// Parameters: `limit` the longest line in bytes, at least 1.
    explicit stream_reader(std::size_t limit = default_limit)
        : stream_reader(std::make_shared<receive_buffer>(limit)) {}

    /// A reader of what somebody feeds. With a writer, as make_stream makes them, the connection is closed when nobody holds
    /// a half of it any more.
    explicit stream_reader(std::shared_ptr<receive_buffer> source) : source_(std::move(source)) {}

    static constexpr std::size_t default_limit = 64 * 1024;

    /// Reads what is there, at least one byte.
    ///
    /// Parameters: `at_most` bytes; 0 gives nothing at once.
    /// Returns: 1 to `at_most` bytes; none at the end of the stream. Errors: broken_error after a lost connection.
    /// Cancellation: safe, no byte is lost.
    [[nodiscard]] auto read(std::size_t at_most) const { return operation(detail::read_rules{{at_most}}); }

    /// Reads everything until the end of the stream, whatever the limit.
    ///
    /// Errors: broken_error when the connection broke before anything arrived.
    /// Cancellation: partial, what was read so far is lost.
    [[nodiscard]] auto read() const { return operation(detail::read_all_rules{}); }

    /// Reads into the caller's memory what is there, at least one byte. No allocation.
    ///
    /// Returns: the number of bytes; 0 at the end of the stream. Lifetime: `into` is written until it returns.
    /// Cancellation: safe, no byte is lost.
    [[nodiscard]] auto read_some(mutable_bytes_view into) const { return operation(detail::read_some_rules(into)); }

    /// Reads what is there without copying it out. Returns: at least one byte, or none at the end of the stream.
    ///
    /// Lifetime: the view is valid until the next operation on the reader. Cancellation: safe.
    [[nodiscard]] auto read_view(std::size_t at_most = std::numeric_limits<std::size_t>::max()) const {
        return operation(detail::read_view_rules{{at_most}});
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
        return operation(detail::read_until_rules{until_search(separator)});
    }

    /// Reads up to and including the separator that ends first; of two that end together the shorter one.
    [[nodiscard]] auto readuntil(const std::vector<bytes_view>& separators) const {
        return operation(detail::read_until_rules{until_search(std::span<const bytes_view>(separators))});
    }

    /// Reads a line with its '\n'; the rest without one at the end of the stream; nothing after that.
    ///
    /// Errors: limit_error for a line above the limit; it is dropped as far as it has arrived, and reading may go on.
    /// Cancellation: safe, no byte is lost.
    [[nodiscard]] auto readline() const { return operation(detail::read_line_rules{}); }

    /// As readline, without copying the line out. Lifetime: valid until the next operation on the reader.
    /// Cancellation: safe.
    [[nodiscard]] auto readline_view() const {
        return operation(detail::read_line_view_rules{});
    }

    /// As readline; nothing at the end: `while (auto line = co_await reader.next_line())`.
    /// Cancellation: safe. Asyncio: `async for line in reader`.
    [[nodiscard]] auto next_line() const { return operation(detail::next_line_rules{}); }

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

    /// The transport, or null when the connection is over, or the program feeds the reader itself.
    [[nodiscard]] read_transport* transport() const noexcept { return source_->transport(); }

    // ---- the protocol's side ----

    void feed_data(bytes_view data) const { source_->feed(data); }
    void feed_eof() const { source_->feed_eof(); }
    void set_exception(std::exception_ptr exception) const { source_->fail(std::move(exception)); }

private:
    template <class Rules>
    detail::read_awaiter<Rules> operation(Rules rules) const {
        return {*source_, std::move(rules)};
    }

    detail::stream_hold<receive_buffer> source_;
};

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/text.hpp: text over whatever gives and takes bytes, as io.TextIOWrapper does it: characters and lines in UTF-8,
// however the bytes arrive.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/decode.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/busy_guard.hpp>
#include <aioxx/streams/adapters.hpp>
#include <aioxx/streams/text_buffer.hpp>

namespace aioxx {

namespace detail {

// Errors: decode_error.
inline void check_utf8(std::string_view text) {
    std::size_t at = 0;
    while ((at += ascii_prefix(text.substr(at))) < text.size()) {
        const decoded_step next = utf8_step(text.substr(at));
        if (next.fault != nullptr) throw decode_error("utf-8", text, at, at + next.size, next.fault);
        at += next.size;
    }
}

inline std::string with_newlines(std::string_view text, newline_mode mode) {
    const std::string_view end = newline_of(mode);
    if (end == "\n") return std::string(text);
    std::string changed;
    for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n')) {
        changed += text.substr(0, at);
        changed += end;
        text.remove_prefix(at + 1);
    }
    changed += text;
    return changed;
}

}  // namespace detail

/// Text from any source of bytes (Python: io.TextIOWrapper; AnyIO: TextReceiveStream). Copies refer to the same one.
///
/// It reads ahead of what is asked for. What the source throws, the operation throws; what had arrived before stays.
/// What is not UTF-8 is dealt with as the options say; when that is strict, the text before it can be read, and then
/// every operation throws decode_error, whose position counts from where that operation began to read.
/// Concurrency: one loop, one operation at a time; a second one throws busy_error.
/// Cancellation: as the source's, for all operations; what it gave is not lost.
/// Example:
///     text_reader text(reader, {.errors = decode_errors::replace});
///     while (auto line = co_await text.next_line()) print(*line);
template <byte_source Source>
class text_reader {
public:
    /// Errors: std::invalid_argument for a limit of 0.
    explicit text_reader(Source source, text_options options = {})
        : state_(std::make_shared<state>(std::move(source), options)) {}

    /// Reads everything until the end, whatever the limit.
    /// Errors: decode_error. Cancellation: safe, if the source's is.
    [[nodiscard]] coro<std::string> read() const {
        return complete(state_, [](text_buffer& text) { return text.take_all(); });
    }

    /// Reads a number of characters, which are code points; fewer only at the end.
    /// Errors: decode_error. Cancellation: safe, if the source's is.
    [[nodiscard]] coro<std::string> read(std::size_t count) const {
        return complete(state_, [count](text_buffer& text) { return text.take(count); });
    }

    /// Reads what is there, at least one character. Returns: an empty text at the end.
    /// Errors: decode_error. Cancellation: safe, if the source's is. Python: has none.
    [[nodiscard]] coro<std::string> read_some() const {
        return complete(state_, [](text_buffer& text) { return text.take_some(); });
    }

    /// Reads a line with its end; the rest without one at the end of the text; nothing after that.
    ///
    /// Errors: decode_error; limit_error for a line above the limit, which is dropped as far as it has arrived.
    /// Cancellation: safe, if the source's is.
    [[nodiscard]] coro<std::string> readline() const {
        return complete(state_, [](text_buffer& text) { return text.take_line(); });
    }

    /// As readline; nothing at the end: `while (auto line = co_await text.next_line())`.
    /// Cancellation: safe, if the source's is. Python: `for line in text`.
    [[nodiscard]] coro<std::optional<std::string>> next_line() const { return next_line(readline()); }

    /// Whether the source has ended and everything before that was read.
    [[nodiscard]] bool at_eof() const noexcept { return state_->text.at_eof(); }
    [[nodiscard]] const Source& source() const noexcept { return state_->source; }

private:
    static constexpr std::size_t read_ahead = 64 * 1024;  // bytes

    struct state : pinned {
        state(Source from, text_options options) : source(std::move(from)), text(options) {}

        Source source;
        text_buffer text;
        std::vector<std::byte> space;
        busy_flag busy;
    };

    template <class Take>
    static coro<std::string> complete(std::shared_ptr<state> in, Take take) {
        const busy_guard in_use(in->busy, "text_reader");
        std::optional<std::string> taken = take(in->text);
        while (!taken) {
            if (in->space.empty()) in->space.resize(read_ahead);
            const std::size_t count = co_await in->source.read_some(mutable_bytes_view(in->space));
            if (count == 0) {
                in->text.finish();
            } else {
                in->text.feed(bytes_view(in->space).first(count));
            }
            taken = take(in->text);
        }
        co_return std::move(*taken);
    }

    static coro<std::optional<std::string>> next_line(coro<std::string> reading) {
        std::string line = co_await std::move(reading);
        if (line.empty()) co_return std::nullopt;
        co_return std::move(line);
    }

    std::shared_ptr<state> state_;
};

/// Text to any destination of bytes (Python: io.TextIOWrapper; AnyIO: TextSendStream). Copies refer to the same one.
///
/// Concurrency: as the destination's; the bytes of a call stay together if it keeps them so.
template <byte_destination Destination>
class text_writer {
public:
    /// Parameters: `newline` what "\n" becomes: "\r" with cr, "\r\n" with crlf, itself otherwise.
    explicit text_writer(Destination destination, newline_mode newline = newline_mode::universal)
        : state_(std::make_shared<state>(std::move(destination), newline)) {}

    /// Writes a text. Returns when the destination takes more.
    ///
    /// Lifetime: the text is the caller's again at once. Errors: decode_error, at once, for what is not UTF-8, of
    /// which nothing is written; what the destination throws. Cancellation: as the destination's.
    [[nodiscard]] coro<> send(std::string_view text) const {
        detail::check_utf8(text);
        return send(state_, detail::with_newlines(text, state_->newline));
    }

    [[nodiscard]] const Destination& destination() const noexcept { return state_->destination; }

private:
    struct state : pinned {
        state(Destination to, newline_mode mode) : destination(std::move(to)), newline(mode) {}

        Destination destination;
        newline_mode newline;
    };

    static coro<> send(std::shared_ptr<state> to, std::string text) {
        co_await to->destination.send(bytes_view(text));
    }

    std::shared_ptr<state> state_;
};

}  // namespace aioxx

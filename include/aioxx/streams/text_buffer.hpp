// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/text_buffer.hpp: bytes that arrive in pieces, as text that is read in characters and lines. It decides what
// text_reader gives, and never waits: where more is needed, it says so.
// The text is UTF-8. What a piece cuts in two, a character or the end of a line, is put together again.

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/decode.hpp>
#include <aioxx/buffer/find.hpp>

namespace aioxx {

/// What ends a line (Python: the parameter newline of open and of io.TextIOWrapper).
enum class newline_mode {
    universal,  ///< "\n", "\r" and "\r\n", each of which is read as "\n" (newline=None)
    any,        ///< the same three, left as they are (newline="")
    lf,         ///< "\n" alone
    cr,         ///< "\r" alone; "\n" is written as "\r"
    crlf        ///< "\r\n" alone; "\n" is written as "\r\n"
};

/// How text is read.
struct text_options {
    decode_errors errors = decode_errors::strict;
    newline_mode newline = newline_mode::universal;
    std::size_t limit = 64 * 1024;  ///< the longest line in bytes, without its end, at least 1
};

namespace detail {

/// What ends a line when it is written in a mode.
constexpr std::string_view newline_of(newline_mode mode) noexcept {
    return mode == newline_mode::cr ? "\r" : mode == newline_mode::crlf ? "\r\n" : "\n";
}

}  // namespace detail

/// Text that has arrived and was not taken.
///
/// With decode_errors::strict, what cannot be decoded ends the text: what stands before it can be taken, and then every
/// operation throws decode_error, whose position counts from where that operation began to read.
/// Each take gives nothing when it needs more, and after finish() what is left, in the end an empty text.
class text_buffer {
public:
    explicit text_buffer(text_options options = {}) : options_(options), line_end_(search_for(options.newline)) {
        if (options.limit == 0) throw std::invalid_argument("the limit of a text must be at least 1, got 0");
    }

    /// Bytes have arrived.
    void feed(bytes_view bytes) {
        std::string_view rest = bytes.str();
        while (!cut_.empty() && !rest.empty()) {  // what was cut ends after three bytes at most
            cut_ += rest.front();
            rest.remove_prefix(1);
            decode(std::exchange(cut_, {}));
        }
        decode(rest);
    }

    /// No bytes come any more.
    void finish() {
        ended_ = true;
        decode(std::exchange(cut_, {}));
    }

    /// Whether everything was taken that will ever be there.
    [[nodiscard]] bool at_eof() const noexcept { return ended_ && !fault_ && unread().empty(); }

    /// A number of characters, which are code points; fewer at the end.
    std::optional<std::string> take(std::size_t count) {
        if (counted_.characters > count) counted_ = {};
        while (counted_.characters < count && counted_.bytes < unread().size()) {
            counted_.bytes += character_size(unread()[counted_.bytes]);
            ++counted_.characters;
        }
        if (counted_.characters == count) return take_bytes(counted_.bytes);
        return take_rest();
    }

    /// Whatever is there, at least one character.
    std::optional<std::string> take_some() {
        if (!unread().empty()) return take_bytes(unread().size());
        return take_rest();
    }

    std::optional<std::string> take_all() { return take_rest(); }

    /// A line with its end; what is left without one at the end of the text.
    ///
    /// Errors: limit_error for a line above the limit, which is dropped as far as it has arrived.
    std::optional<std::string> take_line() {
        const std::optional<std::size_t> end = find_line();
        if (end) return take_bytes(*end);
        return take_rest();
    }

private:
    struct fault {
        std::string bytes;
        const char* reason;
    };
    struct counted {
        std::size_t characters = 0;
        std::size_t bytes = 0;
    };

    static until_search search_for(newline_mode mode) {
        if (mode != newline_mode::any) return until_search(detail::newline_of(mode));
        const std::array<bytes_view, 2> ends{"\r", "\n"};
        return until_search(std::span<const bytes_view>(ends));
    }

    // Of a character that begins with a byte. The text is valid.
    static std::size_t character_size(char lead) noexcept {
        const auto byte = static_cast<unsigned char>(lead);
        return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    }

    [[nodiscard]] std::string_view unread() const noexcept { return std::string_view(text_).substr(taken_); }

    void decode(std::string_view bytes) {
        if (fault_) return;
        std::size_t copied = 0;
        std::size_t at = 0;
        while ((at += detail::ascii_prefix(bytes.substr(at))) < bytes.size()) {
            const detail::decoded_step next = detail::utf8_step(bytes.substr(at));
            const std::string_view part = bytes.substr(at, next.size);
            if (next.fault != nullptr) {
                append(bytes.substr(copied, at - copied));
                copied = at + next.size;
                if (!ended_ && next.fault == std::string_view("unexpected end of data")) {
                    cut_ = part;
                } else if (options_.errors == decode_errors::strict) {
                    fault_ = fault{std::string(part), next.fault};
                    return;
                } else {
                    std::string instead;
                    detail::append_fault(instead, part, options_.errors);
                    append(instead);
                }
            }
            at += next.size;
        }
        append(bytes.substr(copied));
    }

    // A "\r" is the end of a line at once; the "\n" that may follow it later is passed over then.
    void append(std::string_view part) {
        if (options_.newline != newline_mode::universal) {
            text_ += part;
            return;
        }
        if (part.empty()) return;
        if (std::exchange(after_cr_, false) && part.front() == '\n') part.remove_prefix(1);
        for (std::size_t at = part.find('\r'); at != std::string_view::npos; at = part.find('\r')) {
            text_ += part.substr(0, at);
            text_ += '\n';
            part.remove_prefix(at + 1);
            after_cr_ = part.empty();
            if (part.starts_with('\n')) part.remove_prefix(1);
        }
        text_ += part;
    }

    // Where the first line ends.
    std::optional<std::size_t> find_line() {
        const std::optional<match> found = line_end_.find(unread());
        const std::size_t length = found ? found->begin : line_end_.scanned();
        const std::size_t end = found ? end_of(*found) : unread().size();
        if (length > options_.limit) {
            drop(end);
            throw limit_error("a line is longer than the limit of " + std::to_string(options_.limit) + " bytes", length);
        }
        // Whether a "\n" belongs to the last "\r" is not known yet.
        const bool open = found && options_.newline == newline_mode::any && end == unread().size() &&
                          unread().back() == '\r' && !ended_ && !fault_;
        if (!found || open) return std::nullopt;
        return end;
    }
    [[nodiscard]] std::size_t end_of(const match& found) const noexcept {
        const bool both = options_.newline == newline_mode::any && unread().substr(found.begin).starts_with("\r\n");
        return found.begin + (both ? 2 : found.end - found.begin);
    }

    std::optional<std::string> take_rest() {
        if (fault_) throw_fault();
        if (!ended_) return std::nullopt;
        return take_bytes(unread().size());
    }

    std::string take_bytes(std::size_t count) {
        std::string taken(unread().substr(0, count));
        drop(count);
        return taken;
    }
    void drop(std::size_t count) {
        taken_ += count;
        if (taken_ > text_.size() / 2) text_.erase(0, std::exchange(taken_, 0));
        line_end_.restart();
        counted_ = {};
    }

    [[noreturn]] void throw_fault() const {
        const std::size_t start = unread().size();
        const std::string text = std::string(unread()) + fault_->bytes;
        throw decode_error("utf-8", text, start, text.size(), fault_->reason);
    }

    text_options options_;
    std::string text_;        // decoded
    std::size_t taken_ = 0;   // bytes at its front
    std::string cut_;         // the first bytes of a character
    bool after_cr_ = false;   // of universal: the text ends with a "\n" that stands for a "\r"
    bool ended_ = false;
    std::optional<fault> fault_;
    until_search line_end_;   // in what is unread
    counted counted_;         // of what is unread, by take
};

}  // namespace aioxx

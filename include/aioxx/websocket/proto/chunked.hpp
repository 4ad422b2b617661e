// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/chunked.hpp: the chunked transfer coding of HTTP/1.1 (RFC 9112 section 7.1), read and
// written. Chunk extensions and trailers are read over, neither is kept. As strict as http_head.hpp: lines
// end in CRLF, and nothing but white space stands between a size and its extensions.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/hex.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket {

/// How much beside the content is read before a chunked body is refused.
struct chunked_limits {
    std::size_t max_line = 4096;       // bytes of a line with a size and its extensions, without its end
    std::size_t max_trailers = 16384;  // bytes of all lines behind the last chunk
};

/// Takes the content out of a chunked body, in pieces of any size and without copying it.
///
/// Example:
///     while (!input.empty() && !decoder.done() && !decoder.fault()) use(decoder.take(input));
class chunked_decoder {
public:
    explicit chunked_decoder(chunked_limits limits = {}) noexcept : limits_(limits) {}

    /// Reads on, up to the end of the next piece of content.
    ///
    /// Parameters: `input` loses what was read; what is left once done() is what follows the body.
    /// Returns: the content; empty when the input is used up, at the end of the body, and after a fault.
    /// Lifetime: as that of the input.
    [[nodiscard]] bytes_view take(bytes_view& input) {
        while (!input.empty() && !done() && !fault_) {
            if (part_ == part::content) return take_content(input);
            if (take_line(input)) end_line();
        }
        return {};
    }

    /// The transport has ended: a body that is not complete is a fault.
    void feed_eof() {
        if (!done() && !fault_) refuse("the connection ended inside a chunked HTTP body");
    }

    [[nodiscard]] bool done() const noexcept { return part_ == part::end; }
    [[nodiscard]] const std::optional<http_fault>& fault() const noexcept { return fault_; }

private:
    enum class part : unsigned char { size, content, content_end, trailers, end };

    bytes_view take_content(bytes_view& input) {
        const bytes_view content =
            input.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
        input.remove_prefix(content.size());
        left_ -= content.size();
        if (left_ == 0) part_ = part::content_end;
        return content;
    }

    // Returns: whether the line is complete; it is in line_, without its end.
    bool take_line(bytes_view& input) {
        const std::size_t most = part_ == part::size       ? limits_.max_line
                                 : part_ == part::trailers ? trailers_left_
                                                           : 0;
        // One byte beyond the limit is enough to see it broken; a line may still end in CRLF.
        const bytes_view seen = input.first(most + 2 - line_.size());
        const void* const end = std::memchr(seen.data(), '\n', seen.size());
        const std::size_t size =
            end == nullptr ? seen.size()
                           : static_cast<std::size_t>(static_cast<const std::byte*>(end) - seen.data()) + 1;
        line_.append(seen.chars(), size);
        input.remove_prefix(size);
        const bool complete = end != nullptr && line_.size() >= 2 && line_[line_.size() - 2] == '\r';
        if (!complete && (end != nullptr || line_.size() == most + 2)) {
            refuse_line(end != nullptr);
            return false;
        }
        if (complete) line_.resize(line_.size() - 2);
        return complete;
    }

    void end_line() {
        if (part_ == part::size) {
            read_size(line_);
        } else if (part_ == part::content_end) {
            part_ = part::size;
        } else {
            trailers_left_ -= line_.size();
            if (line_.empty()) part_ = part::end;
        }
        line_.clear();
    }

    // 1*HEXDIG *( BWS ";" chunk-ext )
    void read_size(std::string_view line) {
        std::uint64_t size = 0;
        std::size_t digits = 0;
        for (; digits < line.size(); ++digits) {
            const unsigned digit = aioxx::detail::hex_values[static_cast<unsigned char>(line[digits])];
            if (digit > 15) break;
            if (size > std::numeric_limits<std::uint64_t>::max() / 16) {
                return refuse("HTTP chunk size " + detail::quoted(line) + " is too large");
            }
            size = size * 16 + digit;
        }
        const std::string_view extensions = detail::trim(line.substr(digits));
        if (digits == 0 || !(extensions.empty() || extensions[0] == ';') ||
            !detail::is_field_value(extensions)) {
            return refuse("HTTP chunk size " + detail::quoted(line) +
                          " is not a hexadecimal number, with or without extensions behind a semicolon");
        }
        left_ = size;
        part_ = size != 0 ? part::content : part::trailers;
        trailers_left_ = limits_.max_trailers;
    }

    void refuse_line(bool ended) {
        if (part_ == part::content_end) return refuse("an HTTP chunk is longer than its size says");
        if (ended) return refuse("line of a chunked HTTP body that does not end in CRLF");
        if (part_ == part::size) {
            return refuse("line of a chunked HTTP body longer than " + std::to_string(limits_.max_line) +
                          " bytes");
        }
        refuse("trailers of a chunked HTTP body longer than " + std::to_string(limits_.max_trailers) +
               " bytes");
    }

    void refuse(std::string text) { fault_ = http_fault{400, std::move(text)}; }

    chunked_limits limits_;
    std::string line_;               // the line being read
    std::uint64_t left_ = 0;         // bytes of the chunk
    std::size_t trailers_left_ = 0;  // bytes that the trailers may still have
    std::optional<http_fault> fault_;
    part part_ = part::size;
};

/// Appends content as one chunk. Empty content appends nothing, because an empty chunk would end the body.
///
/// Lifetime: the content is copied.
inline void append_chunk(std::string& body, bytes_view content) {
    if (content.empty()) return;
    char digits[2 * sizeof(std::size_t)];
    const char* const end = std::to_chars(digits, digits + sizeof digits, content.size(), 16).ptr;
    body.append(std::string_view(digits, end)).append("\r\n").append(content.str()).append("\r\n");
}

/// What ends a chunked body, without trailers.
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace aioxx::websocket

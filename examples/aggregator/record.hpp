// SPDX-License-Identifier: BSL-1.0
#pragma once

// aggregator/record.hpp: one line of one source, and how it is written as JSON (the protocol slog.v1 and -o json).

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <aioxx/websocket/proto/utf8.hpp>

namespace aggregator {

/// Where a line comes from: standard output, standard error, or the aggregator itself.
enum class channel : int { note = 0, out = 1, err = 2 };

/// A line of a source. Borrows its text.
struct record {
    std::uint64_t seq = 0;   ///< per source, from 1, without holes
    std::int64_t ts = 0;     ///< microseconds since 1970
    channel fd = channel::out;
    std::string_view text;   ///< any bytes, no line end
    std::string_view flags;  ///< names separated by commas: part, cont, noeol, crlf
};

[[nodiscard]] inline std::int64_t now_us() {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

inline void append_number(std::string& to, std::int64_t value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    to.append(digits.data(), end);
}

/// The bytes of a UTF-8 character, by its first one.
[[nodiscard]] inline std::size_t expected_size(unsigned char lead) {
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/// The bytes of the character that a text begins with, 0 when it is not UTF-8 there.
[[nodiscard]] inline std::size_t character_size(std::string_view text) {
    const std::size_t size = expected_size(static_cast<unsigned char>(text.front()));
    return text.size() >= size && aioxx::websocket::is_utf8(aioxx::bytes_view(text.substr(0, size))) ? size : 0;
}

/// Appends a JSON string. Bytes that are not UTF-8 become U+FFFD, one for each.
inline void append_json_string(std::string& to, std::string_view text) {
    const bool valid = aioxx::websocket::is_utf8(aioxx::bytes_view(text));
    to += '"';
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto code = static_cast<unsigned char>(text[i]);
        if (code >= 0x20 && code != '"' && code != '\\' && (code < 0x80 || valid)) continue;
        if (code >= 0x80) {
            if (const std::size_t size = character_size(text.substr(i)); size != 0) {
                i += size - 1;
                continue;
            }
        }
        to.append(text, start, i - start);
        start = i + 1;
        switch (code) {
            case '"':
                to += "\\\"";
                break;
            case '\\':
                to += "\\\\";
                break;
            case '\t':
                to += "\\t";
                break;
            default:
                if (code < 0x20) {
                    constexpr char hex[] = "0123456789abcdef";
                    to += {'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]};
                } else {
                    to += "\\ufffd";
                }
        }
    }
    to.append(text, start, text.size() - start);
    to += '"';
}

inline void append_base64(std::string& to, std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t at) {
            return at < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[at])) : 0U;
        };
        const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
        to += digits[group >> 18];
        to += digits[group >> 12 & 63];
        to += i + 1 < bytes.size() ? digits[group >> 6 & 63] : '=';
        to += i + 2 < bytes.size() ? digits[group & 63] : '=';
    }
}

/// Nothing when the text is not base64.
[[nodiscard]] inline std::string from_base64(std::string_view text) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    unsigned group = 0;
    int bits = 0;
    for (const char digit : text) {
        const std::size_t value = digits.find(digit);
        if (value == std::string_view::npos) break;
        group = group << 6 | static_cast<unsigned>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(group >> bits & 255);
        }
    }
    return bytes;
}

/// Appends the fields of a record without the braces. The exact bytes go along when the text does not hold them.
inline void append_fields(std::string& to, const record& line) {
    to += "\"seq\":";
    append_number(to, static_cast<std::int64_t>(line.seq));
    to += ",\"ts\":";
    append_number(to, line.ts);
    to += ",\"fd\":";
    append_number(to, static_cast<int>(line.fd));
    to += ",\"msg\":";
    append_json_string(to, line.text);
    if (!aioxx::websocket::is_utf8(aioxx::bytes_view(line.text))) {
        to += ",\"raw\":\"";
        append_base64(to, line.text);
        to += '"';
    }
    if (line.flags.empty()) return;
    to += ",\"fl\":[\"";
    for (const char letter : line.flags) {
        if (letter == ',') {
            to += "\",\"";
        } else {
            to += letter;
        }
    }
    to += "\"]";
}

}  // namespace aggregator

// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/decode.hpp: bytes in some encoding as text, which is UTF-8.
// What cannot be decoded is cut as Python and the Unicode standard (3.9, table 3-8) cut it: the longest part
// that could have begun a character is one fault, and so is each other byte.

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/hex.hpp>

namespace aioxx {

enum class text_encoding { utf_8, ascii, latin_1 };

/// What to do with bytes that cannot be decoded (Python: the parameter errors).
enum class decode_errors {
    strict,            ///< throw a decode_error
    replace,           ///< put U+FFFD in place of each fault
    ignore,            ///< leave the fault out
    backslashreplace,  ///< put \xNN in place of each of its bytes
};

/// Bytes are not in the encoding (Python: UnicodeDecodeError, which is a ValueError). Its text is Python's.
class decode_error : public std::invalid_argument {
public:
    decode_error(const char* encoding, std::string_view text, std::size_t start, std::size_t end,
                 const char* reason)
        : std::invalid_argument(described(encoding, text, start, end, reason)),
          start_(start),
          end_(end),
          encoding_(encoding),
          reason_(reason) {}

    /// The bytes at fault are [start, end).
    [[nodiscard]] std::size_t start() const noexcept { return start_; }
    [[nodiscard]] std::size_t end() const noexcept { return end_; }
    [[nodiscard]] const char* encoding() const noexcept { return encoding_; }
    [[nodiscard]] const char* reason() const noexcept { return reason_; }

private:
    static std::string described(const char* encoding, std::string_view text, std::size_t start,
                                 std::size_t end, const char* reason) {
        std::string what = "'";
        what += encoding;
        what += "' codec can't decode byte";
        if (end - start == 1) {
            what += " 0x";
            detail::append_hex(what, text[start]);
            what += " in position " + std::to_string(start);
        } else {
            what += "s in position " + std::to_string(start) + "-" + std::to_string(end - 1);
        }
        return what + ": " + reason;
    }

    std::size_t start_;
    std::size_t end_;
    const char* encoding_;  // literals
    const char* reason_;
};

namespace detail {

/// What stands at the front of bytes that are not ASCII: a character, or a fault with its reason.
struct decoded_step {
    std::size_t size;
    const char* fault;  // null for a character
};

// The first byte fixes how many follow. For four of them it also narrows the second, which keeps out overlong
// forms (E0, F0), surrogates (ED) and what lies beyond U+10FFFF (F4).
inline decoded_step utf8_step(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char lead = byte(0);
    if (lead < 0xC2 || lead > 0xF4) return {1, "invalid start byte"};
    const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (std::size_t at = 1; at < size; ++at) {
        if (at == text.size()) return {at, "unexpected end of data"};
        if (byte(at) < low || byte(at) > high) return {at, "invalid continuation byte"};
        low = 0x80;
        high = 0xBF;
    }
    return {size, nullptr};
}

inline decoded_step ascii_step(std::string_view) noexcept {
    return {1, "ordinal not in range(128)"};
}

inline void append_fault(std::string& target, std::string_view bytes, decode_errors errors) {
    if (errors == decode_errors::replace) target += "\xEF\xBF\xBD";
    if (errors != decode_errors::backslashreplace) return;
    for (const char c : bytes) {
        target += "\\x";
        append_hex(target, c);
    }
}

template <class Step>
std::string decoded(std::string_view text, const char* encoding, decode_errors errors, Step step) {
    std::string result;
    std::size_t copied = 0;  // what is good is copied when it ends, not one by one
    std::size_t at = 0;
    while ((at += ascii_prefix(text.substr(at))) < text.size()) {
        const decoded_step next = step(text.substr(at));
        if (next.fault != nullptr) {
            if (errors == decode_errors::strict) {
                throw decode_error(encoding, text, at, at + next.size, next.fault);
            }
            result += text.substr(copied, at - copied);
            append_fault(result, text.substr(at, next.size), errors);
            copied = at + next.size;
        }
        at += next.size;
    }
    result += text.substr(copied);
    return result;
}

inline std::string decoded_latin_1(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (const char c : text) {
        if (is_ascii(c)) {
            result += c;
        } else {
            const auto code = static_cast<unsigned char>(c);
            result += static_cast<char>(0xC0 | code >> 6);
            result += static_cast<char>(0x80 | (code & 0x3F));
        }
    }
    return result;
}

inline std::string decoded(std::string_view text, text_encoding encoding, decode_errors errors) {
    switch (encoding) {
        case text_encoding::ascii:
            return decoded(text, "ascii", errors, ascii_step);
        case text_encoding::latin_1:
            return decoded_latin_1(text);
        case text_encoding::utf_8:
            break;
    }
    return decoded(text, "utf-8", errors, utf8_step);
}

}  // namespace detail

}  // namespace aioxx

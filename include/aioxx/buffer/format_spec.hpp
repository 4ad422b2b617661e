// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/format_spec.hpp: reads formats of the printf kind, as Python's bytes % arguments takes them.
// walk_format tells a visitor what it finds, in the order in which Python acts on it, so that the first of
// several errors is Python's. The visitor writes the result, or checks a literal format in the compiler:
// errors are functions that no constant expression may call, and the compiler names the one that was called.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include <aioxx/base/config.hpp>
#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/hex.hpp>
#include <aioxx/buffer/repr.hpp>

namespace aioxx {

/// The arguments do not fit the format: too few, too many, or of another type (Python: TypeError).
class format_type_error : public std::logic_error {
    using std::logic_error::logic_error;
};

namespace detail {

/// What an argument is, in Python's terms.
enum class argument_kind : unsigned char { integer, boolean, real, bytes };

constexpr const char* name_of(argument_kind kind) noexcept {
    switch (kind) {
        case argument_kind::integer: return "int";
        case argument_kind::boolean: return "bool";
        case argument_kind::real: return "float";
        default: return "bytes";
    }
}

/// One conversion of a format, without its key; a `*` is replaced by its argument.
struct conversion {
    bool alternate = false;  // #
    bool zero = false;       // 0
    bool left = false;       // -
    bool blank = false;      // a space
    bool sign = false;       // +
    std::size_t width = 0;
    int precision = -1;  // below 0: not given
    char type = 0;
    std::size_t index = 0;  // of the type in the format
};

/// What a type asks for and makes of it.
enum class presentation : unsigned char { decimal, radix, real, byte, bytes, repr };

// ---- errors ----

inline std::string at_index(std::size_t index) {
    return " at index " + std::to_string(index);
}

[[noreturn]] AIOXX_COLD inline void incomplete_format(std::size_t index) {
    throw std::invalid_argument("incomplete format: it ends inside the conversion" + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void incomplete_format_key(std::size_t index) {
    throw std::invalid_argument("incomplete format key: no ) ends the one" + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void unsupported_format_character(char type, std::size_t index) {
    std::string code;
    append_hex(code, type);
    const std::string shown = is_between(type, ' ', '~') ? std::string("'") + type + "' " : "";
    throw std::invalid_argument("unsupported format character " + shown + "(0x" + code + ")" +
                                at_index(index));
}
[[noreturn]] AIOXX_COLD inline void format_width_too_big(std::size_t index) {
    throw std::invalid_argument("width too big" + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void format_precision_too_big(std::size_t index) {
    throw std::invalid_argument("precision too big" + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void format_requires_a_mapping(std::size_t index) {
    throw format_type_error("format requires a mapping for the key" + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void not_enough_arguments_for_format(std::size_t index, std::size_t count) {
    throw format_type_error("not enough arguments for format string: there are " + std::to_string(count) +
                            ", another is needed" + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void not_all_arguments_converted(std::size_t converted, std::size_t count) {
    throw format_type_error("not all arguments converted during bytes formatting: " +
                            std::to_string(converted) + " of " + std::to_string(count));
}
[[noreturn]] AIOXX_COLD inline void argument_does_not_fit(const char* wanted, argument_kind kind, char type,
                                                          std::size_t index) {
    const std::string conversion = type == '*' ? "*" : std::string("%") + type;
    throw format_type_error(conversion + at_index(index) + " requires " + wanted + ", not " + name_of(kind));
}
[[noreturn]] AIOXX_COLD inline void format_requires_a_key(std::size_t index) {
    throw format_type_error("the arguments are a mapping: a key is needed" + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void no_such_format_key(std::string_view key, std::size_t index) {
    throw std::out_of_range("there is no value for the key " + repr_of(key) + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void star_is_too_large(std::size_t index) {
    throw std::overflow_error("the number for the *" + at_index(index) + " is too large");
}
[[noreturn]] AIOXX_COLD inline void float_is_no_integer(double value, std::size_t index) {
    const std::string text = "cannot convert float ";
    if (value != value) throw std::invalid_argument(text + "NaN to integer" + at_index(index));
    throw std::overflow_error(text + "infinity to integer" + at_index(index));
}
[[noreturn]] AIOXX_COLD inline void not_a_single_byte(std::size_t size, std::size_t index) {
    throw format_type_error("%c" + at_index(index) +
                            " requires an integer in range(256) or a single byte, not " +
                            std::to_string(size) + " bytes");
}
[[noreturn]] AIOXX_COLD inline void not_in_range_256(std::size_t index) {
    throw std::overflow_error("%c" + at_index(index) + ": the argument is not in range(256)");
}

// ---- what fits ----

/// Errors: std::invalid_argument for a type that there is not.
constexpr presentation presentation_of(const conversion& spec) {
    switch (spec.type) {
        case 'd':
        case 'i':
        case 'u': return presentation::decimal;
        case 'o':
        case 'x':
        case 'X': return presentation::radix;
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G': return presentation::real;
        case 'c': return presentation::byte;
        case 'b':
        case 's': return presentation::bytes;
        case 'a':
        case 'r': return presentation::repr;
        default: unsupported_format_character(spec.type, spec.index);
    }
}

/// Errors: format_type_error for an argument that does not fit.
constexpr void require_fit(presentation shown, argument_kind kind, const conversion& spec) {
    const bool is_bytes = kind == argument_kind::bytes;
    const bool is_real = kind == argument_kind::real;
    const char* wanted = nullptr;
    switch (shown) {
        case presentation::decimal:
        case presentation::real:
            if (is_bytes) wanted = "a real number";
            break;
        case presentation::radix:
            if (is_bytes || is_real) wanted = "an integer";
            break;
        case presentation::byte:
            if (is_real) wanted = "an integer in range(256) or a single byte";
            break;
        case presentation::bytes:
            if (!is_bytes) wanted = "a bytes-like object";
            break;
        case presentation::repr: break;
    }
    if (wanted != nullptr) argument_does_not_fit(wanted, kind, spec.type, spec.index);
}

/// Errors: format_type_error for an argument that is no width or precision.
constexpr void require_star_fit(argument_kind kind, std::size_t index) {
    if (kind == argument_kind::bytes || kind == argument_kind::real) {
        argument_does_not_fit("an integer", kind, '*', index);
    }
}

// ---- reading ----

template <class Visitor>
class format_parser {
public:
    constexpr format_parser(std::string_view format, Visitor& visitor) noexcept
        : format_(format), visitor_(visitor) {}

    constexpr void run() {
        while (at_ < format_.size()) {
            const std::size_t percent = std::min(format_.find('%', at_), format_.size());
            if (percent != at_) visitor_.literal(format_.substr(at_, percent - at_));
            at_ = percent + 1;
            if (percent == format_.size()) return;
            if (skip('%')) {
                visitor_.literal("%");
            } else {
                read_conversion(percent);
            }
        }
    }

private:
    constexpr bool is_next(char c) const noexcept { return at_ < format_.size() && format_[at_] == c; }
    constexpr bool skip(char c) noexcept {
        const bool found = is_next(c);
        at_ += found;
        return found;
    }

    constexpr void read_conversion(std::size_t start) {
        conversion spec;
        if (is_next('(')) read_key();
        while (read_flag(spec)) {
        }
        read_width(spec);
        if (skip('.')) read_precision(spec);
        // A length modifier, which means nothing.
        if (!skip('h') && !skip('l')) skip('L');
        if (at_ == format_.size()) incomplete_format(start);
        spec.index = at_;
        spec.type = format_[at_++];
        visitor_.convert(spec);
    }

    // Parentheses inside a key nest.
    constexpr void read_key() {
        const std::size_t open = at_++;
        if (!visitor_.has_mapping()) format_requires_a_mapping(open);
        for (std::size_t depth = 1; depth > 0; ++at_) {
            if (at_ == format_.size()) incomplete_format_key(open);
            if (is_next('(')) ++depth;
            if (is_next(')')) --depth;
        }
        visitor_.select(format_.substr(open + 1, at_ - open - 2), open);
    }

    constexpr bool read_flag(conversion& spec) noexcept {
        if (skip('#')) return spec.alternate = true;
        if (skip('0')) return spec.zero = true;
        if (skip('-')) return spec.left = true;
        if (skip(' ')) return spec.blank = true;
        if (skip('+')) return spec.sign = true;
        return false;
    }

    constexpr void read_width(conversion& spec) {
        if (!skip('*')) {
            spec.width = static_cast<std::size_t>(read_number<std::ptrdiff_t>(format_width_too_big));
            return;
        }
        const auto width = visitor_.template star<std::ptrdiff_t>(at_ - 1);
        spec.left |= width < 0;
        // Not -width: the least number has no opposite.
        const auto magnitude = static_cast<std::size_t>(width);
        spec.width = width < 0 ? std::size_t{0} - magnitude : magnitude;
    }

    constexpr void read_precision(conversion& spec) {
        if (skip('*')) {
            spec.precision = std::max(0, visitor_.template star<int>(at_ - 1));
        } else {
            spec.precision = read_number<int>(format_precision_too_big);
        }
    }

    // 0 when there is no digit.
    template <class Integer, class Error>
    constexpr Integer read_number(Error too_big) {
        const std::size_t start = at_;
        Integer value = 0;
        for (; at_ < format_.size() && is_digit(format_[at_]); ++at_) {
            const Integer digit = format_[at_] - '0';
            if (value > (std::numeric_limits<Integer>::max() - digit) / 10) too_big(start);
            value = value * 10 + digit;
        }
        return value;
    }

    std::string_view format_;
    Visitor& visitor_;
    std::size_t at_ = 0;
};

/// Visits the parts of a format. A visitor has
///     literal(text)           text as it is
///     has_mapping()           whether conversions may have keys
///     select(key, index)      the argument for the conversion that follows
///     star<Integer>(index)    the next argument as a width or precision
///     convert(conversion)     takes the next argument, and then judges the type
template <class Visitor>
constexpr void walk_format(std::string_view format, Visitor& visitor) {
    format_parser<Visitor>(format, visitor).run();
}

}  // namespace detail
}  // namespace aioxx

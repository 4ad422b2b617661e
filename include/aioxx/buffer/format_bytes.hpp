// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/format_bytes.hpp: bytes from a format of the printf kind, with Python's rules (b"..." % arguments).
// A literal format is checked against the types of the arguments by the compiler, another one when it is
// used; both by the walk of format_spec.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/format_number.hpp>
#include <aioxx/buffer/format_spec.hpp>

namespace aioxx {

namespace detail {

template <class T>
concept format_number = wide_integral<T> || std::floating_point<T> || one_of<T, bool, char, std::byte>;

}  // namespace detail

/// What format_bytes takes as an argument: bool, an integer of up to 128 bits, a floating point number, a
/// std::byte, a char, and whatever a bytes_view can be made of. With a reference or without.
template <class T>
concept format_value = detail::format_number<std::remove_cvref_t<T>> || std::convertible_to<T, bytes_view>;

namespace detail {

template <format_value T>
constexpr argument_kind kind_of = [] {
    using type = std::remove_cvref_t<T>;
    if constexpr (std::same_as<type, bool>) return argument_kind::boolean;
    if constexpr (std::floating_point<type>) return argument_kind::real;
    if constexpr (wide_integral<type> || std::same_as<type, std::byte>) return argument_kind::integer;
    return argument_kind::bytes;
}();

class format_writer;

}  // namespace detail

/// One argument whose type is known when the program runs.
///
/// A number is Python's int or float: a long double is rounded to a double. A std::byte is an int, as the
/// elements of bytes are in Python; a char is one byte, as b'x' is; strings are bytes.
/// Lifetime: bytes are not copied.
class format_argument {
public:
    template <format_value T>
    format_argument(T&& value) noexcept : kind_(detail::kind_of<T>) {
        using type = std::remove_cvref_t<T>;
        if constexpr (std::floating_point<type>) {
            std::construct_at(&real_, static_cast<double>(value));
        } else if constexpr (std::same_as<type, bool> || std::same_as<type, std::byte>) {
            std::construct_at(&integer_, static_cast<unsigned char>(value));
        } else if constexpr (detail::wide_integral<type>) {
            std::construct_at(&integer_, value);
        } else if constexpr (std::same_as<type, char>) {
            std::construct_at(&single_, value);
            is_single_ = true;
        } else {
            std::construct_at(&bytes_, value);
        }
    }

private:
    friend class detail::format_writer;

    [[nodiscard]] bool is_negative() const noexcept {
        if (kind_ == detail::argument_kind::real) return std::signbit(real_) && !std::isnan(real_);
        return kind_ != detail::argument_kind::bytes && integer_.negative;
    }
    [[nodiscard]] double to_double() const noexcept {
        return kind_ == detail::argument_kind::real ? real_ : integer_.to_double();
    }
    [[nodiscard]] bytes_view bytes() const noexcept { return is_single_ ? bytes_view(&single_, 1) : bytes_; }

    union {
        detail::wide_integer integer_;  // integer, boolean
        double real_;
        bytes_view bytes_;
        char single_;
    };
    detail::argument_kind kind_;
    bool is_single_ = false;
};

/// A key and its value. Lifetime: the bytes of both are not copied.
struct format_item {
    bytes_view key;
    format_argument value;
};

/// A format that is checked when it is used.
struct runtime_format {
    /// Lifetime: an argument of a call.
    explicit runtime_format(bytes_view format) noexcept : text(format.str()) {}

    std::string_view text;
};

namespace detail {

// Walks a format with the types of the arguments only.
template <class... Args>
class format_checker {
public:
    constexpr void check(std::string_view format) {
        walk_format(format, *this);
        if (next_ != kinds.size()) not_all_arguments_converted(next_, kinds.size());
    }

    constexpr void literal(std::string_view) noexcept {}
    constexpr bool has_mapping() const noexcept { return false; }
    constexpr void select(std::string_view, std::size_t) noexcept {}
    template <class Integer>
    constexpr Integer star(std::size_t index) {
        require_star_fit(next(index), index);
        return 0;
    }
    constexpr void convert(const conversion& spec) {
        const argument_kind kind = next(spec.index);
        require_fit(presentation_of(spec), kind, spec);
    }

private:
    constexpr argument_kind next(std::size_t index) {
        if (next_ == kinds.size()) not_enough_arguments_for_format(index, kinds.size());
        return kinds[next_++];
    }

    static constexpr std::array<argument_kind, sizeof...(Args)> kinds = {kind_of<Args>...};
    std::size_t next_ = 0;
};

}  // namespace detail

/// A format for arguments of these types: a literal, which does not compile when they do not fit, or a
/// runtime_format.
template <format_value... Args>
class format_string {
public:
    /// Zeros belong to it, except for one at its end.
    template <std::size_t N>
    consteval format_string(const char (&literal)[N]) : text_(literal, literal[N - 1] == '\0' ? N - 1 : N) {
        detail::format_checker<Args...>().check(text_);
    }
    consteval format_string(std::string_view constant) : text_(constant) {
        detail::format_checker<Args...>().check(text_);
    }
    format_string(runtime_format format) noexcept : text_(format.text) {}

    [[nodiscard]] constexpr std::string_view str() const noexcept { return text_; }

private:
    std::string_view text_;
};

namespace detail {

// Walks a format and appends the result to a bytearray.
class format_writer {
public:
    format_writer(bytearray& target, std::span<const format_argument> arguments) noexcept
        : target_(target), arguments_(arguments) {}
    format_writer(bytearray& target, std::span<const format_item> mapping) noexcept
        : target_(target), mapping_(mapping) {}

    void write(std::string_view format) {
        target_.reserve(format.size());
        walk_format(format, *this);
        // The value of a key is always taken, so that only arguments without keys can be left over.
        if (next_ != arguments_.size()) not_all_arguments_converted(next_, arguments_.size());
    }

    // ---- for walk_format ----

    void literal(std::string_view text) { target_.append(text); }

    [[nodiscard]] bool has_mapping() const noexcept { return mapping_.has_value(); }

    // The last of several items with the key, as in a dict. It is the only argument then.
    void select(std::string_view key, std::size_t index) {
        for (std::size_t i = mapping_->size(); i-- > 0;) {
            if ((*mapping_)[i].key.str() != key) continue;
            arguments_ = {&(*mapping_)[i].value, 1};
            next_ = 0;
            return;
        }
        no_such_format_key(key, index);
    }

    template <class Integer>
    [[nodiscard]] Integer star(std::size_t index) {
        const format_argument& argument = next(index);
        require_star_fit(argument.kind_, index);
        const wide_integer& value = argument.integer_;
        constexpr auto max = static_cast<std::uint64_t>(std::numeric_limits<Integer>::max());
        if (value.high != 0 || value.low > max + value.negative) star_is_too_large(index);
        return static_cast<Integer>(value.negative ? 0 - value.low : value.low);
    }

    void convert(const conversion& spec) {
        const format_argument& argument = next(spec.index);
        const presentation shown = presentation_of(spec);
        require_fit(shown, argument.kind_, spec);
        switch (shown) {
            case presentation::decimal: return write_decimal(spec, argument);
            case presentation::radix:
                return write_integer(spec, argument.integer_, spec.type == 'o' ? 8 : 16);
            case presentation::real: return write_real(spec, argument);
            case presentation::byte: return write_byte(spec, argument);
            case presentation::bytes: return write_text(spec, argument.bytes().str());
            case presentation::repr: return write_repr(spec, argument);
        }
    }

private:
    // What is written, in its order. Padding stands around it, or as zeros behind the prefix.
    struct field {
        std::string_view prefix = {};  // sign and 0x
        std::string_view front = {};
        std::size_t zeros = 0;
        std::string_view back = {};
        bool zero_padded = false;
    };

    [[nodiscard]] const format_argument& next(std::size_t index) {
        if (next_ < arguments_.size()) return arguments_[next_++];
        if (mapping_ && arguments_.empty()) format_requires_a_key(index);
        not_enough_arguments_for_format(index, arguments_.size());
    }

    void write_decimal(const conversion& spec, const format_argument& argument) {
        if (argument.kind_ != argument_kind::real) return write_integer(spec, argument.integer_, 10);
        const double value = argument.real_;
        if (!std::isfinite(value)) float_is_no_integer(value, spec.index);
        const real_text digits(std::trunc(std::fabs(value)), 'f', 0, false);
        write_digits(spec, value <= -1, digits.mantissa());
    }

    void write_integer(const conversion& spec, const wide_integer& value, unsigned radix) {
        integer_text digits(value, radix);
        if (spec.type == 'X') digits.to_upper();
        write_digits(spec, value.negative, digits.text());
    }

    // The precision of an integer is the least number of digits.
    void write_digits(const conversion& spec, bool negative, std::string_view digits) {
        const std::size_t least = spec.precision < 0 ? 0 : static_cast<std::size_t>(spec.precision);
        const std::size_t zeros = least > digits.size() ? least - digits.size() : 0;
        write_number(spec, negative, {.zeros = zeros, .back = digits});
    }

    void write_real(const conversion& spec, const format_argument& argument) {
        const bool negative = argument.is_negative();
        const real_text text(std::fabs(argument.to_double()), spec.type, spec.precision, spec.alternate);
        write_number(spec, negative,
                     {.front = text.mantissa(), .zeros = text.zeros(), .back = text.exponent()});
    }

    void write_number(const conversion& spec, bool negative, field number) {
        std::array<char, 3> prefix = {};
        std::size_t size = 0;
        if (negative || spec.sign || spec.blank) prefix[size++] = negative ? '-' : spec.sign ? '+' : ' ';
        if (spec.alternate && presentation_of(spec) == presentation::radix) {
            prefix[size++] = '0';
            prefix[size++] = spec.type;
        }
        number.prefix = {prefix.data(), size};
        number.zero_padded = spec.zero && !spec.left;
        write_field(spec, number);
    }

    void write_byte(const conversion& spec, const format_argument& argument) {
        if (argument.kind_ == argument_kind::bytes) {
            const std::string_view bytes = argument.bytes().str();
            if (bytes.size() != 1) not_a_single_byte(bytes.size(), spec.index);
            return write_field(spec, {.front = bytes});
        }
        const wide_integer& value = argument.integer_;
        if (value.negative || value.high != 0 || value.low > 255) not_in_range_256(spec.index);
        const auto byte = static_cast<char>(value.low);
        write_field(spec, {.front = {&byte, 1}});
    }

    void write_text(const conversion& spec, std::string_view text) {
        if (spec.precision >= 0) text = text.substr(0, static_cast<std::size_t>(spec.precision));
        write_field(spec, {.front = text});
    }

    void write_repr(const conversion& spec, const format_argument& argument) {
        std::string text = argument.is_negative() ? "-" : "";
        switch (argument.kind_) {
            case argument_kind::integer: text += integer_text(argument.integer_, 10).text(); break;
            case argument_kind::boolean: text = argument.integer_.low != 0 ? "True" : "False"; break;
            case argument_kind::real: {
                const real_text number(std::fabs(argument.real_));
                text.append(number.mantissa()).append(number.exponent());
                break;
            }
            case argument_kind::bytes: text = repr_of(argument.bytes().str()); break;
        }
        write_text(spec, text);
    }

    // The width counts all there is.
    void write_field(const conversion& spec, const field& content) {
        const std::size_t size =
            content.prefix.size() + content.front.size() + content.zeros + content.back.size();
        const std::size_t padding = spec.width > size ? spec.width - size : 0;
        char* end = reinterpret_cast<char*>(target_.prepare(size + padding).data());
        if (!spec.left && !content.zero_padded) end = std::fill_n(end, padding, ' ');
        end = std::copy(content.prefix.begin(), content.prefix.end(), end);
        if (content.zero_padded) end = std::fill_n(end, padding, '0');
        end = std::copy(content.front.begin(), content.front.end(), end);
        end = std::fill_n(end, content.zeros, '0');
        end = std::copy(content.back.begin(), content.back.end(), end);
        if (spec.left) std::fill_n(end, padding, ' ');
        target_.commit(size + padding);
    }

    bytearray& target_;
    std::span<const format_argument> arguments_;  // those of the call, or the value of the last key
    std::size_t next_ = 0;
    std::optional<std::span<const format_item>> mapping_;
};

template <class Arguments>
bytearray formatted(std::string_view format, std::span<const Arguments> arguments) {
    bytearray result;
    format_writer(result, arguments).write(format);
    return result;
}

}  // namespace detail

/// Bytes from a format and arguments (Python: b"..." % (args)).
///
///     format_bytes("%s /%d HTTP/1.%c\r\n", method, id, '1')
///     format_bytes("%(from)s-%(to)s", {{"from", a}, {"to", b}})
///
/// A conversion is %[(key)][flags][width][.precision][h|l|L]type. Flags are # 0 - space +; width and
/// precision may be a *, which takes an argument. Types: d i u (a float is truncated), o x X, e E f F g G, c
/// (a number below 256 or one byte), b s (bytes; the precision cuts), a r (Python's repr; bytes as b'...'),
/// and %%.
///
/// Errors: format_type_error for too few or too many arguments or one of another type, std::invalid_argument
/// for a broken format and a NaN as an integer (Python: ValueError), std::overflow_error for a number that is
/// too large for c or *, and an infinite one as an integer, std::length_error or std::bad_alloc when the
/// result would be too long. Texts name the index in the format. When the format is a literal, it does not
/// compile if it is broken or the number and the types of the arguments do not fit.
/// Asyncio: integers have 128 bits at most, and bytes of every type have the repr of Python's bytes.
template <format_value... Args>
[[nodiscard]] bytearray format_bytes(format_string<std::type_identity_t<Args>...> format, Args&&... args) {
    const std::array<format_argument, sizeof...(Args)> arguments = {format_argument(args)...};
    return detail::formatted(format.str(), std::span<const format_argument>(arguments));
}

/// The same with arguments whose number and types are known when the program runs; no literal is checked.
[[nodiscard]] inline bytearray format_bytes(bytes_view format, std::span<const format_argument> arguments) {
    return detail::formatted(format.str(), arguments);
}

/// The same with keys: each conversion has one, which may contain parentheses in pairs, and takes its value.
/// Items that no conversion names are left out; of several with one key the last counts. The keys are looked
/// through one by one.
///
/// Errors: std::out_of_range for a key that there is not (Python: KeyError).
/// Asyncio: a conversion without a key is a format_type_error; in Python it takes the mapping itself.
[[nodiscard]] inline bytearray format_bytes(bytes_view format, std::span<const format_item> mapping) {
    return detail::formatted(format.str(), mapping);
}
[[nodiscard]] inline bytearray format_bytes(bytes_view format, std::initializer_list<format_item> mapping) {
    return detail::formatted(format.str(), std::span<const format_item>(mapping.begin(), mapping.size()));
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
// tests/differential/bytes/bytes.cpp: reads cases from standard input and writes the result of each; bytes.py
// makes the cases and describes the lines. Each case runs on another of the types that have the methods.

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace {

using namespace aioxx;

// ---- values on the wire ----

class arguments {
public:
    explicit arguments(std::string_view line) {
        for (const bytes_view word : bytes_view(line).split("\t"))
            words_.push_back(word.str());
    }

    std::string_view operation() const { return words_.at(0); }
    bytearray self() const { return content(1); }
    bool is_int(std::size_t i) const { return word(i).starts_with('i'); }
    bool is_none(std::size_t i) const { return word(i) == "N"; }
    bool truth(std::size_t i) const { return word(i) == "T"; }
    std::string_view text(std::size_t i) const { return word(i); }
    bytearray bytes(std::size_t i) const { return content(i + 1); }

    std::int64_t integer(std::size_t i) const {
        std::int64_t value = 0;
        const std::string_view digits = word(i).substr(1);
        const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (result.ec != std::errc()) throw std::logic_error("not an integer");
        return value;
    }
    // As an argument that is a std::ptrdiff_t.
    std::ptrdiff_t size(std::size_t i) const { return slice_bound(integer(i)).value(); }
    slice_bound bound(std::size_t i) const { return is_none(i) ? slice_bound(std::nullopt) : integer(i); }
    std::vector<bytearray> several(std::size_t i) const {
        std::vector<bytearray> items;
        if (word(i).size() == 1) return items;
        for (const bytes_view item : bytes_view(word(i).substr(1)).split(","))
            items.push_back(bytearray::fromhex(item.subview(1)));
        return items;
    }

private:
    std::string_view word(std::size_t i) const { return words_.at(i + 1); }
    bytearray content(std::size_t i) const { return bytearray::fromhex(words_.at(i).substr(1)); }

    std::vector<std::string_view> words_;
};

std::string written(bytes_view value) {
    return "x" + value.hex();
}
std::string written(const bytearray& value) {
    return written(value.view());
}
std::string written(const translation_table& value) {
    return written(bytes_view(value));
}
std::string written(std::byte value) {
    return "i" + std::to_string(std::to_integer<int>(value));
}
std::string written(bool value) {
    return value ? "T" : "F";
}
std::string written(std::size_t value) {
    return value == bytes_view::npos ? "i-1" : "i" + std::to_string(value);
}
std::string written(const std::string& value) {
    return "s" + bytes_view(value).hex();
}
template <class Items>
requires(std::same_as<typename Items::value_type, bytes_view> ||
         std::same_as<typename Items::value_type, bytearray>) std::string written(const Items& items) {
    std::string text = "[";
    for (const auto& item : items) {
        if (text.size() > 1) text += ',';
        text += written(item);
    }
    return text;
}

text_encoding encoding_of(std::string_view name) {
    if (name == "ascii") return text_encoding::ascii;
    return name == "latin-1" ? text_encoding::latin_1 : text_encoding::utf_8;
}
decode_errors errors_of(std::string_view name) {
    if (name == "replace") return decode_errors::replace;
    if (name == "ignore") return decode_errors::ignore;
    return name == "strict" ? decode_errors::strict : decode_errors::backslashreplace;
}

// ---- operations that look ----

template <class Self>
using look = std::string (*)(Self self, const arguments& a);

// Self is bytes_view, const bytearray&, bytearray&& or const bytes&; the methods are called on that category.
template <class Self>
const std::map<std::string_view, look<Self>>& looks() {
#define SELF static_cast<Self>(self)
#define LOOK(name, ...)                                                             \
    {                                                                               \
        name, []([[maybe_unused]] Self self, [[maybe_unused]] const arguments& a) { \
            return written(__VA_ARGS__);                                            \
        }                                                                           \
    }
#define SEARCH(name)                                                          \
    LOOK(#name, a.is_int(1) ? SELF.name(a.integer(1), a.bound(2), a.bound(3)) \
                            : SELF.name(a.bytes(1), a.bound(2), a.bound(3)))
    static const std::map<std::string_view, look<Self>> table = {
        LOOK("at", SELF.at(a.integer(1))),
        LOOK("slice", SELF.slice(a.bound(1), a.bound(2))),
        LOOK("slice_step", SELF.slice(a.bound(1), a.bound(2), a.bound(3))),
        LOOK("repeat", SELF.repeat(a.size(1))),
        LOOK("add", SELF + a.bytes(1)),
        LOOK("equal", SELF == a.bytes(1)),
        LOOK("less", (bytes_view(SELF.str()) < a.bytes(1))),
        LOOK("contains", a.is_int(1) ? SELF.contains(a.integer(1)) : SELF.contains(a.bytes(1))),
        SEARCH(find),
        SEARCH(rfind),
        SEARCH(index),
        SEARCH(rindex),
        SEARCH(count),
        LOOK("startswith", SELF.startswith(a.bytes(1), a.bound(2), a.bound(3))),
        LOOK("endswith", SELF.endswith(a.bytes(1), a.bound(2), a.bound(3))),
        LOOK("startswith_any", SELF.startswith(a.several(1), a.bound(2), a.bound(3))),
        LOOK("endswith_any", SELF.endswith(a.several(1), a.bound(2), a.bound(3))),
        LOOK("split", SELF.split(a.bytes(1), a.size(2))),
        LOOK("rsplit", SELF.rsplit(a.bytes(1), a.size(2))),
        LOOK("split_fields", SELF.split(std::nullopt, a.size(1))),
        LOOK("rsplit_fields", SELF.rsplit(std::nullopt, a.size(1))),
        LOOK("splitlines", SELF.splitlines(a.truth(1))),
        {"partition",
         [](Self self, const arguments& a) {
             const bytearray separator = a.bytes(1);
             return written(SELF.partition(separator));
         }},
        {"rpartition",
         [](Self self, const arguments& a) {
             const bytearray separator = a.bytes(1);
             return written(SELF.rpartition(separator));
         }},
        LOOK("join", SELF.join(a.several(1))),
        LOOK("strip", SELF.strip(a.bytes(1))),
        LOOK("lstrip", SELF.lstrip(a.bytes(1))),
        LOOK("rstrip", SELF.rstrip(a.bytes(1))),
        LOOK("strip_space", SELF.strip()),
        LOOK("lstrip_space", SELF.lstrip()),
        LOOK("rstrip_space", SELF.rstrip()),
        LOOK("removeprefix", SELF.removeprefix(a.bytes(1))),
        LOOK("removesuffix", SELF.removesuffix(a.bytes(1))),
        LOOK("center", SELF.center(a.size(1), a.bytes(2)[0])),
        LOOK("ljust", SELF.ljust(a.size(1), a.bytes(2)[0])),
        LOOK("rjust", SELF.rjust(a.size(1), a.bytes(2)[0])),
        LOOK("zfill", SELF.zfill(a.size(1))),
        LOOK("expandtabs", SELF.expandtabs(a.size(1))),
        LOOK("replace", SELF.replace(a.bytes(1), a.bytes(2), a.size(3))),
        LOOK("translate", a.is_none(1) ? SELF.translate(std::nullopt, a.bytes(2))
                                       : SELF.translate(a.bytes(1), a.bytes(2))),
        LOOK("maketrans", SELF.maketrans(SELF, a.bytes(1))),
        LOOK("maketrans_own", SELF.maketrans(SELF, SELF.slice(std::nullopt, std::nullopt, -1))),
        LOOK("hex", SELF.hex()),
        LOOK("hex_groups", SELF.hex(static_cast<char>(a.bytes(1)[0]), a.size(2))),
        LOOK("fromhex", SELF.fromhex(a.bytes(1))),
        LOOK("fromhex_self", SELF.fromhex(SELF)),
        LOOK("decode", a.bytes(1).decode(encoding_of(bytearray::fromhex(a.text(2).substr(1)).str()),
                                         errors_of(bytearray::fromhex(a.text(3).substr(1)).str()))),
        LOOK("decode_self", SELF.decode()),
        LOOK("repr", SELF.repr()),
        LOOK("upper", SELF.upper()),
        LOOK("lower", SELF.lower()),
        LOOK("swapcase", SELF.swapcase()),
        LOOK("capitalize", SELF.capitalize()),
        LOOK("title", SELF.title()),
        LOOK("isalpha", SELF.isalpha()),
        LOOK("isdigit", SELF.isdigit()),
        LOOK("isalnum", SELF.isalnum()),
        LOOK("isspace", SELF.isspace()),
        LOOK("islower", SELF.islower()),
        LOOK("isupper", SELF.isupper()),
        LOOK("istitle", SELF.istitle()),
        LOOK("isascii", SELF.isascii()),
    };
#undef SELF
#undef LOOK
#undef SEARCH
    return table;
}

// ---- operations that change ----

// Returns: the result of the change, written.
using change = std::string (*)(bytearray& self, const arguments& a);

const std::map<std::string_view, change>& changes() {
#define CHANGE(name, ...)                                                \
    {                                                                    \
        name, [](bytearray& self, [[maybe_unused]] const arguments& a) { \
            __VA_ARGS__;                                                 \
            return std::string("N");                                     \
        }                                                                \
    }
#define GIVING(name, ...)                                                                               \
    {                                                                                                   \
        name, [](bytearray& self, [[maybe_unused]] const arguments& a) { return written(__VA_ARGS__); } \
    }
    static const std::map<std::string_view, change> table = {
        CHANGE("set_at", self.at(a.integer(1)) = byte_value(a.integer(2))),
        CHANGE("set_slice", self.assign_slice(a.bound(1), a.bound(2), a.bytes(3))),
        CHANGE("set_stepped", self.assign_slice(a.bound(1), a.bound(2), a.bound(3), a.bytes(4))),
        CHANGE("set_stepped_to_own", self.assign_slice(std::nullopt, std::nullopt, a.bound(1), self)),
        CHANGE("set_own", self.assign_slice(a.bound(1), a.bound(2), self)),
        CHANGE("set_part", self.assign_slice(a.bound(1), a.bound(2), self.slice(a.bound(3), a.bound(4)))),
        CHANGE("delete_slice", self.erase_slice(a.bound(1), a.bound(2), a.bound(3))),
        CHANGE("append", self.append(a.integer(1))),
        CHANGE("extend", self.extend(a.bytes(1))),
        CHANGE("extend_own", self.extend(self)),
        CHANGE("extend_ints", self.extend(std::vector<std::int64_t>{a.integer(1), a.integer(2)})),
        CHANGE("insert", self.insert(a.integer(1), a.integer(2))),
        GIVING("pop", self.pop()),
        GIVING("pop_at", self.pop(a.integer(1))),
        CHANGE("remove", self.remove(a.integer(1))),
        CHANGE("reverse", self.reverse()),
        CHANGE("clear", self.clear()),
        CHANGE("times", self *= a.size(1)),
        CHANGE("resize", self.resize(static_cast<std::size_t>(a.integer(1)))),
        GIVING("take_bytes", self.take_bytes(a.bound(1))),
    };
#undef CHANGE
#undef GIVING
    return table;
}

// ---- running a case ----

std::string run(const arguments& a, std::size_t number) {
    bytearray self = a.self();
    if (number % 2 != 0) {
        // Content that does not start at the front of its block.
        self.insert(0, "consumed");
        self.consume(8);
    }
    if (const auto found = changes().find(a.operation()); found != changes().end()) {
        const std::string result = found->second(self, a);
        return "[" + result + "," + written(self);
    }
    switch (number / 2 % 4) {
        case 0:
            return looks<bytes_view>().at(a.operation())(self, a);
        case 1:
            return looks<const bytearray&>().at(a.operation())(self, a);
        case 2:
            return looks<bytearray&&>().at(a.operation())(std::move(self), a);
        default:
            return looks<const bytes&>().at(a.operation())(bytes(std::move(self)), a);
    }
}

std::string outcome(const arguments& a, std::size_t number) {
    try {
        return run(a, number);
    } catch (const decode_error& error) {
        return "!UnicodeDecodeError " + bytes_view(std::string_view(error.what())).hex();
    } catch (const std::invalid_argument&) {
        return "!ValueError";
    } catch (const std::length_error& error) {
        return std::string("!OverflowError ") + error.what();
    } catch (const std::out_of_range&) {
        return "!IndexError";
    }
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    std::string line;
    for (std::size_t number = 0; std::getline(std::cin, line); ++number)
        std::cout << outcome(arguments(line), number) << '\n';
    return 0;
}

// SPDX-License-Identifier: BSL-1.0
// tests/differential/bytes_format/format.cpp: formats what format.py sends, a case a line.
//
// A case is words between spaces: the format, then for each argument its key with a = behind it (in a case
// with a mapping) and its type with a : behind it and its value. Bytes are written as x and hexadecimal
// digits. The answer is a line: the result, or the kind of the error and its text.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <iostream>
#include <new>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/buffer/format_bytes.hpp>

namespace {

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

aioxx::bytearray unhex(std::string_view word) {
    return aioxx::bytearray::fromhex(word.substr(1));
}

// Two's complement in 32 digits.
uint128 number_of(std::string_view digits) {
    uint128 value = 0;
    for (const std::byte byte : aioxx::bytearray::fromhex(digits))
        value = value << 8 | std::to_integer<unsigned>(byte);
    return value;
}

class cases {
public:
    std::string answer(const std::string& line) {
        contents_.clear();
        std::istringstream words(line);
        std::string word;
        words >> word;
        const aioxx::bytearray format = unhex(word);
        std::vector<aioxx::format_argument> arguments;
        std::vector<aioxx::format_item> mapping;
        bool has_mapping = false;
        while (words >> word) {
            if (word == "mapping") {
                has_mapping = true;
            } else if (has_mapping) {
                const std::size_t end = word.find('=');
                const aioxx::bytes_view key = contents_.emplace_back(unhex(word.substr(0, end)));
                mapping.push_back({key, argument_of(word.substr(end + 1))});
            } else {
                arguments.push_back(argument_of(word));
            }
        }
        try {
            return "x" +
                   (has_mapping ? format_bytes(format, mapping) : format_bytes(format, arguments)).hex();
        } catch (const aioxx::format_type_error& refusal) {
            return std::string("TypeError ") + refusal.what();
        } catch (const std::invalid_argument& refusal) {
            return std::string("ValueError ") + refusal.what();
        } catch (const std::overflow_error& refusal) {
            return std::string("OverflowError ") + refusal.what();
        } catch (const std::out_of_range& refusal) {
            return std::string("KeyError ") + refusal.what();
        } catch (const std::length_error& refusal) {
            return std::string("MemoryError ") + refusal.what();
        }
    }

private:
    aioxx::format_argument argument_of(std::string_view word) {
        const std::size_t colon = word.find(':');
        const std::string_view type = word.substr(0, colon);
        const std::string_view value = word.substr(colon + 1);
        if (type == "bytes") return contents_.emplace_back(unhex(value));
        if (type == "char") return static_cast<char>(unhex(value)[0]);
        const uint128 number = number_of(value);
        if (type == "bool") return number != 0;
        if (type == "double") return std::bit_cast<double>(static_cast<std::uint64_t>(number));
        if (type == "byte") return static_cast<std::byte>(number);
        if (type == "i8") return static_cast<std::int8_t>(number);
        if (type == "u8") return static_cast<std::uint8_t>(number);
        if (type == "i16") return static_cast<std::int16_t>(number);
        if (type == "u16") return static_cast<std::uint16_t>(number);
        if (type == "i32") return static_cast<std::int32_t>(number);
        if (type == "u32") return static_cast<std::uint32_t>(number);
        if (type == "i64") return static_cast<std::int64_t>(number);
        if (type == "u64") return static_cast<std::uint64_t>(number);
        if (type == "i128") return static_cast<int128>(number);
        if (type == "u128") return number;
        throw std::runtime_error("there is no type " + std::string(type));
    }

    std::deque<aioxx::bytearray> contents_;  // what the arguments and keys look at
};

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    cases all;
    for (std::string line; std::getline(std::cin, line);)
        std::cout << all.answer(line) << '\n';
}

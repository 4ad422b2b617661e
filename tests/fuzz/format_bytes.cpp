// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/format_bytes.cpp: any format with any arguments gives bytes within the bounds of its widths or a
// documented error, and the check of literals accepts just what is formatted. A broken invariant is thrown.
//
// An input is a byte that chooses, a number of arguments of three bytes each, and the format.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/buffer/format_bytes.hpp>

namespace {

using namespace aioxx;

// Greater widths, in the format or from arguments, are refused by a limit or not used here.
constexpr std::size_t max_number = 99999;

void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
}

// A run of digits that is neither small nor beyond all limits.
bool takes_memory(std::string_view format) {
    std::size_t run = 0;
    for (const char c : format) {
        run = detail::is_digit(c) ? run + 1 : 0;
        if (run > 5) return true;
    }
    return false;
}

format_argument argument_of(std::string_view three) {
    const auto number = static_cast<std::int16_t>(static_cast<unsigned char>(three[1]) << 8 |
                                                  static_cast<unsigned char>(three[2]));
    switch (static_cast<unsigned char>(three[0]) % 8) {
        case 0: return three[1] != 0;
        case 1: return number;
        case 2: return std::numeric_limits<std::uint64_t>::max() - static_cast<std::uint16_t>(number);
        case 3: return number / 8.0;
        case 4: return std::bit_cast<double>(static_cast<std::uint64_t>(number) * 0x0001'0003'0005'0007);
        case 5: return three[1];
        case 6: return three.substr(1, 1);
        default: return three;
    }
}

struct outcome {
    bytearray result;
    std::string fault;
};

template <class Action>
outcome outcome_of(Action action) {
    try {
        return {action(), {}};
    } catch (const format_type_error& fault) {
        return {{}, std::string("type: ") + fault.what()};
    } catch (const std::invalid_argument& fault) {
        return {{}, std::string("format: ") + fault.what()};
    } catch (const std::overflow_error& fault) {
        return {{}, std::string("range: ") + fault.what()};
    } catch (const std::out_of_range& fault) {
        return {{}, std::string("key: ") + fault.what()};
    }
}

void check_result(bytes_view format, std::size_t count, const outcome& seen) {
    if (!seen.fault.empty()) {
        return require(seen.fault.find(" at index ") != std::string::npos ||
                           seen.fault.starts_with("type: not all arguments converted"),
                       "a fault does not say where");
    }
    const std::size_t conversions = std::max(count, format.size() / 2);
    require(seen.result.size() <= format.size() + conversions * (2 * max_number + 400),
            "the result outgrows its widths");
    require(format_bytes("%s", seen.result) == seen.result, "bytes are not copied");
    require(format_bytes(runtime_format(seen.result.replace("%", "%%"))) == seen.result,
            "text is not copied");
}

void check_literal(std::string_view format) {
    const outcome written = outcome_of([&] { return format_bytes(runtime_format(format), 7, 2.5, "x"); });
    const outcome checked = outcome_of([&] {
        detail::format_checker<int, double, bytes_view>().check(format);
        return bytearray();
    });
    require(written.fault == checked.fault, "the check of literals says something else");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    if (input.empty()) return 0;
    const bool has_mapping = input[0] % 2 != 0;
    const std::size_t count =
        std::min<std::size_t>(static_cast<unsigned char>(input[0]) >> 1 & 7, (size - 1) / 3);
    input.remove_prefix(1);
    std::vector<format_argument> arguments;
    std::vector<format_item> mapping;
    for (std::size_t i = 0; i < count; ++i, input.remove_prefix(3)) {
        arguments.push_back(argument_of(input));
        mapping.push_back({input.substr(2, 1), arguments.back()});
    }
    if (takes_memory(input)) return 0;
    check_literal(input);
    check_result(input, count, outcome_of([&] {
                     return has_mapping ? format_bytes(input, mapping) : format_bytes(input, arguments);
                 }));
    return 0;
}

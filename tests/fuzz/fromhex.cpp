// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/fromhex.cpp: any text is refused at a position in it or at its end, or becomes bytes whose
// digits are the text without its white space, in lower case.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace {

using namespace aioxx;

void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
}

std::optional<bytearray> parsed(bytes_view text) {
    try {
        return bytearray::fromhex(text);
    } catch (const std::invalid_argument& error) {
        const std::string_view what = error.what();
        const std::size_t at = what.find("position ");
        require(at != std::string_view::npos, "the error has no position");
        require(std::stoull(std::string(what.substr(at + 9))) <= text.size(), "the position is outside");
        return std::nullopt;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view text(static_cast<const void*>(data), size);
    const bytearray digits = text.translate(std::nullopt, " \t\n\r\v\f").lower();
    const std::optional<bytearray> bytes = parsed(text);
    if (bytes) require(digits == bytes->hex(), "the bytes do not have the digits of the text");
    const bool all_digits = digits.strip("0123456789abcdef").empty() && digits.size() % 2 == 0;
    require(!bytes || all_digits, "what is no digit was accepted");
    if (all_digits) require(bytearray::fromhex(digits).size() == digits.size() / 2, "digits were refused");
    return 0;
}

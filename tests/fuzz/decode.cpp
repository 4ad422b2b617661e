// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/decode.cpp: any bytes become valid UTF-8, which differs from them exactly from where strict
// decoding refuses them, and does not differ when it accepts them.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

namespace {

using namespace aioxx;

void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
}

void check(bytes_view bytes, text_encoding encoding) {
    const std::string replaced = bytes.decode(encoding, decode_errors::replace);
    const std::string ignored = bytes.decode(encoding, decode_errors::ignore);
    const std::string escaped = bytes.decode(encoding, decode_errors::backslashreplace);
    require(websocket::is_utf8(replaced) && websocket::is_utf8(ignored) && websocket::is_utf8(escaped),
            "the text is not UTF-8");
    require(ignored.size() <= replaced.size() && replaced.size() <= 3 * bytes.size() &&
                escaped.size() <= 4 * bytes.size(),
            "the text is too long");
    try {
        const std::string text = bytes.decode(encoding);
        require(text == replaced && text == ignored && text == escaped, "an accepted text was changed");
        require(encoding == text_encoding::latin_1 || text == bytes.str(), "valid bytes were changed");
    } catch (const decode_error& error) {
        require(error.start() < error.end() && error.end() <= bytes.size(), "the fault is outside");
        require(error.end() - error.start() <= 3, "the fault is longer than what could begin a character");
        const bytes_view good = bytes.first(error.start());
        require(websocket::is_utf8(good), "the fault is not the first");
        require(bytes_view(replaced).startswith(good + "\xEF\xBF\xBD"), "the fault is replaced elsewhere");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view bytes(static_cast<const void*>(data), size);
    check(bytes, text_encoding::utf_8);
    check(bytes, text_encoding::ascii);
    check(bytes, text_encoding::latin_1);
    return 0;
}

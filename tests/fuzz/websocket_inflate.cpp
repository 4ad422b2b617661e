// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/websocket_inflate.cpp: payloads of compressed messages, against zlib itself; the first byte of
// an input chooses window, limit and cuts.

#include "fuzz/websocket_invariants.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    invariants::check_inflate(input);
    return 0;
}

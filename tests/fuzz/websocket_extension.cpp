// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/websocket_extension.cpp: Sec-WebSocket-Extensions headers and the negotiation of compression;
// the first byte of an input chooses the options.

#include "fuzz/websocket_invariants.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    invariants::check_extension(input);
    return 0;
}

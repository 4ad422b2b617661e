// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/websocket_handshake.cpp: requests and responses of the opening handshake; the first byte of an
// input chooses how it is fed.

#include "fuzz/websocket_invariants.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    invariants::check_handshakes(input);
    return 0;
}

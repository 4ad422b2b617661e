// SPDX-License-Identifier: BSL-1.0
#include "fuzz/websocket_invariants.hpp"

// The invariants of the fuzz targets over seeded random input: pure noise, and well-formed input with a few
// bytes changed, removed or doubled, which gets further.

#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;

namespace {

std::string noise(std::mt19937& random, std::size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes)
        c = static_cast<char>(random());
    return bytes;
}

std::string damage(std::mt19937& random, std::string bytes) {
    for (unsigned times = random() % 4; times != 0 && !bytes.empty(); --times) {
        const std::size_t at = random() % bytes.size();
        switch (random() % 3) {
            case 0:
                bytes[at] = static_cast<char>(random());
                break;
            case 1:
                bytes.erase(at, 1 + random() % 3);
                break;
            default:
                bytes.insert(at, bytes.substr(at, random() % 8));
                break;
        }
    }
    return bytes;
}

std::string conversation(std::mt19937& random, role from) {
    static constexpr opcode codes[] = {opcode::continuation, opcode::text, opcode::text, opcode::binary,
                                       opcode::close,        opcode::ping, opcode::pong};
    std::string bytes;
    for (unsigned frames = 1 + random() % 8; frames != 0; --frames) {
        const opcode code = codes[random() % 7];
        std::string payload = wire::some_text(random() % 140);
        if (code == opcode::close)
            payload = wire::close_payload(1000 + random() % 4, payload.substr(0, random() % 130));
        const bool compress = random() % 4 == 0;
        if (compress) {
            aioxx::bytearray compressed;
            deflater(9).compress(payload, true, compressed);
            payload = wire::str(compressed.view());
        }
        std::string frame = wire::frame(from, code, payload, random() % 3 != 0);
        if (compress) frame[0] = static_cast<char>(frame[0] | 0x40);
        bytes += frame;
    }
    return bytes;
}

template <class Check>
void run(const std::string& input, Check check) {
    try {
        check(input);
    } catch (const std::exception& broken) {
        std::string shown;
        for (const char letter : input) {
            const auto byte = static_cast<unsigned char>(letter);
            shown += "0123456789abcdef"[byte >> 4];
            shown += "0123456789abcdef"[byte & 15];
        }
        FAIL(broken.what() << ": " << shown);
    }
}

const std::string request =
    "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: "
    "b\r\n\r\n";
const std::string response =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: a\r\n\r\n";

}  // namespace

TEST_CASE("an endpoint survives every kind of garbage", "[websocket]") {
    for (unsigned seed = 1; seed != 4000; ++seed) {
        std::mt19937 random(seed);
        run(noise(random, 1 + random() % 200), invariants::check_endpoint);
        const bool server = random() % 2 == 0;
        std::string input = noise(random, 1);
        input[0] = static_cast<char>((input[0] & ~1) | (server ? 1 : 0));
        run(input + damage(random, conversation(random, server ? role::client : role::server)),
            invariants::check_endpoint);
    }
}

TEST_CASE("a head parser survives every kind of garbage", "[websocket]") {
    const std::string small = "GET /x HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\n\r\nrest";
    const std::string refusal = "HTTP/1.1 404 Not Found\r\nA: b\r\nC: d\r\n\r\nbody";
    for (unsigned seed = 1; seed != 2000; ++seed) {
        std::mt19937 random(seed);
        run(noise(random, 1 + random() % 100), invariants::check_http_head<http_request>);
        run(noise(random, 1 + random() % 100), invariants::check_http_head<http_response>);
        run(noise(random, 1) + damage(random, small), invariants::check_http_head<http_request>);
        run(noise(random, 1) + damage(random, refusal), invariants::check_http_head<http_response>);
    }
}

TEST_CASE("both handshakes survive every kind of garbage", "[websocket]") {
    for (unsigned seed = 1; seed != 1000; ++seed) {
        std::mt19937 random(seed);
        run(noise(random, 1 + random() % 300), invariants::check_handshakes);
        run(noise(random, 1) + damage(random, request), invariants::check_handshakes);
        run(noise(random, 1) + damage(random, response), invariants::check_handshakes);
    }
}

TEST_CASE("an inflater survives every kind of garbage", "[websocket]") {
    for (unsigned seed = 1; seed != 1000; ++seed) {
        std::mt19937 random(seed);
        run(noise(random, 1 + random() % 100), invariants::check_inflate);
        aioxx::bytearray payload;
        deflater(15).compress(wire::some_text(random() % 500), true, payload);
        run(noise(random, 1) + damage(random, wire::str(payload.view())), invariants::check_inflate);
    }
}

TEST_CASE("the negotiation of compression survives every kind of garbage", "[websocket]") {
    const std::string offers =
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=9, x; a=\"b\", "
        "permessage-deflate; "
        "server_max_window_bits=10; client_no_context_takeover; client_max_window_bits";
    for (unsigned seed = 1; seed != 2000; ++seed) {
        std::mt19937 random(seed);
        run(noise(random, 1 + random() % 60), invariants::check_extension);
        run(noise(random, 1) + damage(random, offers), invariants::check_extension);
    }
}

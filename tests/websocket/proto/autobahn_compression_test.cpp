// SPDX-License-Identifier: BSL-1.0
#include "websocket/proto/autobahn.hpp"

// Sections 12 and 13: messages of 18 sizes and fragmentations with each kind of data, and with each
// combination of parameters. The suite compresses a message as a whole and cuts the result into frames. It
// sends 1000 messages per case, and so does this with AIOXX_AUTOBAHN_FULL in the environment, which takes
// minutes; else it is 64 KiB per case, but at least two messages, because of the context, and at most 50.

#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/websocket/proto/client_handshake.hpp>
#include <aioxx/websocket/proto/deflate.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace autobahn;

namespace {

struct message_shape {
    std::size_t size;
    std::size_t fragment;  // 0: one frame
};

constexpr message_shape shapes[] = {
    {16, 0},      {64, 0},      {256, 0},      {1024, 0},      {4096, 0},      {8192, 0},
    {16384, 0},   {32768, 0},   {65536, 0},    {131072, 0},    {8192, 256},    {16384, 256},
    {32768, 256}, {65536, 256}, {131072, 256}, {131072, 1024}, {131072, 4096}, {131072, 32768}};
static_assert(std::size(shapes) == 18);

// Data like the suite's: what it is matters less than how well it compresses.
class sample {
public:
    sample(opcode code, std::string data) : code_(code), data_(std::move(data)) {}

    opcode code() const noexcept { return code_; }

    // The next bytes, round and round; of text, whole characters.
    std::string next(std::size_t size) {
        std::string part;
        while (part.size() < size) {
            if (at_ == data_.size()) at_ = 0;
            std::size_t end = std::min(at_ + size - part.size(), data_.size());
            while (code_ == opcode::text && end != data_.size() && (data_[end] & 0xC0) == 0x80)
                ++end;
            part.append(data_, at_, end - at_);
            at_ = end;
        }
        return part;
    }

private:
    opcode code_;
    std::string data_;
    std::size_t at_ = 0;
};

template <class Append>
std::string grown(unsigned seed, Append append) {
    std::mt19937 random(seed);
    std::string data;
    while (data.size() < 150'000)
        append(data, random);
    return data;
}

sample json() {
    return {opcode::text, grown(1, [](std::string& data, std::mt19937& random) {
                data += R"({"id": )" + std::to_string(random()) + R"(, "name": "J)" + wire::hex("c3 bc") +
                        R"(rgen", "tags": [)" + std::to_string(random() % 100) +
                        R"(, true, null], "price": )" + std::to_string(random() % 10) + ".5},\n";
            })};
}
sample picture() {
    return {opcode::binary, grown(2, [](std::string& data, std::mt19937& random) {
                data += static_cast<char>((data.size() % 512) / 2 + random() % 16);
            })};
}
sample prose() {
    return {opcode::binary, grown(3, [](std::string& data, std::mt19937& random) {
                static const char* const words[] = {"und ", "der ", "Geist ", "die ",     "Welt, ",
                                                    "was ", "ich ", "nicht ", "zu ",      "Mephistopheles. ",
                                                    "ein ", "so ",  "Tag ",   "doch\r\n", "Herz "};
                data += words[random() % std::size(words)];
                if (random() % 5 == 0)
                    data += std::string(1 + random() % 9, static_cast<char>('a' + random() % 26)) + " ";
            })};
}
sample page() {
    return {opcode::text, grown(4, [](std::string& data, std::mt19937& random) {
                data += "<tr class=\"row" + std::to_string(random() % 2) + "\"><td>" +
                        std::to_string(random() % 1000) + "</td><td><a href=\"/item/" +
                        std::to_string(random()) + "\">" + wire::hex("e2 82 ac") + "</a></td></tr>\n";
            })};
}
sample document() {  // compressed already, with a little structure
    return {opcode::binary, grown(5, [](std::string& data, std::mt19937& random) {
                data += std::to_string(random() % 100) + " 0 obj\nstream\n";
                for (int i = 0; i != 500; ++i)
                    data += static_cast<char>(random());
                data += "\nendstream\nendobj\n";
            })};
}

const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";

// The opening handshake of the end under test: as a server with the client's offers, as a client with the
// server's answer.
deflate_parameters open(role tested, const std::string& offers, const std::string& answer) {
    if (tested == role::server) {
        server_handshake server({.compression = deflate_options{}});
        server.feed(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " +
            key + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: " + offers + "\r\n\r\n");
        REQUIRE(server.respond().status == 101);
        REQUIRE(server.compression());
        return *server.compression();
    }
    client_handshake client({.host = "a", .compression = deflate_options{}}, key);
    client.feed(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Accept: " +
        accept_key(key) + "\r\nSec-WebSocket-Extensions: " + answer + "\r\n\r\n");
    REQUIRE(client.done());
    REQUIRE_FALSE(client.fault());
    REQUIRE(client.compression());
    return *client.compression();
}

// How many messages of a size are sent.
std::size_t messages_of(std::size_t size) {
    static const bool full = std::getenv("AIOXX_AUTOBAHN_FULL") != nullptr;
    return full ? 1000 : std::clamp<std::size_t>((64 << 10) / size, 2, 50);
}

// All shapes of messages of one kind over one connection each; counts 18 cases.
int play(role tested, const deflate_parameters& agreed, sample data) {
    int cases = 0;
    for (const auto& [size, fragment] : shapes) {
        CAPTURE(size, fragment, tested == role::server);
        const role tester = tested == role::server ? role::client : role::server;
        const bool server = tester == role::server;
        endpoint end(tested, {.compression = agreed});
        deflater out(server ? agreed.server_max_window_bits : agreed.client_max_window_bits,
                     server ? agreed.server_no_context_takeover : agreed.client_no_context_takeover);
        inflater in(server ? agreed.client_max_window_bits : agreed.server_max_window_bits,
                    server ? agreed.client_no_context_takeover : agreed.server_no_context_takeover);
        const std::size_t count = messages_of(size);
        bool same = true;
        for (std::size_t i = 0; i != count; ++i) {
            const std::string message = data.next(size);
            aioxx::bytearray payload;
            out.compress(message, true, payload);
            const std::size_t piece = fragment == 0 ? payload.size() : fragment;
            for (std::size_t at = 0; at < payload.size(); at += piece) {
                frame_header header;
                header.code = at == 0 ? data.code() : opcode::continuation;
                header.compressed = at == 0;
                header.fin = at + piece >= payload.size();
                header.masked = tester == role::client;
                header.mask = wire::key;
                aioxx::bytearray bytes;
                append_frame(bytes, header, payload.view().subview(at, piece));
                end.feed(bytes.view());
                while (const std::optional<event> next = end.next_event()) {
                    REQUIRE(next->kind ==
                            (data.code() == opcode::text ? event_kind::text : event_kind::binary));
                    next->kind == event_kind::text ? end.send_text(next->payload)
                                                   : end.send_binary(next->payload);
                }
            }
            const std::vector<frame> replies = frames_of(tester, end.output().view(), true);
            end.output().clear();
            REQUIRE(replies.size() == 1);
            aioxx::bytearray echoed;
            REQUIRE(in.inflate(replies[0].payload, true, echoed, 1U << 20) == inflater::result::good);
            same = same && replies[0].header.compressed && echoed.view() == aioxx::bytes_view(message);
        }
        CHECK(same);
        ++cases;
    }
    return cases;
}

const std::string pmd = "permessage-deflate";

}  // namespace

TEST_CASE("Autobahn 12: compressed messages of every size and kind are echoed", "[websocket]") {
    for (role tested : {role::server, role::client}) {
        const deflate_parameters agreed =
            open(tested, pmd + "; client_no_context_takeover; client_max_window_bits", pmd);
        int cases = 0;
        for (sample (*kind)() : {json, picture, prose, page, document})
            cases += play(tested, agreed, kind());
        CHECK(cases == 90);
    }
}

TEST_CASE("Autobahn 13: compression works with every combination of parameters", "[websocket]") {
    struct combination {
        std::string offers;
        std::string answer;
    };
    const std::string accepts = pmd + "; client_no_context_takeover; client_max_window_bits";
    const std::string no_takeover = "; server_no_context_takeover";
    const combination combinations[] = {
        {accepts, pmd},                                                                  // 13.1
        {accepts + no_takeover, pmd + "; client_no_context_takeover"},                   // 13.2
        {accepts + "; server_max_window_bits=9", pmd + "; client_max_window_bits=9"},    // 13.3
        {accepts + "; server_max_window_bits=15", pmd + "; client_max_window_bits=15"},  // 13.4
        {accepts + no_takeover + "; server_max_window_bits=9",
         pmd + "; client_no_context_takeover; client_max_window_bits=9"},  // 13.5
        {accepts + no_takeover + "; server_max_window_bits=15",
         pmd + "; client_no_context_takeover; client_max_window_bits=15"},  // 13.6
        {accepts + no_takeover + "; server_max_window_bits=9, " + accepts + no_takeover + ", " + accepts,
         pmd + "; client_no_context_takeover; client_max_window_bits=9"},  // 13.7
    };
    for (role tested : {role::server, role::client}) {
        int cases = 0;
        for (const auto& [offers, answer] : combinations)
            cases += play(tested, open(tested, offers, answer), json());
        CHECK(cases == 126);
    }
}

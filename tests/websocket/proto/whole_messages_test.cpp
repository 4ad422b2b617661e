// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/whole_messages.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;

namespace {

struct outcome {
    std::vector<std::string> messages;
    std::string left;

    friend bool operator==(const outcome&, const outcome&) = default;
};

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

outcome take(std::string input, std::uint64_t max_size = unlimited, role us = role::server, std::size_t most = 4) {
    std::array<message_view, 4> found;
    aioxx::bytes_view left = input;
    const std::size_t count = detail::take_whole_messages(left, us, max_size, std::span(found).first(most));
    outcome result;
    for (const message_view& each : std::span(found).first(count)) {
        result.messages.push_back((each.is_text ? "text:" : "binary:") + std::string(each.str()));
    }
    result.left = wire::str(left);
    return result;
}

std::string sent(opcode code, const std::string& payload, role from = role::client) {
    return wire::frame(from, code, payload);
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("whole messages are taken off the front, as many as there is room for", "[websocket]") {
    for (const role us : {role::server, role::client}) {
        const role from = us == role::server ? role::client : role::server;
        std::string bytes;
        for (const char letter : {'a', 'b', 'c', 'd', 'e'}) bytes += sent(opcode::text, std::string(1, letter), from);
        CHECK(take(bytes, unlimited, us) == outcome{{"text:a", "text:b", "text:c", "text:d"}, sent(opcode::text, "e", from)});
        CHECK(take(bytes, unlimited, us, 0) == outcome{{}, bytes});
        for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U}) {
            const std::string payload = wire::some_text(size);
            CHECK(take(sent(opcode::binary, payload, from), unlimited, us) == outcome{{"binary:" + payload}, ""});
            const std::string one = sent(opcode::text, payload, from);
            CHECK(take(one + "\x89", unlimited, us) == outcome{{"text:" + payload}, "\x89"});
        }
    }
}

TEST_CASE("what is not whole stays as it is", "[websocket]") {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 300U}) {
        const std::string frame = sent(opcode::text, wire::some_text(size));
        for (std::size_t cut = 0; cut != frame.size(); ++cut) {
            const std::string part = frame.substr(0, cut);
            CHECK(take(sent(opcode::binary, "before") + part) == outcome{{"binary:before"}, part});
        }
    }
}

TEST_CASE("what is wrong, or another kind of frame, stays as it is", "[websocket]") {
    const auto stays = [](const std::string& frame, std::uint64_t limit = unlimited) {
        const std::string behind = frame + sent(opcode::text, "behind");
        return take(sent(opcode::binary, "one") + behind, limit) == outcome{{"binary:one"}, behind};
    };
    const std::string plain = sent(opcode::text, "12345");
    CHECK(!stays(plain, 5));
    CHECK(stays(plain, 4));
    for (const unsigned first : {0x01U, 0x02U, 0x80U, 0x88U, 0x89U, 0x8AU, 0xC1U, 0xC2U, 0xA1U, 0x91U, 0x83U}) {
        std::string other = plain;
        other[0] = static_cast<char>(first);
        CHECK(stays(other));
    }
    CHECK(stays(sent(opcode::text, "not masked", role::server)));
    CHECK(stays(sent(opcode::binary, wire::some_text(65536))));  // so large that its share of the work is small
    CHECK(stays("\x82\xFE" + std::string("\0\x7D", 2) + "key." + std::string(125, 'x')));  // not minimal
    for (const char* const text : {"\xFF", "cut \xC3", "\xED\xA0\x80"}) {
        CHECK(stays(sent(opcode::text, std::string(40, 'a') + text)));
        CHECK(!stays(sent(opcode::binary, std::string(40, 'a') + text)));
    }
    CHECK(take("\x81\x85" "12345", unlimited, role::client).messages == list{});  // masked, at a client
}

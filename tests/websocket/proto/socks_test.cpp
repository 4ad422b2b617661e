// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/socks.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using aioxx::bytes_view;
using aioxx::websocket::socks5_handshake;

namespace {

std::string bytes(std::vector<int> values) {
    std::string text;
    for (const int value : values) text += static_cast<char>(value);
    return text;
}

// Everything that a client sends to a proxy which answers so, and how it ended.
struct outcome {
    std::vector<std::string> sent;
    std::string left;  // of the answers, behind what was needed
    std::string fault;
    bool done = false;
};

outcome talk(socks5_handshake client, std::string_view answers) {
    outcome result;
    while (!client.done() && client.fault().empty()) {
        if (const auto output = client.take_output(); !output.empty()) result.sent.emplace_back(output.str());
        REQUIRE(client.needed() != 0);
        if (answers.size() < client.needed()) break;
        const std::string_view next = answers.substr(0, client.needed());
        answers.remove_prefix(next.size());
        client.feed(bytes_view(next));
    }
    if (client.done() || !client.fault().empty()) CHECK(client.needed() == 0);
    result.left = answers;
    result.fault = client.fault();
    result.done = client.done();
    return result;
}

const std::string none_chosen = bytes({5, 0});
const std::string from_ipv4 = bytes({5, 0, 0, 1, 10, 0, 0, 1, 4, 0});

std::string fault(const std::string& answers) { return talk(socks5_handshake("host", 80), answers).fault; }

}  // namespace

TEST_CASE("a name and the two kinds of addresses are asked for as RFC 1928 has them", "[websocket]") {
    const outcome name = talk(socks5_handshake("host", 0x1234), none_chosen + from_ipv4 + "rest");
    CHECK(name.sent == std::vector<std::string>{bytes({5, 1, 0}), bytes({5, 1, 0, 3, 4, 'h', 'o', 's', 't', 0x12, 0x34})});
    CHECK((name.done && name.left == "rest"));
    const outcome ipv4 = talk(socks5_handshake("192.0.2.200", 80), none_chosen + from_ipv4);
    CHECK(ipv4.sent.at(1) == bytes({5, 1, 0, 1, 192, 0, 2, 200, 0, 80}));
    const outcome ipv6 = talk(socks5_handshake("2001:db8::1", 443), none_chosen + from_ipv4);
    CHECK(ipv6.sent.at(1) ==
          bytes({5, 1, 0, 4, 0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0xBB}));
}

TEST_CASE("the proxy may name where it connects from in any way", "[websocket]") {
    for (const std::string& place : {from_ipv4, bytes({5, 0, 0, 4}) + std::string(16, 'a') + "pp",
                                     bytes({5, 0, 0, 3, 3}) + "abcpp", bytes({5, 0, 0, 3, 0}) + "pp",
                                     bytes({5, 0, 0, 3, 255}) + std::string(255, 'n') + "pp"}) {
        const outcome had = talk(socks5_handshake("host", 80), none_chosen + place + "rest");
        CHECK((had.done && had.left == "rest"));
        CHECK(!talk(socks5_handshake("host", 80), none_chosen + place.substr(0, place.size() - 1)).done);
    }
}

TEST_CASE("a user name and a password are sent when the proxy asks for them", "[websocket]") {
    const socks5_handshake client("host", 80, "user", "word!");
    const outcome asked = talk(client, bytes({5, 2, 1, 0}) + from_ipv4);
    CHECK(asked.sent.at(0) == bytes({5, 2, 0, 2}));
    CHECK(asked.sent.at(1) == bytes({1, 4}) + "user" + bytes({5}) + "word!");
    CHECK(asked.sent.size() == 3);
    CHECK(asked.done);
    const outcome not_asked = talk(client, none_chosen + from_ipv4);
    CHECK(not_asked.sent.size() == 2);
    CHECK(not_asked.done);
    CHECK(talk(client, bytes({5, 2, 1, 1})).fault == "user name and password refused");
    CHECK(talk(client, bytes({5, 0xFF})).fault == "no acceptable authentication method, offered: none, user name and password");
}

TEST_CASE("what a proxy answers instead of a connection is told in the words of RFC 1928", "[websocket]") {
    CHECK(fault(bytes({5, 0xFF})) == "no acceptable authentication method, offered: none");
    CHECK(fault(bytes({5, 2})) == "authentication method 2 chosen, which was not offered");
    CHECK(fault(bytes({4, 0})) == "version 4 of SOCKS in the answer, expected 5");
    CHECK(fault(none_chosen + bytes({0, 0, 0, 1, 0})) == "version 0 of SOCKS in the answer, expected 5");
    CHECK(fault(none_chosen + bytes({5, 0, 0, 2, 0})) == "unknown address type 2 in the reply");
    const std::vector<std::string> meanings{"general SOCKS server failure", "connection not allowed by ruleset",
                                            "network unreachable", "host unreachable", "connection refused", "TTL expired",
                                            "command not supported", "address type not supported", "unknown failure"};
    for (std::size_t i = 0; i != meanings.size(); ++i) {
        const int reply = static_cast<int>(i) + 1;
        CHECK(fault(none_chosen + bytes({5, reply, 0, 1, 0})) == meanings[i] + " (reply " + std::to_string(reply) + ")");
    }
}

TEST_CASE("what SOCKS cannot carry is refused, with what was expected", "[websocket]") {
    const auto complaint = [](std::string_view host, std::string_view user = {}, std::string_view password = {}) {
        return support::complaint_of<std::invalid_argument>([&] { return socks5_handshake(host, 80, user, password).done(); });
    };
    const std::string longest(255, 'x');
    const std::string too_long(256, 'x');
    CHECK(complaint("") == "SOCKS 5: the host has 0 bytes, expected 1 to 255");
    CHECK(complaint(too_long) == "SOCKS 5: the host has 256 bytes, expected 1 to 255");
    CHECK(complaint("h", too_long, "p") == "SOCKS 5: the user name has 256 bytes, expected 1 to 255");
    CHECK(complaint("h", "u", "") == "SOCKS 5: the password has 0 bytes, expected 1 to 255");
    CHECK(talk(socks5_handshake(longest, 80, longest, longest), bytes({5, 2, 1, 0}) + from_ipv4).done);
}

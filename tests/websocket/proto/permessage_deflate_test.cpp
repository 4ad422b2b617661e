// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/permessage_deflate.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx::websocket;

namespace {

std::vector<extension> elements_of(const std::string& text) {
    http_headers headers;
    headers.add("Sec-WebSocket-Extensions", text);
    std::vector<extension> elements;
    REQUIRE_FALSE(parse_extensions(headers, elements));
    return elements;
}

// A server's response to offers, or "" when it declines them all.
std::string answer(const std::string& offers, const deflate_options& options = {}) {
    const auto found = answer_deflate(options, elements_of(offers));
    return found ? to_string(found->response) : "";
}

// What a client makes of a server's answer: the agreed values, or what is wrong.
std::string judged(const std::string& response, const deflate_options& options = {}) {
    deflate_parameters agreed;
    if (const auto wrong = judge_deflate(options, elements_of(response).at(0), agreed)) return *wrong;
    return std::to_string(agreed.server_max_window_bits) + (agreed.server_no_context_takeover ? "-" : "+") +
           std::to_string(agreed.client_max_window_bits) + (agreed.client_no_context_takeover ? "-" : "+");
}

// What both ends have after a whole negotiation; they must be the same.
deflate_parameters agree(const deflate_options& client, const deflate_options& server) {
    const auto answered = answer_deflate(server, elements_of(to_string(offer_deflate(client))));
    REQUIRE(answered);
    deflate_parameters agreed;
    const auto wrong = judge_deflate(client, elements_of(to_string(answered->response)).at(0), agreed);
    INFO(wrong.value_or(""));
    REQUIRE_FALSE(wrong);
    CHECK(agreed == answered->parameters);
    return agreed;
}

const std::string pmd = "permessage-deflate";
const std::string wrong_answer = "server's answer to permessage-deflate is wrong: ";

}  // namespace

TEST_CASE("a client offers what its options say", "[websocket]") {
    CHECK(to_string(offer_deflate({})) == pmd + "; client_max_window_bits");
    deflate_options options;
    options.server_no_context_takeover = true;
    options.client_no_context_takeover = true;
    options.server_max_window_bits = 8;
    options.client_max_window_bits = 15;
    CHECK(to_string(offer_deflate(options)) ==
          pmd +
              "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; "
              "client_max_window_bits=15");
}

TEST_CASE("a server's defaults are windows of 12 bits", "[websocket]") {
    CHECK(answer(pmd) == pmd + "; server_max_window_bits=12");
    CHECK(answer(pmd + "; client_max_window_bits") ==
          pmd + "; server_max_window_bits=12; client_max_window_bits=12");
}

TEST_CASE("a server grants what was asked for, within its own limits", "[websocket]") {
    CHECK(answer(pmd + "; server_no_context_takeover") ==
          pmd + "; server_no_context_takeover; server_max_window_bits=12");
    CHECK(answer(pmd + "; client_no_context_takeover") ==
          pmd + "; client_no_context_takeover; server_max_window_bits=12");
    CHECK(answer(pmd + "; server_max_window_bits=9") == pmd + "; server_max_window_bits=9");
    CHECK(answer(pmd + "; server_max_window_bits=8") == pmd + "; server_max_window_bits=8");
    CHECK(answer(pmd + "; server_max_window_bits=14") == pmd + "; server_max_window_bits=12");
    CHECK(answer(pmd + "; client_max_window_bits=10") ==
          pmd + "; server_max_window_bits=12; client_max_window_bits=10");
    CHECK(answer(pmd + "; client_max_window_bits=14") ==
          pmd + "; server_max_window_bits=12; client_max_window_bits=12");
}

TEST_CASE("a server with the largest windows leaves them out unless they were asked for", "[websocket]") {
    deflate_options options;
    options.server_max_window_bits = 15;
    options.client_max_window_bits = 15;
    CHECK(answer(pmd, options) == pmd);
    CHECK(answer(pmd + "; client_max_window_bits", options) == pmd);
    CHECK(answer(pmd + "; server_max_window_bits=15", options) == pmd + "; server_max_window_bits=15");
}

TEST_CASE("a server asks for what its own options say", "[websocket]") {
    deflate_options options;
    options.server_no_context_takeover = true;
    options.client_no_context_takeover = true;
    options.server_max_window_bits = 15;
    options.client_max_window_bits = 8;
    CHECK(answer(pmd, options) == pmd + "; server_no_context_takeover; client_no_context_takeover");
    CHECK(answer(pmd + "; client_max_window_bits", options) ==
          pmd + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=8");
}

TEST_CASE("a server declines offers that it does not understand, and takes the next", "[websocket]") {
    for (const char* bad : {"; unknown",
                            "; server_no_context_takeover=1",
                            "; client_no_context_takeover=true",
                            "; server_max_window_bits",
                            "; server_max_window_bits=7",
                            "; server_max_window_bits=16",
                            "; server_max_window_bits=08",
                            "; server_max_window_bits=9x",
                            "; server_max_window_bits=-9",
                            "; server_max_window_bits=1000000000000",
                            "; client_max_window_bits=7",
                            "; client_max_window_bits=16",
                            "; client_max_window_bits=010",
                            "; client_max_window_bits=x",
                            "; server_no_context_takeover; server_no_context_takeover",
                            "; client_no_context_takeover; client_no_context_takeover",
                            "; server_max_window_bits=9; server_max_window_bits=9",
                            "; client_max_window_bits; client_max_window_bits",
                            "; client_max_window_bits; client_max_window_bits=9",
                            "; Server_max_window_bits=9"}) {
        INFO(bad);
        CHECK(answer(pmd + bad) == "");
        CHECK(answer(pmd + bad + ", other, " + pmd + "; server_max_window_bits=10") ==
              pmd + "; server_max_window_bits=10");
    }
    CHECK(answer("") == "");
    CHECK(answer("x-webkit-deflate-frame") == "");
}

TEST_CASE("a server takes the first of several good offers", "[websocket]") {
    CHECK(answer(pmd + "; server_max_window_bits=10, " + pmd) == pmd + "; server_max_window_bits=10");
    CHECK(answer(pmd + ", " + pmd + "; server_max_window_bits=10") == pmd + "; server_max_window_bits=12");
}

TEST_CASE("a client accepts what a server may answer", "[websocket]") {
    CHECK(judged(pmd) == "15+15+");
    CHECK(judged(pmd + "; server_no_context_takeover") == "15-15+");
    CHECK(judged(pmd + "; client_no_context_takeover") == "15+15-");
    CHECK(judged(pmd + "; server_max_window_bits=8") == "8+15+");
    CHECK(judged(pmd + "; client_max_window_bits=8") == "15+8+");
    deflate_options options;
    options.client_no_context_takeover = true;  // a hint, which the server need not repeat
    options.client_max_window_bits = 10;        // so is this
    CHECK(judged(pmd, options) == "15+10-");
    CHECK(judged(pmd + "; client_max_window_bits=9", options) == "15+9-");
    options.server_no_context_takeover = true;
    options.server_max_window_bits = 10;
    CHECK(judged(pmd + "; server_max_window_bits=10; server_no_context_takeover", options) == "10-10-");
}

TEST_CASE("a client refuses what it did not ask for", "[websocket]") {
    deflate_options options;
    options.server_no_context_takeover = true;
    CHECK(judged(pmd, options) == wrong_answer + "server_no_context_takeover was asked for and is missing");
    options = {};
    options.server_max_window_bits = 10;
    CHECK(judged(pmd, options) == wrong_answer + "server_max_window_bits was asked for and is missing");
    CHECK(judged(pmd + "; server_max_window_bits=11", options) ==
          wrong_answer + "server_max_window_bits is 11, at most 10 was asked for");
    options = {};
    options.client_max_window_bits = 10;
    CHECK(judged(pmd + "; client_max_window_bits=11", options) ==
          wrong_answer + "client_max_window_bits is 11, at most 10 was offered");
}

TEST_CASE("a client refuses a malformed answer", "[websocket]") {
    CHECK(judged(pmd + "; unknown") == wrong_answer + "unknown parameter 'unknown'");
    CHECK(judged(pmd + "; client_max_window_bits") ==
          wrong_answer + "invalid value of parameter 'client_max_window_bits': none");
    CHECK(judged(pmd + "; server_max_window_bits") ==
          wrong_answer + "invalid value of parameter 'server_max_window_bits': none");
    CHECK(judged(pmd + "; server_max_window_bits=16") ==
          wrong_answer + "invalid value of parameter 'server_max_window_bits': '16'");
    CHECK(judged(pmd + "; server_no_context_takeover=1") ==
          wrong_answer + "invalid value of parameter 'server_no_context_takeover': '1'");
    CHECK(judged(pmd + "; client_no_context_takeover; client_no_context_takeover") ==
          wrong_answer + "parameter 'client_no_context_takeover' stands there twice");
}

TEST_CASE("both ends have agreed on the same, whatever their options", "[websocket]") {
    const std::vector<std::optional<int>> windows{std::nullopt, 8, 11, 15};
    int combinations = 0;
    for (unsigned flags = 0; flags != 16; ++flags) {
        for (const auto& a : windows) {
            for (const auto& b : windows) {
                deflate_options client;
                client.server_no_context_takeover = (flags & 1) != 0;
                client.client_no_context_takeover = (flags & 2) != 0;
                client.server_max_window_bits = a;
                client.client_max_window_bits = b;
                deflate_options server;
                server.server_no_context_takeover = (flags & 4) != 0;
                server.client_no_context_takeover = (flags & 8) != 0;
                server.server_max_window_bits = b;
                server.client_max_window_bits = a;
                const deflate_parameters agreed = agree(client, server);
                CHECK(agreed.server_no_context_takeover == ((flags & 5) != 0));
                CHECK(agreed.client_no_context_takeover == ((flags & 10) != 0));
                CHECK(agreed.server_max_window_bits == std::min(a.value_or(15), b.value_or(12)));
                CHECK(agreed.client_max_window_bits == std::min(b.value_or(15), a.value_or(12)));
                ++combinations;
            }
        }
    }
    CHECK(combinations == 256);
}

TEST_CASE("the settings of one's own compressor come along", "[websocket]") {
    deflate_options options;
    options.settings = {.memory_level = 8, .level = 1, .threshold = 100};
    CHECK(agree(options, options).settings == options.settings);
}

TEST_CASE("options out of their range are refused by name", "[websocket]") {
    const auto refusal = [](auto change) {
        deflate_options options;
        change(options);
        try {
            check_deflate_options(options);
        } catch (const std::invalid_argument& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(refusal([](deflate_options& o) { o.server_max_window_bits = 7; }) ==
          "compression: server_max_window_bits must be 8 to 15, got 7");
    CHECK(refusal([](deflate_options& o) { o.client_max_window_bits = 16; }) ==
          "compression: client_max_window_bits must be 8 to 15, got 16");
    CHECK(refusal([](deflate_options& o) { o.settings.memory_level = 0; }) ==
          "compression: memory_level must be 1 to 9, got 0");
    CHECK(refusal([](deflate_options& o) { o.settings.level = 10; }) ==
          "compression: level must be -1 to 9, got 10");
    CHECK(refusal([](deflate_options& o) { o.server_max_window_bits = 8; }) == "");
}

// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/options.hpp>

#include "support/catch.hpp"

using namespace aioxx::websocket;
using namespace std::chrono_literals;

namespace {

template <class Options>
void check_defaults() {
    const Options options;
    CHECK(options.open_timeout == 10s);
    CHECK(options.ping_interval == 20s);
    CHECK(options.ping_timeout == 20s);
    CHECK(options.close_timeout == 10s);
    CHECK(options.max_size == 1'048'576);
    CHECK(options.max_queue == 32);
    CHECK(options.read_limit == 65536);
    CHECK(options.write_limit == 65536);
    CHECK(options.subprotocols.empty());
    CHECK(options.extra_headers.empty());
}

}  // namespace

TEST_CASE("the defaults of both ends are those of Python's websockets", "[websocket]") {
    check_defaults<connect_options>();
    check_defaults<serve_options>();
    CHECK_FALSE(connect_options().origin);
    CHECK(serve_options().origins.empty());
    CHECK_FALSE(serve_options().process_request);
    CHECK_FALSE(serve_options().select_subprotocol);
}

TEST_CASE("options are named where they are set", "[websocket]") {
    const connect_options client{
        .subprotocols = {"chat"}, .extra_headers = {{"X-Token", "1"}}, .ping_interval = {}};
    CHECK(client.subprotocols.size() == 1);
    CHECK_FALSE(client.ping_interval);
    const serve_options server{.origins = {"https://example.com"}, .open_timeout = 500ms, .max_size = 4096};
    CHECK(server.open_timeout == 500ms);
    CHECK(server.max_size == 4096);
}

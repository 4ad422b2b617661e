// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/options.hpp>

#include <type_traits>

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

TEST_CASE("options are no aggregates, which g++ 12 would destroy twice in a co_await expression", "[websocket]") {
    CHECK_FALSE(std::is_aggregate_v<connect_options>);
    CHECK_FALSE(std::is_aggregate_v<serve_options>);
}

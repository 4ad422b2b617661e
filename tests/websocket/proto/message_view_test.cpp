// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/message_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using websocket::message_view;

TEST_CASE("a view shows its bytes as text", "[websocket]") {
    const message_view view{true, bytes_view("text")};
    CHECK(view.str() == "text");
}

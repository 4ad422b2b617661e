// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/message.hpp>

#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace aioxx;
using websocket::message;

TEST_CASE("a message copies and moves like a value", "[websocket]") {
    const std::string text(1000, 't');
    const message first(true, bytearray(text));
    message copy = first;
    CHECK((copy.is_text && copy.str() == text));
    const message moved = std::move(copy);
    CHECK((moved.is_text && moved.str() == text));
    message assigned;
    CHECK((!assigned.is_text && assigned.data.empty()));
    assigned = moved;
    CHECK(assigned.str() == first.str());
    assigned = message(false, bytearray("bytes"));
    CHECK((!assigned.is_text && assigned.data == "bytes"));
}

TEST_CASE("the memory of a message is used again, unless it was moved away", "[websocket]") {
    const std::byte* place = nullptr;
    {
        bytearray memory = websocket::detail::take_spare(500);
        memory.append("something");
        place = memory.data();
        const message gone(false, std::move(memory));
    }
    bytearray again = websocket::detail::take_spare(500);
    CHECK(again.data() == place);
    again.append("kept");
    bytearray kept;
    {
        message opened(false, std::move(again));
        kept = std::move(opened.data);
    }
    CHECK(kept == "kept");
    CHECK(websocket::detail::take_spare(500).data() != place);
}

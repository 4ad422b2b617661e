// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/busy_guard.hpp>

#include <stdexcept>
#include <string>
#include <type_traits>

#include "support/catch.hpp"

namespace aioxx {

TEST_CASE("a second user of an operation gets a busy_error that names it", "[io]") {
    busy_flag reading;
    const busy_guard first(reading, "readline");
    try {
        const busy_guard second(reading, "readexactly");
        FAIL("two users at a time");
    } catch (const busy_error& error) {
        CHECK(std::string(error.what()) == "readexactly: another task is already using it");
    }
}

TEST_CASE("the refused second user does not free the operation", "[io]") {
    busy_flag reading;
    const busy_guard first(reading, "read");
    CHECK_THROWS_AS(busy_guard(reading, "read"), busy_error);
    CHECK(reading.is_set());
    CHECK_THROWS_AS(busy_guard(reading, "read"), busy_error);
}

TEST_CASE("an operation is free again when its user has left, by an exception too", "[io]") {
    busy_flag reading;
    CHECK_FALSE(reading.is_set());
    {
        const busy_guard first(reading, "read");
        CHECK(reading.is_set());
    }
    CHECK_FALSE(reading.is_set());
    try {
        const busy_guard second(reading, "read");
        throw std::runtime_error("left early");
    } catch (const std::runtime_error&) {
        CHECK_FALSE(reading.is_set());
    }
}

TEST_CASE("two operations have their users independently", "[io]") {
    busy_flag reading;
    busy_flag writing;
    const busy_guard reader(reading, "read");
    const busy_guard writer(writing, "write");
    CHECK(reading.is_set());
    CHECK(writing.is_set());
}

TEST_CASE("a guard can be neither copied nor moved away from its operation", "[io]") {
    CHECK_FALSE(std::is_copy_constructible_v<busy_guard>);
    CHECK_FALSE(std::is_move_constructible_v<busy_guard>);
    CHECK_FALSE(std::is_move_constructible_v<busy_flag>);
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#include <aioxx/base/error.hpp>

#include <cerrno>
#include <string>
#include <type_traits>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("a broken_error says what was being done, and why it failed", "[base]") {
    const broken_error failed(std::make_error_code(std::errc::connection_refused), "connect to 127.0.0.1:1");
    CHECK(failed.what() == "connect to 127.0.0.1:1: " + std::make_error_code(std::errc::connection_refused).message());
    CHECK(failed.code() == std::errc::connection_refused);
    const broken_error bare(std::make_error_code(std::errc::broken_pipe));
    CHECK(bare.what() == std::make_error_code(std::errc::broken_pipe).message());
}

TEST_CASE("an incomplete_read_error carries what arrived and says what was expected, in asyncio's words", "[base]") {
    const incomplete_read_error known("abc", 10);
    CHECK(known.what() == std::string("3 bytes read on a total of 10 expected bytes"));
    CHECK(known.partial() == "abc");
    CHECK(known.expected() == 10u);
    const incomplete_read_error unknown("");
    CHECK(unknown.what() == std::string("0 bytes read on a total of undefined expected bytes"));
    CHECK_FALSE(unknown.expected().has_value());
}

TEST_CASE("a limit_error carries how much was seen", "[base]") {
    const limit_error exceeded("line longer than the limit of 10", 11);
    CHECK(exceeded.seen() == 11);
    CHECK(exceeded.what() == std::string("line longer than the limit of 10"));
}

TEST_CASE("a protocol_error says whose fault it was", "[base]") {
    CHECK(protocol_error(side::local, "x").side() == side::local);
    CHECK(protocol_error(side::remote, "x").side() == side::remote);
}

TEST_CASE("errors without a text of their own have one", "[base]") {
    CHECK(timeout_error().what() == std::string("timed out"));
    CHECK(timeout_error("connecting took too long").what() == std::string("connecting took too long"));
    CHECK(queue_empty().what() == std::string("the queue is empty"));
    CHECK(queue_full().what() == std::string("the queue is full"));
    CHECK(queue_shut_down().what() == std::string("the queue was shut down"));
    CHECK(broken_barrier_error().what() == std::string("the barrier was reset or is broken"));
}

TEST_CASE("a cancellation is not caught as a std::exception", "[base]") {
    CHECK_FALSE(std::is_base_of_v<std::exception, cancelled_error>);
    bool passed = false;
    try {
        try {
            throw cancelled_error("shutting down");
        } catch (const std::exception&) {
            FAIL("swallowed");
        }
    } catch (const cancelled_error& cancelled) {
        passed = cancelled.message() == "shutting down";
    }
    CHECK(passed);
    CHECK(cancelled_error().message().empty());
}

TEST_CASE("throw_system_error throws the system's reason", "[base]") {
    try {
        throw_system_error(ENOENT, "open /nowhere");
        FAIL("did not throw");
    } catch (const broken_error& failed) {
        CHECK(failed.code() == std::errc::no_such_file_or_directory);
        CHECK(std::string(failed.what()).starts_with("open /nowhere: "));
    }
}

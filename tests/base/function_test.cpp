// SPDX-License-Identifier: BSL-1.0
#include <aioxx/base/function.hpp>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

int twice(int value) { return 2 * value; }

struct counted {
    explicit counted(int& count) : alive(&count) { ++*alive; }
    counted(counted&& other) noexcept : alive(other.alive) { ++*alive; }
    ~counted() { --*alive; }
    int* alive;
};

}  // namespace

TEST_CASE("an empty function says so", "[base]") {
    function<void()> empty;
    function<void()> null(nullptr);
    CHECK_FALSE(empty);
    CHECK_FALSE(null);
}

TEST_CASE("a function calls plain functions, lambdas and callables that only move", "[base]") {
    function<int(int)> plain(twice);
    CHECK(plain(21) == 42);
    int offset = 1;
    function<int(int)> by_reference([&offset](int value) { return value + offset; });
    offset = 2;
    CHECK(by_reference(40) == 42);
    function<int(int)> only_moves([owned = std::make_unique<int>(2)](int value) { return value + *owned; });
    CHECK(only_moves(40) == 42);
}

TEST_CASE("small and large callables are moved, called and destroyed alike", "[base]") {
    int alive = 0;
    {
        function<int()> small([kept = counted(alive)] { return *kept.alive; });
        std::array<char, 200> bulk{};
        bulk[199] = 7;
        function<int()> large([kept = counted(alive), bulk] { return bulk[199] + 0 * *kept.alive; });
        CHECK(alive == 2);
        function<int()> moved(std::move(small));
        CHECK_FALSE(small);
        CHECK(moved() == 2);
        moved = std::move(large);
        CHECK(alive == 1);
        CHECK_FALSE(large);
        CHECK(moved() == 7);
        moved.reset();
        CHECK(alive == 0);
        CHECK_FALSE(moved);
        moved = [kept = counted(alive)] { return 1; };
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}

TEST_CASE("arguments that only move and references pass through a function", "[base]") {
    function<int(std::unique_ptr<int>)> take([](std::unique_ptr<int> value) { return *value; });
    CHECK(take(std::make_unique<int>(5)) == 5);
    function<void(std::string&)> change([](std::string& text) { text += "!"; });
    std::string text = "a";
    change(text);
    CHECK(text == "a!");
}

TEST_CASE("a function that returns nothing takes callables that return something", "[base]") {
    int calls = 0;
    function<void()> ignored([&calls] { return ++calls; });
    ignored();
    ignored();
    CHECK(calls == 2);
}

TEST_CASE("a function passes exceptions on and can be called again", "[base]") {
    int calls = 0;
    function<void()> throws([&calls] {
        if (++calls == 1) throw 5;
    });
    CHECK_THROWS_AS(throws(), int);
    CHECK_NOTHROW(throws());
}

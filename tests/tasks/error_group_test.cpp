// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/error_group.hpp>

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using aioxx::error_group;

namespace {

template <class Error>
std::exception_ptr make(const char* what) {
    return std::make_exception_ptr(Error(what));
}

// Two levels: "flat", ("deep", "wrong"), "last".
error_group two_levels() {
    const auto inner = std::make_exception_ptr(
        error_group("inner", {make<std::out_of_range>("deep"), make<std::runtime_error>("wrong")}));
    return error_group("outer", {make<std::runtime_error>("flat"), inner, make<std::logic_error>("last")});
}

}  // namespace

TEST_CASE("an error group lists what went wrong, in order", "[tasks]") {
    const error_group group("errors in a task group", {make<std::runtime_error>("first"), make<std::logic_error>("second")});
    CHECK(std::string(group.what()) == "errors in a task group (2):\n  first\n  second");
    CHECK(group.exceptions().size() == 2);
}

TEST_CASE("an error group in an error group is indented", "[tasks]") {
    const auto inner = std::make_exception_ptr(error_group("inner", {make<std::runtime_error>("deep")}));
    const error_group outer("outer", {inner, make<std::runtime_error>("flat")});
    CHECK(std::string(outer.what()) == "outer (2):\n  inner (1):\n    deep\n  flat");
}

TEST_CASE("an error group is asked for a type, through all levels", "[tasks]") {
    const auto inner = std::make_exception_ptr(error_group("inner", {make<std::out_of_range>("deep")}));
    const error_group outer("outer", {make<std::runtime_error>("flat"), inner});
    CHECK(outer.contains<std::runtime_error>());
    CHECK(outer.contains<std::out_of_range>());
    CHECK(outer.contains<std::logic_error>());
    CHECK(outer.contains<error_group>());
    CHECK_FALSE(outer.contains<std::bad_alloc>());
}

TEST_CASE("an error group is split by type, through all levels and with its structure", "[tasks]") {
    const auto [logic, others] = two_levels().split<std::logic_error>();
    REQUIRE(logic);
    REQUIRE(others);
    CHECK(std::string(logic->what()) == "outer (2):\n  inner (1):\n    deep\n  last");
    CHECK(std::string(others->what()) == "outer (2):\n  flat\n  inner (1):\n    wrong");
    CHECK(others->message() == "outer");
}

TEST_CASE("a side of a split that would be empty is nothing", "[tasks]") {
    const auto [all, rest] = two_levels().split<std::exception>();
    REQUIRE(all);
    CHECK_FALSE(rest);
    CHECK(std::string(all->what()) == two_levels().what());
    const auto [none, everything] = two_levels().split<std::bad_alloc>();
    CHECK_FALSE(none);
    CHECK(everything);
    CHECK_FALSE(two_levels().subgroup<std::bad_alloc>());
    CHECK(two_levels().subgroup<std::out_of_range>()->what() == std::string("outer (1):\n  inner (1):\n    deep"));
}

TEST_CASE("an error group is split by a function, which is asked once for each exception and for no group", "[tasks]") {
    int asked = 0;
    const auto starts_with_d = [&asked](const std::exception_ptr& exception) {
        ++asked;
        return aioxx::describe(exception).front() == 'd';
    };
    const auto [matching, others] = two_levels().split(starts_with_d);
    CHECK(asked == 4);
    REQUIRE(matching);
    CHECK(std::string(matching->what()) == "outer (1):\n  inner (1):\n    deep");
    CHECK(others->flatten().size() == 3);
    CHECK(two_levels().subgroup(starts_with_d)->flatten().size() == 1);
}

TEST_CASE("a predicate that throws is heard", "[tasks]") {
    const auto refuses = [](const std::exception_ptr&) -> bool { throw std::domain_error("no"); };
    CHECK_THROWS_AS(two_levels().split(refuses), std::domain_error);
    const error_group nested("outer", {std::make_exception_ptr(two_levels())});
    CHECK_THROWS_AS(nested.split(refuses), std::domain_error);
}

TEST_CASE("flattening an error group keeps the order and the text", "[tasks]") {
    const error_group flat = two_levels().flatten();
    CHECK(std::string(flat.what()) == "outer (4):\n  flat\n  deep\n  wrong\n  last");
    std::size_t count = 0;
    for (const std::exception_ptr& exception : flat) count += exception != nullptr ? 1 : 0;
    CHECK(count == flat.size());
}

TEST_CASE("the only exception of an error group can be had, also out of groups of one", "[tasks]") {
    const auto single = make<std::runtime_error>("alone");
    const error_group inner("inner", {single});
    CHECK(inner.only() == single);
    const error_group outer("outer", {std::make_exception_ptr(inner)});
    CHECK(outer.only() != single);
    CHECK(outer.flatten().only() == single);
    CHECK(two_levels().only() == nullptr);
}

TEST_CASE("parts of an error group can be thrown on", "[tasks]") {
    try {
        const auto [matching, others] = two_levels().split<std::out_of_range>();
        if (others) throw *others;
        FAIL("nothing was left");
    } catch (const error_group& caught) {
        CHECK(caught.size() == 3);
        CHECK_FALSE(caught.contains<std::out_of_range>());
    }
}

// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/error_group.hpp>

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

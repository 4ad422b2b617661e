// SPDX-License-Identifier: BSL-1.0
#include <aioxx/base/result.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct throws_on_construction {
    explicit throws_on_construction(int) { throw std::runtime_error("no"); }
};

}  // namespace

TEST_CASE("a result is empty, then holds a value or an exception", "[base]") {
    result<int> value;
    CHECK(value.empty());
    CHECK_FALSE(value.has_value());
    CHECK(value.exception() == nullptr);
    value.set_value(5);
    CHECK(value.has_value());
    CHECK(value.get() == 5);
    value.get() = 6;
    CHECK(value.take_value() == 6);

    result<int> failed;
    failed.set_exception(std::make_exception_ptr(std::runtime_error("x")));
    CHECK(failed.has_exception());
    CHECK(failed.exception() != nullptr);
    CHECK_THROWS_AS(failed.get(), std::runtime_error);
    CHECK_THROWS_AS(failed.take_value(), std::runtime_error);  // each time again
}

TEST_CASE("a result holds nothing, references, and what only moves", "[base]") {
    result<void> nothing;
    nothing.set_value();
    CHECK(nothing.has_value());
    nothing.take_value();

    int number = 1;
    result<int&> reference;
    reference.set_value(number);
    reference.get() = 2;
    CHECK(number == 2);
    CHECK(&reference.take_value() == &number);

    result<std::unique_ptr<int>> moves;
    moves.set_value(std::make_unique<int>(3));
    CHECK(*moves.take_value() == 3);
}

TEST_CASE("moving a result empties the source and destroys what was there", "[base]") {
    auto shared = std::make_shared<int>(1);
    result<std::shared_ptr<int>> from;
    from.set_value(shared);
    result<std::shared_ptr<int>> to(std::move(from));
    CHECK(from.empty());
    CHECK(to.get() == shared);
    CHECK(shared.use_count() == 2);
    result<std::shared_ptr<int>> failed;
    failed.set_exception(std::make_exception_ptr(1));
    to = std::move(failed);
    CHECK(shared.use_count() == 1);
    CHECK(to.has_exception());
    CHECK(failed.empty());
    to.reset();
    CHECK(to.empty());
    to.set_value(shared);
    CHECK(to.has_value());
}

TEST_CASE("a value whose construction throws leaves the result empty", "[base]") {
    result<throws_on_construction> value;
    CHECK_THROWS_AS(value.set_value(1), std::runtime_error);
    CHECK(value.empty());
}

TEST_CASE("only a cancellation counts as a cancellation", "[base]") {
    CHECK(is_cancelled(std::make_exception_ptr(cancelled_error("x"))));
    CHECK_FALSE(is_cancelled(std::make_exception_ptr(std::runtime_error("x"))));
    CHECK_FALSE(is_cancelled(std::make_exception_ptr(1)));
    CHECK_FALSE(is_cancelled(nullptr));
}

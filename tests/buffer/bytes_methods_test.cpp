// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/bytes_methods.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

// What each method does is tested with the header that does it; here is what all of them share.

namespace {

static_assert(sizeof(bytes_view) == 2 * sizeof(void*), "the methods take no room");
static_assert(std::is_trivially_copyable_v<bytes_view>);

template <class Bytes>
concept gives_views = std::is_same_v<decltype(std::declval<Bytes>().strip()), bytes_view> &&
    std::is_same_v<decltype(std::declval<Bytes>().slice(0, 1)), bytes_view> &&
    std::is_same_v<decltype(std::declval<Bytes>().removesuffix("")), bytes_view> &&
    std::is_same_v<decltype(std::declval<Bytes>().split()), std::vector<bytes_view>> &&
    std::is_same_v<decltype(std::declval<Bytes>().rsplit("")), std::vector<bytes_view>> &&
    std::is_same_v<decltype(std::declval<Bytes>().splitlines()), std::vector<bytes_view>> &&
    std::is_same_v<decltype(std::declval<Bytes>().rpartition("")), std::array<bytes_view, 3>>;

template <class Bytes>
concept gives_copies = std::is_same_v<decltype(std::declval<Bytes>().strip()), bytearray> &&
    std::is_same_v<decltype(std::declval<Bytes>().slice(0, 1)), bytearray> &&
    std::is_same_v<decltype(std::declval<Bytes>().removesuffix("")), bytearray> &&
    std::is_same_v<decltype(std::declval<Bytes>().split()), std::vector<bytearray>> &&
    std::is_same_v<decltype(std::declval<Bytes>().rsplit("")), std::vector<bytearray>> &&
    std::is_same_v<decltype(std::declval<Bytes>().splitlines()), std::vector<bytearray>> &&
    std::is_same_v<decltype(std::declval<Bytes>().rpartition("")), std::array<bytearray, 3>>;

static_assert(gives_views<bytes_view> && gives_views<const bytes_view&> && gives_views<bytearray&> &&
              gives_views<const bytearray&> && gives_views<bytes&>);
static_assert(gives_copies<bytearray> && gives_copies<const bytearray> && gives_copies<bytes>,
              "no view of a temporary can be had");

template <class Bytes>
void check_shared_methods() {
    const Bytes content(bytes_view(" Key: Value "));
    CHECK(content.strip().lower() == "key: value");
    CHECK(content.find("Value") == 6);
    CHECK(content.split()[1] == "Value");
    CHECK(content.slice(-3, -1) == "ue");
    CHECK(content.at(-2) == std::byte{'e'});
    CHECK(content.replace(" ", "") == "Key:Value");
    CHECK(content.decode() == " Key: Value ");
    CHECK(Bytes(bytes_view("ab")) + "cd" == "abcd");
    CHECK(Bytes::fromhex("6162") == "ab");
    CHECK(content.copy() == content);
}

}  // namespace

TEST_CASE("all types that hold bytes have the same methods", "[buffer]") {
    check_shared_methods<bytes_view>();
    check_shared_methods<bytearray>();
    check_shared_methods<bytes>();
}

TEST_CASE("an element is found from both ends, and one that is not there is named", "[buffer]") {
    const bytes_view bytes = "abc";
    CHECK(bytes.at(0) == std::byte{'a'});
    CHECK(bytes.at(-1) == std::byte{'c'});
    CHECK(bytes.at(-3) == std::byte{'a'});
    CHECK_THROWS_AS(bytes.at(3), std::out_of_range);
    CHECK_THROWS_AS(bytes.at(bytes_view::npos), std::out_of_range);
    CHECK_THROWS_AS(bytes_view().at(0), std::out_of_range);
    try {
        static_cast<void>(bytes.at(-4));
        FAIL("-4 is not there");
    } catch (const std::out_of_range& error) {
        CHECK(std::string_view(error.what()) == "index -4 is out of range for 3 bytes");
    }
}

TEST_CASE("concatenation leaves its operands alone", "[buffer]") {
    const bytearray left("left");
    CHECK(left + left == "leftleft");
    CHECK(left + std::string(" and right") == "left and right");
    CHECK(bytes_view("a") + left == "aleft");
    CHECK((bytearray() + "").empty());
    CHECK(left == "left");
}

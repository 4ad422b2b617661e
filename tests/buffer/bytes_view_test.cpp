// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/bytes_view.hpp>

#include <array>
#include <cstdint>
#include <random>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::string_view_literals;

namespace {

static_assert(std::is_trivially_copyable_v<bytes_view> && std::is_trivially_copyable_v<mutable_bytes_view>);
static_assert(std::ranges::contiguous_range<bytes_view> && std::ranges::view<bytes_view> &&
              std::ranges::borrowed_range<bytes_view> && std::ranges::sized_range<const bytes_view>);
static_assert(std::ranges::contiguous_range<mutable_bytes_view> && std::ranges::view<mutable_bytes_view> &&
              std::ranges::borrowed_range<mutable_bytes_view>);

static_assert(bytes_like<std::string> && bytes_like<std::string_view> && bytes_like<const char*> &&
              bytes_like<char[4]> && bytes_like<std::vector<std::uint8_t>> &&
              bytes_like<std::vector<std::byte>> && bytes_like<std::array<char, 3>> &&
              bytes_like<std::span<const std::byte>> && bytes_like<std::span<unsigned char>> &&
              bytes_like<unsigned char[4]> && bytes_like<std::byte[4]> && bytes_like<mutable_bytes_view>);
static_assert(!bytes_like<std::wstring> && !bytes_like<std::vector<int>> && !bytes_like<int> &&
              !bytes_like<std::nullptr_t>);

// Nothing is written through what was const, nor into what is gone at the end of the statement.
static_assert(!std::is_constructible_v<mutable_bytes_view, const std::string&> &&
              !std::is_constructible_v<mutable_bytes_view, bytes_view> &&
              !std::is_constructible_v<mutable_bytes_view, std::string_view> &&
              !std::is_constructible_v<mutable_bytes_view, std::span<const std::byte>> &&
              !std::is_constructible_v<mutable_bytes_view, std::string&&> &&
              std::is_constructible_v<mutable_bytes_view, std::span<std::byte>&&>);

std::string_view as_argument(bytes_view bytes) {
    return bytes.str();
}
std::size_t writable(mutable_bytes_view bytes) {
    return bytes.size();
}

}  // namespace

TEST_CASE("bytes of every kind convert to a bytes_view of the same content", "[buffer]") {
    const std::string text = "abc";
    CHECK(as_argument(text) == "abc");
    CHECK(as_argument("abc"sv) == "abc");
    CHECK(as_argument(std::string("abc")) == "abc");
    CHECK(as_argument(text.c_str()) == "abc");
    CHECK(as_argument(std::vector<char>{'a', 'b', 'c'}) == "abc");
    CHECK(as_argument(std::vector<std::uint8_t>{'a', 'b', 'c'}) == "abc");
    CHECK(as_argument(std::array{std::byte{'a'}, std::byte{'b'}}) == "ab");
    CHECK(as_argument(std::span<const char>(text)) == "abc");
    CHECK(bytes_view(static_cast<const void*>(text.data()), 2).str() == "ab");
    const unsigned char numbers[] = {1, 0, 2, 0};
    CHECK(as_argument(numbers) == "\1\0\2\0"sv);
}

TEST_CASE("a literal gives its bytes without the zero at its end but with those inside", "[buffer]") {
    CHECK(bytes_view("abc").size() == 3);
    CHECK(bytes_view("").empty());
    CHECK(as_argument("a\0b\0") == "a\0b\0"sv);
    const char without_zero[] = {'a', 'b'};
    CHECK(as_argument(without_zero) == "ab");
}

TEST_CASE("a char buffer gives its C string and never more than the buffer", "[buffer]") {
    char buffer[8] = "abc";
    CHECK(as_argument(buffer) == "abc");
    char full[3] = {'a', 'b', 'c'};
    CHECK(as_argument(full) == "abc");
    char* const pointer = buffer;
    CHECK(as_argument(pointer) == "abc");
    CHECK(writable(buffer) == 8);
}

TEST_CASE("parts of a bytes_view are clamped to what there is", "[buffer]") {
    const bytes_view bytes = "abcdef";
    CHECK(bytes.first(0).empty());
    CHECK(bytes.first(2) == "ab");
    CHECK(bytes.first(6) == "abcdef");
    CHECK(bytes.first(7) == "abcdef");
    CHECK(bytes.last(2) == "ef");
    CHECK(bytes.last(7) == "abcdef");
    CHECK(bytes.subview(2, 2) == "cd");
    CHECK(bytes.subview(2) == "cdef");
    CHECK(bytes.subview(5, bytes_view::npos) == "f");
    CHECK(bytes.subview(6).empty());
    CHECK(bytes.subview(bytes_view::npos).empty());
    bytes_view rest = bytes;
    rest.remove_prefix(4);
    CHECK(rest == "ef");
    rest.remove_prefix(9);
    CHECK(rest.empty());
    CHECK(bytes_view().first(1).empty());
    CHECK(bytes_view().last(1).empty());
    CHECK(bytes_view().subview(0).empty());
}

TEST_CASE("a search gives the first position from a start on, or npos", "[buffer]") {
    const bytes_view bytes = "abcabc";
    CHECK(bytes.find('b') == 1);
    CHECK(bytes.find('b', 2) == 4);
    CHECK(bytes.find(std::byte{'c'}, 2) == 2);
    CHECK(bytes.find('x') == bytes_view::npos);
    CHECK(bytes.find('a', 6) == bytes_view::npos);
    CHECK(bytes.find('a', 99) == bytes_view::npos);
    CHECK(bytes.find("bc") == 1);
    CHECK(bytes.find("bc", 2) == 4);
    CHECK(bytes.find("bcd") == bytes_view::npos);
    CHECK(bytes.find("") == 0);
    CHECK(bytes.find("", 6) == 6);
    CHECK(bytes.find("", 7) == bytes_view::npos);
    CHECK(bytes_view().find('a') == bytes_view::npos);
    CHECK(bytes_view("\xff\x80").find('\x80') == 1);
    CHECK(bytes.contains("cab"));
    CHECK_FALSE(bytes.contains("acb"));
    CHECK(bytes.starts_with("abc"));
    CHECK_FALSE(bytes.starts_with("bc"));
    CHECK(bytes.ends_with("bc"));
    CHECK_FALSE(bytes.ends_with("ab"));
    CHECK_FALSE(bytes.starts_with("abcabcd"));
}

TEST_CASE("bytes compare by content, unsigned, a prefix first", "[buffer]") {
    CHECK(bytes_view("ab") == std::string("ab"));
    CHECK("ab"sv == bytes_view("ab"));
    CHECK(bytes_view("ab") != "abc");
    CHECK(bytes_view() == "");
    CHECK(bytes_view("ab") < "abc");
    CHECK(bytes_view("b") > "abc");
    CHECK(bytes_view("\x7f") < "\x80");
    CHECK((bytes_view() <=> bytes_view("")) == std::strong_ordering::equal);
    static constexpr std::array low{std::byte{1}, std::byte{2}};
    static constexpr std::array high{std::byte{1}, std::byte{0xff}};
    static_assert(bytes_view(low) < bytes_view(high) && bytes_view(low) == low && bytes_view(low) != high);
    static_assert(bytes_view(low).subview(1).size() == 1 && bytes_view(high)[1] == std::byte{0xff});
}

TEST_CASE("order, search and prefixes agree with std::string_view on random bytes", "[buffer]") {
    std::mt19937 random(20);
    const auto draw = [&](std::size_t longest) {
        std::string text(random() % (longest + 1), '\0');
        for (char& c : text)
            c = "\x00\x7f\x80\xff"[random() % 4];
        return text;
    };
    for (int round = 0; round < 5000; ++round) {
        const std::string a = draw(12);
        const std::string b = draw(3);
        const std::size_t from = random() % 14;
        REQUIRE((bytes_view(a) <=> bytes_view(b)) == (a.compare(b) <=> 0));
        REQUIRE((bytes_view(a) == bytes_view(b)) == (a == b));
        REQUIRE(bytes_view(a).find(b, from) == a.find(b, from));
        REQUIRE(bytes_view(a).find('\x80', from) == a.find('\x80', from));
        REQUIRE(bytes_view(a).starts_with(b) == a.starts_with(b));
        REQUIRE(bytes_view(a).ends_with(b) == a.ends_with(b));
    }
}

TEST_CASE("what is written through a mutable_bytes_view is in its source", "[buffer]") {
    std::string text = "abcd";
    mutable_bytes_view view = text;
    view[0] = std::byte{'x'};
    view.last(1)[0] = std::byte{'y'};
    CHECK(text == "xbcy");
    view.remove_prefix(1);
    CHECK(view.first(2).size() == 2);
    std::ranges::fill(view.subview(1, 9), std::byte{'z'});
    CHECK(text == "xbzz");
    CHECK(bytes_view(view) == "bzz");
    std::array<unsigned char, 5> array{};
    CHECK(writable(array) == 5);
    std::byte raw[6];
    CHECK(writable(raw) == 6);
    CHECK(mutable_bytes_view(static_cast<void*>(text.data()), 3).size() == 3);
}

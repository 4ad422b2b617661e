// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/transport.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <list>
#include <ranges>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <range/v3/view/transform.hpp>

#include "io/fakes.hpp"
#include "support/catch.hpp"

namespace aioxx {
namespace {

using calls = std::vector<std::string>;

// Longer than any small-string buffer, so that a dangling view is one that the sanitizer sees.
std::string line(int number) {
    return "line number " + std::to_string(number) + ", which is long enough to be allocated\n";
}

std::string lines(int count) {
    std::string all;
    for (int i = 0; i < count; ++i)
        all += line(i);
    return all;
}

}  // namespace

TEST_CASE("write takes text, views, arrays and vectors as bytes to copy", "[io][ST006]") {
    fake_transport made;
    transport& sink = made;
    const std::string text = "string";
    const std::vector<unsigned char> numbers = {'v', 'e', 'c'};
    const std::array<std::byte, 1> array = {std::byte{'a'}};
    const bytearray kept(bytes_view("kept"));
    bytearray mine(bytes_view("mine"));
    sink.write("literal");
    sink.write(text);
    sink.write(std::string_view("view"));
    sink.write(numbers);
    sink.write(array);
    sink.write(kept);
    sink.write(mine);
    CHECK(made.written == "literalstringviewvecakeptmine");
    CHECK(made.calls == calls(7, "write"));
    CHECK(mine == "mine");
}

TEST_CASE("write takes a bytearray that is moved as a block to keep", "[io][ST006]") {
    fake_transport made;
    transport& sink = made;
    bytearray block(bytes_view("block"));
    sink.write(std::move(block));
    sink.write(bytearray(bytes_view(" temporary")));
    CHECK(made.calls == calls(2, "write a block"));
    CHECK(made.written == "block temporary");
}

TEST_CASE("writelines passes ranges of owned pieces on without joining them (FC010)", "[io]") {
    fake_transport made;
    transport& sink = made;
    const std::vector<std::string> strings = {line(0), line(1), line(2)};
    sink.writelines(strings);
    sink.writelines(std::list<std::string>(strings.begin(), strings.end()));
    sink.writelines(std::deque<bytearray>{bytearray(bytes_view(line(0)))});
    sink.writelines(std::array<std::string_view, 2>{"a", "b"});
    sink.writelines(std::vector<const char*>{"c", "d"});
    CHECK(made.calls ==
          calls{"writelines 3", "writelines 3", "writelines 1", "writelines 2", "writelines 2"});
    CHECK(made.written == lines(3) + lines(3) + line(0) + "abcd");
}

TEST_CASE("writelines takes a list in braces and views as they are", "[io]") {
    fake_transport made;
    transport& sink = made;
    const std::string path = "/index.html";
    sink.writelines({"GET ", path, bytearray(bytes_view(" HTTP/1.1")), "\r\n"});
    const std::vector<bytes_view> views = {"x", "", "y"};
    sink.writelines(views);
    sink.writelines(std::span(views));
    CHECK(made.calls == calls{"writelines 4", "writelines 3", "writelines 3"});
    CHECK(made.written == "GET /index.html HTTP/1.1\r\nxyxy");
}

TEST_CASE("writelines of nothing, and of empty pieces, is fine (T3)", "[io]") {
    fake_transport made;
    transport& sink = made;
    sink.writelines(std::vector<std::string>{});
    sink.writelines(std::vector<std::string>{"", "a", "", "b", ""});
    CHECK(made.written == "ab");
}

TEST_CASE("writelines joins strings that a standard view makes on the way", "[io]") {
    fake_transport made;
    transport& sink = made;
    sink.writelines(std::views::iota(0, 50) | std::views::transform(line));
    CHECK(made.calls == calls{"write a block"});
    CHECK(made.written == lines(50));
}

TEST_CASE("writelines joins strings that a range-v3 view makes on the way", "[io]") {
    fake_transport made;
    transport& sink = made;
    const std::vector<int> numbers = {0, 1, 2, 3, 4};
    sink.writelines(numbers | ranges::views::transform(line));
    CHECK(made.calls == calls{"write a block"});
    CHECK(made.written == lines(5));
}

TEST_CASE("writelines does not join views that a range-v3 view makes of kept strings", "[io]") {
    fake_transport made;
    transport& sink = made;
    const std::vector<std::string> kept = {line(0), line(1)};
    sink.writelines(kept |
                    ranges::views::transform([](const std::string& text) { return bytes_view(text); }));
    CHECK(made.calls == calls{"writelines 2"});
    CHECK(made.written == lines(2));
}

TEST_CASE("writelines joins the lines of a stream that can be walked only once", "[io]") {
    fake_transport made;
    transport& sink = made;
    std::istringstream words("each word lives only until the next is read-and-is-longer-than-a-small-string");
    sink.writelines(std::ranges::istream_view<std::string>(words));
    CHECK(made.calls == calls{"write a block"});
    CHECK(made.written == "eachwordlivesonlyuntilthenextisread-and-is-longer-than-a-small-string");
}

TEST_CASE("a range that throws while it is walked leaves nothing written", "[io]") {
    fake_transport made;
    transport& sink = made;
    const auto failing = [](int number) {
        if (number == 3) throw std::runtime_error("no third line");
        return line(number);
    };
    CHECK_THROWS_AS(sink.writelines(std::views::iota(0, 5) | std::views::transform(failing)),
                    std::runtime_error);
    CHECK(made.calls.empty());
}

TEST_CASE("a transport is read, write and base transport at once", "[io]") {
    fake_transport made;
    base_transport& base = made;
    CHECK(dynamic_cast<read_transport*>(&base) == &made);
    CHECK(dynamic_cast<write_transport*>(&base) == &made);
    CHECK(static_cast<base_transport*>(static_cast<read_transport*>(&made)) ==
          static_cast<base_transport*>(static_cast<write_transport*>(&made)));
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/extension.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx::websocket;

namespace {

http_headers lines(const std::vector<std::string>& values) {
    http_headers headers{{"Host", "a"}};
    for (const std::string& value : values)
        headers.add("sec-websocket-EXTENSIONS", value);
    return headers;
}

// What was read, written again: "a; b=c, d", or "malformed".
std::string read(const std::vector<std::string>& values) {
    std::vector<extension> elements;
    if (const auto wrong = parse_extensions(lines(values), elements)) {
        CHECK(wrong->starts_with("malformed Sec-WebSocket-Extensions header: '"));
        return "malformed";
    }
    std::string text;
    for (const extension& element : elements)
        text += (text.empty() ? "" : ", ") + to_string(element);
    return text;
}

}  // namespace

TEST_CASE("extensions are read with their parameters", "[websocket]") {
    std::vector<extension> elements;
    REQUIRE_FALSE(parse_extensions(lines({"foo; bar; baz=2, x-y"}), elements));
    REQUIRE(elements.size() == 2);
    CHECK(elements[0] == extension{"foo", {{"bar"}, {"baz", "2"}}});
    CHECK(elements[1] == extension{"x-y", {}});
    REQUIRE_FALSE(elements[0].parameters[0].value);
}

TEST_CASE("extensions come from all lines of the header, in order", "[websocket]") {
    CHECK(read({"a; x=1", "b", "a"}) == "a; x=1, b, a");
    CHECK(read({}) == "");
    CHECK(read({""}) == "");
}

TEST_CASE("blanks and empty elements around extensions mean nothing", "[websocket]") {
    CHECK(read({" , ,a ;\tb = 1 ;c , ,, d,"}) == "a; b=1; c, d");
    CHECK(read({"a;b=1;c,d"}) == "a; b=1; c, d");
}

TEST_CASE("a quoted parameter is the token inside of it", "[websocket]") {
    CHECK(read({R"(a; b="10"; c="\1\0")"}) == "a; b=10; c=10");
    CHECK(read({R"(a; b="1,0")"}) == "malformed");  // 9.1: no token
    CHECK(read({R"(a; b="")"}) == "malformed");
    CHECK(read({R"(a; b="1)"}) == "malformed");
    CHECK(read({R"(a; b="1\)"}) == "malformed");
    CHECK(read({R"(a; b="1"2)"}) == "malformed");
    CHECK(read({R"("a")"}) == "malformed");
}

TEST_CASE("malformed extensions are refused", "[websocket]") {
    for (const char* bad : {";", "a;", "a;;b", "a; b=", "a; =1", "a; b==1", "a b", "a; b c", "a; b=1 2",
                            "a=1", "a/b", "a; b=1/2", "a, ;b", "\"", "a; b=\xC3\xA9", "(a)"}) {
        INFO(bad);
        CHECK(read({bad}) == "malformed");
    }
    CHECK(read({"a", "b c"}) == "malformed");
}

TEST_CASE("a malformed header shows in the text, shortened and without control characters", "[websocket]") {
    std::vector<extension> elements;
    CHECK(parse_extensions(lines({"a b"}), elements) == "malformed Sec-WebSocket-Extensions header: 'a b'");
    const auto wrong = parse_extensions(lines({"=" + std::string(5000, 'x')}), elements);
    REQUIRE(wrong);
    CHECK(wrong->size() < 120);
}

TEST_CASE("an extension is written as it is read", "[websocket]") {
    CHECK(to_string(extension{"a", {}}) == "a");
    CHECK(to_string(extension{"a", {{"b"}, {"c", "12"}}}) == "a; b; c=12");
}

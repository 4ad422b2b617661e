// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/redirect.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using namespace aioxx::websocket;

namespace {

http_response answer(const std::string& location, int status = 302) {
    http_response made;
    made.status = status;
    made.headers.add("Location", location);
    return made;
}

std::string resolved(const char* base, const char* reference) {
    return to_string(resolve_reference(parse_uri(base), reference));
}

std::string complaint(redirect_chain& chain, const std::string& location, std::string_view tied_to = {}) {
    return support::complaint_of<redirect_error>([&] { chain.follow(answer(location), tied_to); });
}

bool contains(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a reference means what RFC 3986 says", "[websocket]") {
    const char* const base = "ws://a/b/c/d;p?q";  // section 5.4
    const std::vector<std::pair<const char*, const char*>> cases = {{"ws:g", ""},
                                                                    {"g", "/b/c/g"},
                                                                    {"./g", "/b/c/g"},
                                                                    {"g/", "/b/c/g/"},
                                                                    {"/g", "/g"},
                                                                    {"?y", "/b/c/d;p?y"},
                                                                    {"g?y", "/b/c/g?y"},
                                                                    {"", "/b/c/d;p?q"},
                                                                    {";x", "/b/c/;x"},
                                                                    {"g;x", "/b/c/g;x"},
                                                                    {"g;x?y", "/b/c/g;x?y"},
                                                                    {".", "/b/c/"},
                                                                    {"./", "/b/c/"},
                                                                    {"..", "/b/"},
                                                                    {"../", "/b/"},
                                                                    {"../g", "/b/g"},
                                                                    {"../..", "/"},
                                                                    {"../../", "/"},
                                                                    {"../../g", "/g"},
                                                                    {"../../../g", "/g"},
                                                                    {"../../../../g", "/g"},
                                                                    {"/./g", "/g"},
                                                                    {"/../g", "/g"},
                                                                    {"g.", "/b/c/g."},
                                                                    {".g", "/b/c/.g"},
                                                                    {"g..", "/b/c/g.."},
                                                                    {"..g", "/b/c/..g"},
                                                                    {"./../g", "/b/g"},
                                                                    {"./g/.", "/b/c/g/"},
                                                                    {"g/./h", "/b/c/g/h"},
                                                                    {"g/../h", "/b/c/h"},
                                                                    {"g;x=1/./y", "/b/c/g;x=1/y"},
                                                                    {"g;x=1/../y", "/b/c/y"},
                                                                    {"g?y/./x", "/b/c/g?y/./x"},
                                                                    {"g?y/../x", "/b/c/g?y/../x"},
                                                                    {"g#s", "/b/c/g"},
                                                                    {"#s", "/b/c/d;p?q"},
                                                                    {"?u=http://x/", "/b/c/d;p?u=http://x/"}};
    for (const auto& [reference, expected] : cases) {
        CAPTURE(reference);
        if (*expected == '\0') {
            CHECK_THROWS_AS(resolved(base, reference), invalid_uri);
        } else {
            CHECK(resolved(base, reference) == std::string("ws://a") + expected);
        }
    }
}

TEST_CASE("an absolute reference is another place", "[websocket]") {
    CHECK(resolved("ws://a/b", "wss://c:1/d/../e?f") == "wss://c:1/e?f");
    CHECK(resolved("ws://a/b", "//c/d") == "ws://c/d");
    CHECK(resolved("wss://a/b", "//c/d") == "wss://c/d");
    CHECK(resolved("ws://a/b", "http://c/d") == "ws://c/d");
    CHECK(resolved("ws://a/b", "HTTPS://c/d") == "wss://c/d");
    CHECK(resolved("ws://a/b", "https://c:80") == "wss://c:80/");
    CHECK(resolved("ws://a/b", "/\xc3\xa4") == "ws://a/%C3%A4");
    CHECK_THROWS_AS(resolved("ws://a/b", "ftp://c/"), invalid_uri);
    CHECK_THROWS_AS(resolved("ws://a/b", "mailto:x"), invalid_uri);
    CHECK_THROWS_AS(resolved("ws://a/b", "/with space"), invalid_uri);
    CHECK_THROWS_AS(resolved("ws://a/b", "//"), invalid_uri);
}

TEST_CASE("credentials stay within their origin", "[websocket]") {
    const uri base = parse_uri("ws://u:p@a/b");
    CHECK(resolve_reference(base, "/c").user_info == base.user_info);
    CHECK(resolve_reference(base, "ws://a/c").user_info == base.user_info);
    CHECK(resolve_reference(base, "ws://v:q@a/c").user_info == basic_credentials{"v", "q"});
    CHECK(!resolve_reference(base, "ws://b/c").user_info);
    CHECK(!resolve_reference(base, "wss://a/c").user_info);
    CHECK(!resolve_reference(base, "ws://a:81/c").user_info);
}

TEST_CASE("a redirect is a status with a place", "[websocket]") {
    for (const int status : {301, 302, 303, 307, 308})
        CHECK(is_redirect(answer("/", status)));
    for (const int status : {101, 200, 300, 304, 305, 401, 503})
        CHECK(!is_redirect(answer("/", status)));
    http_response nowhere;
    nowhere.status = 302;
    CHECK(!is_redirect(nowhere));
}

TEST_CASE("ten redirects are followed, and the eleventh is not", "[websocket]") {
    redirect_chain chain(parse_uri("ws://a/0"));
    for (int i = 1; i <= 10; ++i)
        chain.follow(answer("/" + std::to_string(i)));
    CHECK(to_string(chain.present()) == "ws://a/10");
    CHECK(!chain.left_origin());
    const std::string text = complaint(chain, "/11");
    CHECK(contains(text, "more than 10"));
    CHECK(contains(text, "ws://a/0 -> ws://a/1 -> "));
    CHECK(contains(text, " -> ws://a/10 -> ws://a/11)"));
}

TEST_CASE("a secure connection does not become an open one", "[websocket]") {
    redirect_chain chain(parse_uri("ws://a/"));
    chain.follow(answer("wss://a/"));
    CHECK(chain.present().secure);
    CHECK(contains(complaint(chain, "ws://a/"), "not secure"));
    CHECK(contains(complaint(chain, "http://a/"), "not secure"));
    CHECK(chain.present().secure);
}

TEST_CASE("a chain remembers that it left its origin", "[websocket]") {
    redirect_chain chain(parse_uri("ws://u:p@a/"));
    chain.follow(answer("/here"));
    CHECK(!chain.left_origin());
    CHECK(chain.present().user_info);
    chain.follow(answer("ws://b/"));
    CHECK(chain.left_origin());
    CHECK(!chain.present().user_info);
    chain.follow(answer("ws://a/"));
    CHECK(chain.left_origin());
    CHECK(!chain.present().user_info);
}

TEST_CASE("headers for the first origin are withheld once it was left", "[websocket]") {
    redirect_chain chain(parse_uri("ws://a/"));
    http_headers sent;
    for (const char* name : {"authorization", "Cookie", "Host", "Proxy-Authorization", "Accept"}) sent.add(name, "x");
    chain.follow(answer("/here"));
    chain.withhold(sent);
    CHECK(sent.contains("Authorization"));
    CHECK(sent.contains("Cookie"));
    chain.follow(answer("ws://b/"));
    chain.withhold(sent);
    for (const char* name : {"Authorization", "Cookie", "Host", "Proxy-Authorization"}) CHECK(!sent.contains(name));
    CHECK(sent.contains("Accept"));
}

TEST_CASE("what ties a client to its origin is named when a redirect leads away", "[websocket]") {
    redirect_chain chain(parse_uri("ws://a/"));
    CHECK(complaint(chain, "/b", "a Unix socket") == "none");
    CHECK(contains(complaint(chain, "ws://b/", "a Unix socket"), "a Unix socket"));
}

TEST_CASE("a Location that leads nowhere is told, without passwords", "[websocket]") {
    redirect_chain chain(parse_uri("ws://u:secret@a/"));
    const std::string text = complaint(chain, "ftp://u:secret@b/");
    CHECK(contains(text, "ws:// or wss://"));
    CHECK(contains(text, "(ws://a/ -> ftp://***@b/)"));
    CHECK(!contains(text, "secret"));
}

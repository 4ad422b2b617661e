// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/server_auth.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;
using websocket::basic_auth;
using websocket::basic_credentials;
using websocket::http_headers;
using websocket::http_request;
using websocket::http_response;
using websocket::parse_authorization_basic;
using websocket::request_hook;

namespace {

std::string basic(const std::string& name_and_password) {
    return "Basic " + websocket::base64_encode(name_and_password);
}

// What is said to a request with these Authorization headers: the status, 0 when it may pass.
http_response answer(test_loop& loop, const request_hook& hook, const std::vector<std::string>& headers) {
    http_request request;
    for (const std::string& value : headers) request.headers.add("Authorization", value);
    auto response = loop.run([](request_hook ask, http_request about) -> coro<std::optional<http_response>> {
        co_return co_await ask(about);
    }(hook, request));
    if (response) return *response;
    http_response passed;
    passed.status = 0;
    return passed;
}

std::vector<basic_credentials> two_users() {
    std::vector<basic_credentials> users;
    users.push_back({"hello", "iloveyou"});
    users.push_back({"", ""});
    users.push_back({"h\xc3\xa9", "with:colon"});
    return users;
}

}  // namespace

TEST_CASE("base64 is read as it is written, and nothing else is", "[websocket]") {
    for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
        CAPTURE(text);
        CHECK(websocket::detail::base64_decode(websocket::base64_encode(text)) == text);
    }
    std::string all;
    for (int i = 0; i != 256; ++i) all.push_back(static_cast<char>(i));
    CHECK(websocket::detail::base64_decode(websocket::base64_encode(all)) == all);
    for (const char* wrong : {"Zg", "Zg=", "Zg===", "====", "=", "Z===", "Zm9v=", "Zm 9", "Zm9\n", "Zh==", "Zm8-",
                              "Zg==Zg=="}) {
        CAPTURE(wrong);
        CHECK_FALSE(websocket::detail::base64_decode(wrong));
    }
}

TEST_CASE("comparing in constant time finds what is equal, and only that", "[websocket]") {
    using websocket::detail::equal_in_constant_time;
    CHECK(equal_in_constant_time("", ""));
    CHECK(equal_in_constant_time("secret", "secret"));
    for (const char* wrong : {"", "s", "secre", "secret ", "secretsecret", "Secret", "secreT"}) {
        CAPTURE(wrong);
        CHECK_FALSE(equal_in_constant_time("secret", wrong));
        CHECK_FALSE(equal_in_constant_time(wrong, "secret"));
    }
}

TEST_CASE("an Authorization header gives name and password, a colon in the password included", "[websocket]") {
    http_headers headers;
    CHECK_FALSE(parse_authorization_basic(headers));
    headers.add("authorization", "bAsIc  " + websocket::base64_encode("aladdin:open:sesame") + " ");
    const std::optional<basic_credentials> found = parse_authorization_basic(headers);
    REQUIRE(found);
    CHECK(found->username == "aladdin");
    CHECK(found->password == "open:sesame");
    headers.add("Authorization", basic("other:one"));
    CHECK_FALSE(parse_authorization_basic(headers));  // which of them?
    for (const std::string& wrong : {std::string("Basic"), std::string("Basic "), std::string("Bearer abc"),
                                     basic("no colon"), std::string("BasicYTpi"), std::string("Basic YTpi YTpi")}) {
        CAPTURE(wrong);
        http_headers only;
        only.add("Authorization", wrong);
        CHECK_FALSE(parse_authorization_basic(only));
    }
}

TEST_CASE("only those pass whose name and password are known, as with Python's websockets", "[websocket]") {
    test_loop loop;
    const request_hook hook = basic_auth("the \"inner\" place", two_users());
    const http_response missing = answer(loop, hook, {});
    CHECK(missing.status == 401);
    CHECK(missing.body == "Missing credentials\n");
    CHECK(missing.headers.get("WWW-Authenticate") == R"(Basic realm="the \"inner\" place", charset="UTF-8")");
    const http_response unsupported = answer(loop, hook, {"Digest x"});
    CHECK(unsupported.status == 401);
    CHECK(unsupported.body == "Unsupported credentials\n");
    for (const char* wrong : {"hello:iloveyo", "hello:iloveyou2", "hello:", "Hello:iloveyou", ":iloveyou",
                              "hello:with:colon"}) {
        CAPTURE(wrong);
        const http_response invalid = answer(loop, hook, {basic(wrong)});
        CHECK(invalid.status == 401);
        CHECK(invalid.body == "Invalid credentials\n");
        CHECK(invalid.headers.contains("WWW-Authenticate"));
    }
    for (const char* right : {"hello:iloveyou", ":", "h\xc3\xa9:with:colon"}) {
        CAPTURE(right);
        CHECK(answer(loop, hook, {basic(right)}).status == 0);
    }
    CHECK(answer(loop, hook, {basic("hello:iloveyou"), basic("hello:iloveyou")}).status == 401);
    CHECK(answer(loop, basic_auth("nobody", std::vector<basic_credentials>()), {basic("a:b")}).status == 401);
}

TEST_CASE("a check may be a coroutine that takes its time", "[websocket]") {
    test_loop loop;
    const auto slow = [](const basic_credentials& given) -> coro<bool> {
        const bool right = given.password == "open";
        co_await sleep(2s);
        co_return right;
    };
    const request_hook hook = basic_auth("slow", slow);
    CHECK(answer(loop, hook, {basic("a:open")}).status == 0);
    CHECK(answer(loop, hook, {basic("a:shut")}).status == 401);
    CHECK(loop.elapsed() == 4s);
    CHECK(answer(loop, hook, {}).status == 401);
    CHECK(loop.elapsed() == 4s);  // nobody to check
}

TEST_CASE("a realm that cannot be written and an empty check are refused at once", "[websocket]") {
    CHECK_THROWS_AS(basic_auth("two\r\nlines", two_users()), std::invalid_argument);
    CHECK_THROWS_AS(basic_auth("realm", websocket::credentials_check()), std::invalid_argument);
}

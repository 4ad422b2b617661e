// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/basic_auth.hpp>

#include <string>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using aioxx::websocket::basic_credentials;
using aioxx::websocket::build_authorization_basic;

namespace {

std::string complaint(const basic_credentials& who) {
    return support::complaint_of<std::invalid_argument>([&] { return build_authorization_basic(who); });
}

}  // namespace

TEST_CASE("a user and a password become a header's value", "[websocket]") {
    CHECK(build_authorization_basic({"Aladdin", "open sesame"}) ==
          "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");                                            // RFC 7617
    CHECK(build_authorization_basic({"test", "123\xc2\xa3"}) == "Basic dGVzdDoxMjPCow==");  // its section 2.1
    CHECK(build_authorization_basic({"", ""}) == "Basic Og==");
    CHECK(build_authorization_basic({"a", "b:c"}) == "Basic YTpiOmM=");
}

TEST_CASE("what a header cannot carry is refused, and no password is shown", "[websocket]") {
    CHECK(complaint({"a:b", "secret"}).find("colon") != std::string::npos);
    CHECK(complaint({"a\n", "secret"}).find("control") != std::string::npos);
    CHECK(complaint({"a", "secret\r"}).find("control") != std::string::npos);
    CHECK(complaint({"a", "secret\x7f"}).find("control") != std::string::npos);
    CHECK(complaint({"a", "secret\r"}).find("secret") == std::string::npos);
}

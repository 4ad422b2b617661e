// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tls/error.hpp>

#include <string>
#include <system_error>

#include <openssl/ssl.h>

#include "support/catch.hpp"

using namespace aioxx;
using tls::tls_errc;

namespace {

// As a failed call leaves it. The first context of a program loads the texts, else.
void leave_error(int reason) {
    ::OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, nullptr);
    ERR_raise(ERR_LIB_SSL, reason);
}

}  // namespace

TEST_CASE("an error of OpenSSL is a code of a category with OpenSSL's text", "[tls]") {
    ::ERR_clear_error();
    leave_error(SSL_R_WRONG_VERSION_NUMBER);
    leave_error(SSL_R_BAD_LENGTH);
    const std::error_code code = tls::detail::take_openssl_error();
    CHECK(code.category() == tls::openssl_category());
    CHECK(ERR_GET_REASON(static_cast<unsigned long>(code.value())) == SSL_R_WRONG_VERSION_NUMBER);
    CHECK(code.message() == "wrong version number");
    CHECK(std::string(code.category().name()) == "tls");
    CHECK(::ERR_peek_error() == 0);  // what came after the oldest is not taken for the next failure
}

TEST_CASE("a number that OpenSSL does not know is said as a number", "[tls]") {
    const std::error_code code(static_cast<int>(ERR_PACK(ERR_LIB_USER, 0, 4000)), tls::openssl_category());
    CHECK(code.message() == "OpenSSL error " + std::to_string(ERR_PACK(ERR_LIB_USER, 0, 4000)));
}

TEST_CASE("throw_openssl_error says what was tried and why it failed", "[tls]") {
    ::ERR_clear_error();
    leave_error(SSL_R_WRONG_VERSION_NUMBER);
    try {
        tls::detail::throw_openssl_error("cannot do it");
        FAIL("it has not thrown");
    } catch (const tls::tls_error& failure) {
        const std::string text = failure.what();
        CAPTURE(text);
        CHECK(text.find("cannot do it") != std::string::npos);
        CHECK(text.find("wrong version number") != std::string::npos);
        CHECK(failure.code().category() == tls::openssl_category());
    }
}

TEST_CASE("each way in which a connection ends has a text of its own, and asyncio's meaning", "[tls]") {
    const std::error_code truncated = tls_errc::truncated;
    CHECK(truncated.category() == tls::tls_category());
    CHECK(truncated.message() == "the connection ended without a close_notify");
    CHECK(make_error_code(tls_errc::early_data).message() == "bytes were received before the handshake");
    CHECK(make_error_code(tls_errc::handshake_ended).message() == "the peer ended the connection during the handshake");
    CHECK(make_error_code(tls_errc::handshake_timeout).message() == "the handshake took too long");
    CHECK(make_error_code(tls_errc::shutdown_timeout).message() == "the peer did not answer the close_notify in time");
    CHECK(std::error_code(99, tls::tls_category()).message() == "unknown");

    CHECK(make_error_code(tls_errc::handshake_ended) == std::errc::connection_reset);
    CHECK(make_error_code(tls_errc::handshake_timeout) == std::errc::connection_aborted);
    CHECK(make_error_code(tls_errc::shutdown_timeout) == std::errc::timed_out);
    CHECK(truncated != std::errc::connection_reset);
}

TEST_CASE("a certificate_error names the host and the reason", "[tls]") {
    const std::error_code code(1, tls::openssl_category());
    const tls::certificate_error named(code, X509_V_ERR_CERT_HAS_EXPIRED, "example.org");
    CHECK(named.verify_code() == X509_V_ERR_CERT_HAS_EXPIRED);
    CHECK(named.code() == code);
    const std::string text = named.what();
    CAPTURE(text);
    CHECK(text.find("the peer's certificate for \"example.org\" was refused (certificate has expired)") !=
          std::string::npos);
    const tls::certificate_error nameless(code, X509_V_ERR_CERT_HAS_EXPIRED, "");
    CHECK(std::string(nameless.what()).find("the peer's certificate was refused (certificate has expired)") !=
          std::string::npos);
    CHECK_THROWS_AS(throw named, broken_error);  // caught as any other loss of a connection
}

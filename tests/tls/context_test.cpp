// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tls/context.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/complaint_of.hpp"

using namespace aioxx;
using support::complaint_of;

TEST_CASE("files that are not there, or are not what they should be, are named in the error", "[tls]") {
    tls::context server = tls::context::for_server();
    CHECK(complaint_of<tls::tls_error>([&] { server.load_cert_chain("/nowhere/chain.pem", "/nowhere/key.pem"); })
              .find("\"/nowhere/chain.pem\"") != std::string::npos);
    const support::identity_files files;
    CHECK(complaint_of<tls::tls_error>([&] { server.load_cert_chain(files.certificate_file(), "/nowhere/key.pem"); })
              .find("\"/nowhere/key.pem\"") != std::string::npos);
    CHECK_NOTHROW(server.load_cert_chain(files.certificate_file(), files.key_file()));
    CHECK(complaint_of<tls::tls_error>([&] { server.load_verify_file("/nowhere/ca.pem"); })
              .find("\"/nowhere/ca.pem\"") != std::string::npos);
    CHECK_NOTHROW(server.load_verify_file(files.authority_file()));
}

TEST_CASE("a key that is not the certificate's is refused", "[tls]") {
    tls::context server = tls::context::for_server();
    const support::identity other = support::test_authority().issue();
    CHECK_THROWS_AS(server.use_cert_chain(support::test_identity().certificate, other.key), tls::tls_error);
    CHECK_THROWS_AS(server.use_cert_chain("no certificate", other.key), tls::tls_error);
    CHECK_THROWS_AS(server.add_trusted("no certificate"), tls::tls_error);
}

TEST_CASE("clients verify from the start, and nobody speaks less than TLS 1.2", "[tls]") {
    const tls::context client = tls::context::for_client();
    CHECK(client.check_hostname());
    CHECK(SSL_CTX_get_verify_mode(client.native_handle()) == (SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT));
    CHECK(SSL_CTX_get_min_proto_version(client.native_handle()) == TLS1_2_VERSION);
    const tls::context server = tls::context::for_server();
    CHECK(SSL_CTX_get_verify_mode(server.native_handle()) == SSL_VERIFY_NONE);
    CHECK(SSL_CTX_get_min_proto_version(server.native_handle()) == TLS1_2_VERSION);
}

TEST_CASE("names of protocols and ciphers are checked", "[tls]") {
    tls::context client = tls::context::for_client();
    CHECK(complaint_of<std::invalid_argument>([&] { client.set_alpn_protocols({"h2", ""}); }).find("got one of 0") !=
          std::string::npos);
    CHECK_THROWS_AS(client.set_alpn_protocols({std::string(256, 'x')}), std::invalid_argument);
    CHECK_NOTHROW(client.set_alpn_protocols({std::string(255, 'x')}));
    CHECK(complaint_of<tls::tls_error>([&] { client.set_ciphers("NO-SUCH-CIPHER"); }).find("NO-SUCH-CIPHER") !=
          std::string::npos);
}

TEST_CASE("a context of the program's own is shared, with what was set here", "[tls]") {
    SSL_CTX* own = SSL_CTX_new(TLS_client_method());
    {
        tls::context adopted = tls::context::adopt(own, tls::role::client);
        adopted.set_check_hostname(false);
        CHECK(adopted.native_handle() == own);
        const tls::context again = tls::context::adopt(own, tls::role::client);
        CHECK_FALSE(again.check_hostname());
    }
    CHECK(SSL_CTX_get_ssl_method(own) == TLS_client_method());  // it lives
    SSL_CTX_free(own);
    CHECK_THROWS_AS(tls::context::adopt(nullptr, tls::role::client), std::invalid_argument);
}

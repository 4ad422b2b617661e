// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tls/certificate.hpp>

#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using namespace aioxx;

namespace {

tls::certificate from_pem(const std::string& text) {
    const tls::detail::bio_ptr in = tls::detail::read_from(text);
    const tls::detail::x509_ptr read(::PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    REQUIRE(read);
    return tls::certificate(read.get());
}

tls::certificate issued(const support::certificate_request& request = {}) {
    return from_pem(support::test_authority().issue(request).certificate);
}

}  // namespace

TEST_CASE("a certificate says whom it is for and who has signed it", "[tls]") {
    const tls::certificate own = issued();
    CHECK(own.subject() == "CN=aioxx test");
    CHECK(own.issuer() == "CN=aioxx test authority");
    const tls::certificate authority = from_pem(support::test_authority().certificate());
    CHECK(authority.subject() == authority.issuer());
}

TEST_CASE("dns_names gives the host names and leaves addresses out", "[tls]") {
    support::certificate_request request;
    request.names = "DNS:example.org,IP:127.0.0.1,DNS:*.example.net,email:someone@example.org";
    CHECK(issued(request).dns_names() == std::vector<std::string>{"example.org", "*.example.net"});
    request.names = "IP:127.0.0.1";
    CHECK(issued(request).dns_names().empty());
    CHECK(from_pem(support::test_authority().certificate()).dns_names().empty());  // it has no such extension
}

TEST_CASE("the times of a certificate are seconds since 1970", "[tls]") {
    support::certificate_request request;
    request.valid_from = -1000;
    request.valid_until = 5000;
    const std::time_t before = std::time(nullptr);
    const tls::certificate made = issued(request);
    const std::time_t after = std::time(nullptr);
    CHECK(made.not_before() >= before - 1000);
    CHECK(made.not_before() <= after - 1000);
    CHECK(made.not_after() >= before + 5000);
    CHECK(made.not_after() <= after + 5000);
}

TEST_CASE("the fingerprint is the SHA-256 of the encoding, and differs between certificates", "[tls]") {
    const tls::certificate made = issued();
    unsigned char* encoded = nullptr;
    const int size = ::i2d_X509(made.native_handle(), &encoded);
    REQUIRE(size > 0);
    unsigned char digest[32];
    unsigned digest_size = 0;
    ::EVP_Digest(encoded, static_cast<std::size_t>(size), digest, &digest_size, ::EVP_sha256(), nullptr);
    ::OPENSSL_free(encoded);
    std::string expected;
    for (const unsigned char byte : digest) {
        expected += "0123456789abcdef"[byte / 16];
        expected += "0123456789abcdef"[byte % 16];
    }
    CHECK(digest_size == 32);
    CHECK(made.fingerprint() == expected);
    CHECK(issued().fingerprint() != expected);
}

TEST_CASE("a certificate as PEM is the one that was read", "[tls]") {
    const std::string text = support::test_authority().issue().certificate;
    CHECK(text.starts_with("-----BEGIN CERTIFICATE-----\n"));
    CHECK(from_pem(text).to_pem() == text);
}

TEST_CASE("copies refer to the same certificate and keep it alive", "[tls]") {
    std::optional<tls::certificate> first = issued();
    const tls::certificate copy = *first;
    CHECK(copy.native_handle() == first->native_handle());
    const std::string before = first->fingerprint();
    first.reset();
    CHECK(copy.fingerprint() == before);
}

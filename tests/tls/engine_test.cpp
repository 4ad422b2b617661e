// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tls/engine.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/diagnostics.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using namespace aioxx;
using tls::progress;

namespace {

// Bytes on their way in both directions between two engines, given out in pieces of a size.
struct link_end final : tls::wire {
    explicit link_end(std::size_t at_once) : piece(at_once) {}

    pulled pull(std::span<std::byte> into) noexcept override {
        const std::size_t count = std::min({into.size(), piece, incoming.size()});
        if (count == 0) return {0, ended};
        std::memcpy(into.data(), incoming.data(), count);
        incoming.consume(count);
        return {count, false};
    }
    void push(bytes_view ciphertext) override { peer->incoming.append(ciphertext); }

    std::size_t piece;
    bool ended = false;
    bytearray incoming;
    link_end* peer = nullptr;
};

struct engines {
    explicit engines(tls::context client_settings = support::client_context(),
                     tls::context server_settings = support::server_context(),
                     std::optional<std::string> host = "localhost", std::size_t piece = 100'000)
        : near(piece),
          far(piece),
          client(std::move(client_settings), near, std::move(host)),
          server(std::move(server_settings), far) {
        near.peer = &far;
        far.peer = &near;
    }

    // Returns: whether both sides are done.
    bool shake_hands() {
        for (int round = 0; round < 100'000; ++round) {
            const progress ours = client.handshake();
            const progress theirs = server.handshake();
            if (ours == progress::failed || theirs == progress::failed) return false;
            if (ours == progress::done && theirs == progress::done) return true;
        }
        return false;
    }

    link_end near;
    link_end far;
    tls::engine client;
    tls::engine server;
};

std::string read_all(tls::engine& from, progress* last = nullptr) {
    std::string text;
    for (;;) {
        std::byte buffer[1000];
        std::size_t count = 0;
        const progress made = from.read(buffer, count);
        if (made != progress::done) {
            if (last != nullptr) *last = made;
            return text;
        }
        text.append(reinterpret_cast<const char*>(buffer), count);
    }
}

void write_all(tls::engine& to, const std::string& text) {
    bytes_view rest(text);
    while (!rest.empty()) {
        std::size_t count = 0;
        REQUIRE(to.write(rest, count) == progress::done);
        rest.remove_prefix(count);
    }
}

// What the client says of a handshake that fails.
std::string refusal(tls::context client, tls::context server, std::optional<std::string> host = "localhost") {
    engines both(std::move(client), std::move(server), std::move(host));
    CHECK_FALSE(both.shake_hands());
    return both.client.failure() ? describe(both.client.failure()) : "";
}

}  // namespace

TEST_CASE("two engines shake hands and pass bytes in both directions, however they are cut", "[tls]") {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{5000}, std::size_t{100'000}}) {
        CAPTURE(piece);
        engines both(support::client_context(), support::server_context(), "localhost", piece);
        REQUIRE(both.shake_hands());
        const std::string large(100'000, 'x');
        write_all(both.client, large);
        CHECK(read_all(both.server) == large);
        write_all(both.server, "answer");
        CHECK(read_all(both.client) == "answer");
        CHECK(both.client.version_name() == "TLSv1.3");
        CHECK(both.client.cipher() == both.server.cipher());
    }
}

TEST_CASE("several records that have come are read at once", "[tls]") {
    engines both;
    REQUIRE(both.shake_hands());
    CHECK(read_all(both.client).empty());
    for (int count = 0; count < 5; ++count) write_all(both.server, "12345");
    std::byte buffer[100];
    std::size_t count = 0;
    CHECK(both.client.read(buffer, count) == progress::done);
    CHECK(count == 25);
    CHECK_FALSE(both.client.has_pending());
}

TEST_CASE("a clean end and a truncation are told apart", "[tls]") {
    engines both;
    REQUIRE(both.shake_hands());
    write_all(both.server, "last words");
    progress last = progress::done;
    SECTION("clean") {
        CHECK(both.server.shut_down() == progress::again);
        CHECK(read_all(both.client, &last) == "last words");
        CHECK(last == progress::closed);
        CHECK(both.client.shut_down() == progress::done);
        CHECK(both.server.shut_down() == progress::done);
    }
    SECTION("truncated") {
        both.near.ended = true;
        CHECK(read_all(both.client, &last) == "last words");
        CHECK(last == progress::truncated);
        CHECK(read_all(both.client, &last).empty());
        CHECK(last == progress::truncated);
    }
    SECTION("inside of a record") {
        both.near.incoming.resize(both.near.incoming.size() - 3);
        both.near.ended = true;
        CHECK(read_all(both.client, &last).empty());
        CHECK(last == progress::truncated);
    }
}

TEST_CASE("what the peer sends after our close_notify is dropped", "[tls][TL018]") {
    engines both;
    REQUIRE(both.shake_hands());
    CHECK(both.client.shut_down() == progress::again);
    write_all(both.server, "late");
    CHECK(both.client.shut_down() == progress::again);
    CHECK(both.server.shut_down() == progress::done);  // it has seen ours
    CHECK(both.client.shut_down() == progress::done);
}

TEST_CASE("a record that was changed on its way is an error that stays", "[tls][TL010]") {
    engines both;
    REQUIRE(both.shake_hands());
    write_all(both.server, "hello");
    both.near.incoming[both.near.incoming.size() - 1] ^= std::byte{1};
    progress last = progress::done;
    CHECK(read_all(both.client, &last).empty());
    CHECK(last == progress::failed);
    CHECK(describe(both.client.failure()).find("bad record mac") != std::string::npos);
    CHECK(read_all(both.client, &last).empty());
    CHECK(last == progress::failed);
}

TEST_CASE("a client refuses a certificate, and says why and of whom", "[tls][TL003]") {
    CHECK(refusal(tls::context::for_client(), support::server_context()).find("\"localhost\" was refused (") !=
          std::string::npos);
    CHECK(refusal(support::client_context(), support::server_context(), "example.org")
              .find("\"example.org\" was refused (hostname mismatch)") != std::string::npos);
    CHECK(refusal(support::client_context(), support::server_context(), "192.0.2.1").find("IP address mismatch") !=
          std::string::npos);
    support::certificate_request old;
    old.valid_from = -1000;
    old.valid_until = -10;
    const support::identity expired = support::test_authority().issue(old);
    CHECK(refusal(support::client_context(), support::server_context(expired)).find("certificate has expired") !=
          std::string::npos);

    engines both(tls::context::for_client());
    CHECK_FALSE(both.shake_hands());
    try {
        std::rethrow_exception(both.client.failure());
    } catch (const tls::certificate_error& failure) {
        CHECK(failure.verify_code() != X509_V_OK);
        CHECK(failure.code().category() == tls::openssl_category());
    }
}

TEST_CASE("addresses are checked as well, and an empty name switches the check off", "[tls]") {
    CHECK(engines(support::client_context(), support::server_context(), "127.0.0.1").shake_hands());
    support::certificate_request other;
    other.names = "DNS:other.example";
    const support::identity stranger = support::test_authority().issue(other);
    CHECK(engines(support::client_context(), support::server_context(stranger), "").shake_hands());
    tls::context lenient = support::client_context();
    lenient.set_check_hostname(false);
    CHECK(engines(lenient, support::server_context(stranger), "localhost").shake_hands());
    CHECK(engines(lenient, support::server_context(stranger), "127.0.0.1").shake_hands());
    CHECK(engines(lenient, support::server_context(stranger), std::nullopt).shake_hands());
    CHECK_THROWS_AS(engines(support::client_context(), support::server_context(), std::nullopt), std::invalid_argument);
}

TEST_CASE("the end of the wire during the handshake, and garbage, are failures", "[tls][TL005][TL020]") {
    engines ended;
    static_cast<void>(ended.client.handshake());
    ended.near.ended = true;
    CHECK(ended.client.handshake() == progress::failed);
    try {
        std::rethrow_exception(ended.client.failure());
    } catch (const tls::tls_error& failure) {
        CHECK(failure.code() == std::errc::connection_reset);
    }
    engines garbage;
    garbage.far.incoming.append(bytes_view("GET / HTTP/1.1\r\n\r\n"));
    CHECK(garbage.server.handshake() == progress::failed);
    CHECK(describe(garbage.server.failure()).find("http request") != std::string::npos);
}

TEST_CASE("what was negotiated can be asked for", "[tls]") {
    tls::context client = support::client_context();
    tls::context server = support::server_context();
    client.set_alpn_protocols({"spdy", "http/1.1", "h2"});
    server.set_alpn_protocols({"h2", "http/1.1"});
    engines both(client, server);
    REQUIRE(both.shake_hands());
    CHECK(both.client.alpn_protocol() == "h2");
    CHECK(both.server.alpn_protocol() == "h2");
    CHECK(both.server.server_name() == "localhost");
    const auto shown = both.client.peer_certificate();
    REQUIRE(shown);
    CHECK(shown->subject() == "CN=aioxx test");
    CHECK(shown->issuer() == "CN=aioxx test authority");
    CHECK(shown->dns_names() == std::vector<std::string>{"localhost"});
    CHECK(shown->fingerprint().size() == 64);
    CHECK(shown->not_before() < shown->not_after());
    CHECK_FALSE(both.server.peer_certificate());
    CHECK_FALSE(both.client.session_reused());
}

// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/tls.hpp>

#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

#include <asio/ssl/context.hpp>

#include <aioxx/net/sendfile.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/check_transport.hpp>
#include <aioxx/testing/fault_plan.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"
#include "support/was_cancelled.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::observer;
using support::run_bounded;

namespace {

tls::connection_options named(const std::string& host = "localhost") {
    tls::connection_options options;
    options.server_hostname = host;
    return options;
}

// A factory that keeps what it has made.
struct kept_observers {
    std::vector<std::shared_ptr<observer>> made;
    auto factory() {
        return [this] { return made.emplace_back(std::make_shared<observer>()); };
    }
};

coro<> end(server listening) {
    listening.close();
    listening.abort_clients();
    co_await listening.wait_closed();
}

template <class Error>
coro<std::string> failure_of(coro<connection<observer>> connecting) {
    try {
        static_cast<void>(co_await std::move(connecting));
    } catch (const Error& failure) {
        co_return failure.what();
    }
    co_return "connected";
}

auto any_observer() {
    return [] { return std::make_shared<observer>(); };
}

// Two plain transports over a memory link.
struct plain_pair {
    std::shared_ptr<observer> near = std::make_shared<observer>();
    std::shared_ptr<observer> far = std::make_shared<observer>();
    std::shared_ptr<stream_transport> a;
    std::shared_ptr<stream_transport> b;

    explicit plain_pair(event_loop& loop, std::size_t capacity = 64 * 1024) {
        auto [lower_a, lower_b] = make_memory_channels(loop, capacity);
        a = std::make_shared<stream_transport>(loop, std::move(lower_a), near);
        b = std::make_shared<stream_transport>(loop, std::move(lower_b), far);
        a->start();
        b->start();
    }
};

}  // namespace

TEST_CASE("a secure client and a secure server over TCP exchange large data", "[net][TL001][EV016][EV009]") {
    run_bounded([]() -> coro<> {
        kept_observers served;
        server listening = co_await create_server(served.factory(), "127.0.0.1", 0, support::server_context());
        const std::string large(3'000'000, 'x');
        for (int count = 0; count < 3; ++count) {
            auto client = co_await create_connection(any_observer(), "127.0.0.1", listening.port(), support::client_context());
            client.transport->write(large);
            client.transport->close();
            co_await client.protocol->until_lost();
            CHECK_FALSE(client.protocol->reason);
            observer& peer = *served.made.at(static_cast<std::size_t>(count));
            co_await peer.until_lost();
            CHECK(peer.received == large);
            CHECK_FALSE(peer.reason);
        }
        co_await end(listening);
    }());
}

TEST_CASE("a client says which host it wants, and refuses a server that is not that one", "[net][TL003][BE038]") {
    run_bounded([]() -> coro<> {
        kept_observers served;
        support::certificate_request other;
        other.names = "DNS:other.example";
        const support::identity stranger = support::test_authority().issue(other);
        server listening = co_await create_server(served.factory(), "127.0.0.1", 0, support::server_context(stranger));
        const std::size_t before = support::open_descriptors();
        const std::string refused = co_await failure_of<tls::certificate_error>(
            create_connection(any_observer(), "127.0.0.1", listening.port(), support::client_context()));
        CHECK(refused.find("\"127.0.0.1\" was refused (IP address mismatch)") != std::string::npos);
        auto client = co_await create_connection(any_observer(), "127.0.0.1", listening.port(), support::client_context(),
                                                 named("other.example"));
        CHECK(client.transport->get_extra_info(extra_info::peername)->port() == listening.port());
        client.transport->abort();
        co_await client.protocol->until_lost();
        while (listening.connection_count() != 0) co_await sleep(1ms);
        CHECK(support::open_descriptors() == before);
        CHECK(served.made.size() == 2);
        CHECK(served.made[0]->calls.empty());
        co_await end(listening);
    }());
}

TEST_CASE("a context of the wrong side is refused before anything happens", "[net]") {
    run_bounded([]() -> coro<> {
        bool client_refused = false;
        try {
            static_cast<void>(co_await create_connection(any_observer(), "127.0.0.1", 1, support::server_context()));
        } catch (const std::invalid_argument& failure) {
            client_refused = std::string(failure.what()).find("for clients") != std::string::npos;
        }
        CHECK(client_refused);
        bool server_refused = false;
        try {
            static_cast<void>(co_await create_server(any_observer(), "127.0.0.1", 0, support::client_context()));
        } catch (const std::invalid_argument& failure) {
            server_refused = std::string(failure.what()).find("for servers") != std::string::npos;
        }
        CHECK(server_refused);
    }());
}

TEST_CASE("TLS over a Unix socket needs the server's name, or an empty one", "[net][BE039]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string path = folder.path("sock");
        server listening = co_await create_unix_server(any_observer(), path, support::server_context());
        const std::string refused = co_await failure_of<std::invalid_argument>(
            create_unix_connection(any_observer(), path, support::client_context()));
        CHECK(refused.find("server_hostname") != std::string::npos);
        for (const std::string host : {"localhost", ""}) {
            auto client = co_await create_unix_connection(any_observer(), path, support::client_context(), named(host));
            CHECK(client.transport->get_extra_info(extra_info::tls_version) == "TLSv1.3");
            client.transport->abort();
        }
        co_await end(listening);
    }());
}

TEST_CASE("a socket that was accepted elsewhere is secured, by either side", "[net][TL006][EV011]") {
    run_bounded([]() -> coro<> {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        task<connection<observer>> serving = create_task(
            connect_accepted_socket(any_observer(), unique_fd(ends[0]), support::server_context()));
        auto client =
            co_await connect_accepted_socket(any_observer(), unique_fd(ends[1]), support::client_context(), named());
        const connection<observer> accepted = co_await serving;
        client.transport->write("hello");
        co_await accepted.protocol->until_received(5);
        CHECK(accepted.protocol->received == "hello");
        client.transport->abort();
        accepted.transport->abort();
        co_await accepted.protocol->until_lost();
    }());
}

TEST_CASE("one server speaks for several hosts", "[net]") {
    run_bounded([]() -> coro<> {
        support::certificate_request other;
        other.names = "DNS:other.example";
        const tls::context second = support::server_context(support::test_authority().issue(other));
        tls::context first = support::server_context();
        first.set_sni_callback([second](std::string_view name) -> std::optional<tls::context> {
            if (name == "other.example") return second;
            if (name == "forbidden.example") throw std::runtime_error("forbidden");
            return std::nullopt;
        });
        server listening = co_await create_server(any_observer(), "127.0.0.1", 0, first);
        for (const std::string host : {"localhost", "other.example"}) {
            auto client = co_await create_connection(any_observer(), "127.0.0.1", listening.port(),
                                                     support::client_context(), named(host));
            CHECK(client.transport->get_extra_info(extra_info::peer_certificate)->dns_names().front() == host);
            client.transport->abort();
        }
        const std::string refused = co_await failure_of<tls::tls_error>(create_connection(
            any_observer(), "127.0.0.1", listening.port(), support::client_context(), named("forbidden.example")));
        CHECK(refused.find("unrecognized name") != std::string::npos);
        co_await end(listening);
    }());
}

TEST_CASE("both sides can ask for certificates", "[net]") {
    run_bounded([]() -> coro<> {
        kept_observers served;
        tls::context demanding = support::server_context();
        demanding.add_trusted(support::test_authority().certificate());
        demanding.set_verify_mode(tls::verify_mode::required);
        demanding.set_maximum_version(tls::version::tls_1_2);  // the client learns in the handshake that it is refused
        server listening = co_await create_server(served.factory(), "127.0.0.1", 0, demanding);
        const std::string refused = co_await failure_of<tls::tls_error>(
            create_connection(any_observer(), "127.0.0.1", listening.port(), support::client_context()));
        CHECK(refused.find("alert") != std::string::npos);
        tls::context own = support::client_context();
        own.use_cert_chain(support::test_identity().certificate, support::test_identity().key);
        auto client = co_await create_connection(any_observer(), "127.0.0.1", listening.port(), own);
        client.transport->write("x");
        observer& peer = *served.made.back();
        co_await peer.until_received(1);
        CHECK(peer.transport().get_extra_info(extra_info::peer_certificate)->subject() == "CN=aioxx test");
        CHECK(peer.transport().get_extra_info(extra_info::tls_version) == "TLSv1.2");
        client.transport->abort();
        co_await end(listening);
    }());
}

TEST_CASE("a connection that stands is secured, and told of once", "[net][TL007][TL008]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        plain_pair pair(get_running_loop());
        co_await sleep(0s);
        pair.a->write("plain words");
        co_await pair.far->until_received(11);
        task<> upgraded = create_task(start_tls(pair.b, support::server_context()));
        co_await start_tls(pair.a, support::client_context(), named());
        co_await upgraded;
        pair.a->write("secret");
        pair.b->write("answer");
        co_await pair.near->until_received(6);
        co_await pair.far->until([&] { return pair.far->received.view().contains("secret"); });
        CHECK(pair.near->received == "answer");
        CHECK(pair.near->count("connection_made") == 1);
        CHECK(pair.a->get_extra_info(extra_info::tls_version) == "TLSv1.3");
        pair.a->close();
        co_await pair.far->until_lost();
        co_await pair.near->until_lost();
        CHECK_FALSE(pair.near->reason);
        CHECK_FALSE(pair.far->reason);
        CHECK(pair.far->count("eof_received") == 1);
    }());
}

TEST_CASE("what is queued goes out in the clear before, what is written meanwhile is sent secured", "[net][TL007]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        plain_pair pair(get_running_loop(), 1000);
        co_await sleep(0s);
        const std::string before(20'000, 'p');
        pair.a->write(before);
        task<> client = create_task(start_tls(pair.a, support::client_context(), named()));
        co_await sleep(0s);
        pair.a->write("written meanwhile");  // the queue holds what is not sent yet
        co_await pair.far->until_received(before.size());
        co_await start_tls(pair.b, support::server_context());
        co_await client;
        co_await pair.far->until_received(before.size() + 17);
        CHECK(pair.far->received.view().subview(before.size()) == "written meanwhile");
        pair.a->abort();
        co_await pair.far->until_lost();
    }());
}

TEST_CASE("bytes that had come before the handshake belong to it, or are refused", "[net][T14]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        for (const bool refused : {false, true}) {
            plain_pair pair(get_running_loop());
            co_await sleep(0s);
            task<> client = create_task(start_tls(pair.a, support::client_context(), named()));
            co_await pair.far->until_received(100);  // the plain protocol was given the ClientHello
            bytearray received = std::move(pair.far->received);
            tls::connection_options options;
            options.refuse_received = refused;
            bool failed = false;
            try {
                co_await start_tls(pair.b, support::server_context(), options, std::move(received));
            } catch (const tls::tls_error&) {
                failed = true;
            }
            CHECK(failed == refused);
            bool client_failed = false;
            try {
                co_await client;
            } catch (const broken_error&) {
                client_failed = true;
            }
            CHECK(client_failed == refused);
            pair.a->abort();
            co_await pair.far->until_lost();
        }
    }());
}

TEST_CASE("a secure connection can be secured once more", "[net][TL009]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        plain_pair pair(get_running_loop());
        co_await sleep(0s);
        for (int layer = 0; layer < 2; ++layer) {
            task<> serving = create_task(start_tls(pair.b, support::server_context()));
            co_await start_tls(pair.a, support::client_context(), named());
            co_await serving;
        }
        CHECK(pair.a->describe() == "tls over tls over memory link");
        pair.a->write("deep");
        co_await pair.far->until_received(4);
        CHECK(pair.far->received == "deep");
        pair.b->close();
        co_await pair.near->until_lost();
        co_await pair.far->until_lost();
        CHECK_FALSE(pair.near->reason);
        CHECK_FALSE(pair.far->reason);
    }());
}

TEST_CASE("start_tls refuses what it cannot secure, and leaves it as it is", "[net][TL008]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        plain_pair pair(get_running_loop());
        co_await sleep(0s);
        std::vector<std::string> failures;
        const auto attempt = [&failures](std::shared_ptr<transport> on, tls::context context) -> coro<> {
            try {
                co_await start_tls(std::move(on), std::move(context));
            } catch (const std::invalid_argument& failure) {
                failures.emplace_back(failure.what());
            } catch (const invalid_state_error& failure) {
                failures.emplace_back(failure.what());
            } catch (const closed_error& failure) {
                failures.emplace_back(failure.what());
            }
        };
        co_await attempt(nullptr, support::server_context());
        co_await attempt(pair.a, support::client_context());  // names no host
        task<> first = create_task(start_tls(pair.a, support::client_context(), named()));
        co_await sleep(0s);
        co_await attempt(pair.a, support::server_context());
        first.cancel();
        const bool cancelled = co_await support::was_cancelled(first);
        CHECK(cancelled);
        co_await pair.near->until_lost();
        co_await pair.far->until_lost();
        co_await attempt(pair.a, support::server_context());
        REQUIRE(failures.size() == 4);
        CHECK(failures[0].find("expected a byte transport") != std::string::npos);
        CHECK(failures[1].find("server_hostname") != std::string::npos);
        CHECK(failures[2].find("not ready yet") != std::string::npos);
        CHECK(failures[3].find("closed") != std::string::npos);
    }());
    CHECK(loop.reports().empty());
}

TEST_CASE("a file goes out over TLS by reading it, and start_tls does not cut into one", "[net][SF002]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string content(1'000'000, 'x');
        std::ofstream(folder.path("file")) << content;
        const unique_fd file(::open(folder.path("file").c_str(), O_RDONLY | O_CLOEXEC));
        kept_observers served;
        server listening = co_await create_server(served.factory(), "127.0.0.1", 0, support::server_context());
        auto client = co_await create_connection(any_observer(), "127.0.0.1", listening.port(), support::client_context());
        const std::uint64_t sent = co_await sendfile(client.transport, file.get());
        CHECK(sent == content.size());
        co_await served.made.back()->until_received(content.size());
        CHECK(served.made.back()->received == content);
        client.transport->abort();
        co_await end(listening);

        server plain = co_await create_server(served.factory(), "127.0.0.1", 0);
        auto other = co_await create_connection(any_observer(), "127.0.0.1", plain.port());
        while (plain.connection_count() == 0) co_await sleep(0s);
        co_await served.made.back()->until([&] { return served.made.back()->count("connection_made") == 1; });
        served.made.back()->transport().pause_reading();
        const std::string large(10'000'000, 'y');
        std::ofstream(folder.path("large")) << large;
        const unique_fd large_file(::open(folder.path("large").c_str(), O_RDONLY | O_CLOEXEC));
        task<std::uint64_t> sending = create_task(sendfile(other.transport, large_file.get()));
        for (int turn = 0; turn < 30; ++turn) co_await sleep(0s);
        bool refused = false;
        try {
            co_await start_tls(other.transport, support::client_context(), named());
        } catch (const invalid_state_error&) {
            refused = true;
        }
        CHECK(refused);
        CHECK_FALSE(sending.done());
        served.made.back()->transport().resume_reading();
        const std::uint64_t all = co_await sending;
        CHECK(all == large.size());
        other.transport->write_eof();
        bool too_late = false;
        try {
            co_await start_tls(other.transport, support::client_context(), named());
        } catch (const invalid_state_error&) {
            too_late = true;
        }
        CHECK(too_late);
        other.transport->abort();
        co_await end(plain);
    }());
}

TEST_CASE("a context of asio::ssl is used as it is", "[net]") {
    run_bounded([]() -> coro<> {
        asio::ssl::context own(asio::ssl::context::tls_client);
        own.set_verify_mode(asio::ssl::verify_peer);
        own.add_certificate_authority(asio::buffer(support::test_authority().certificate()));
        server listening = co_await create_server(any_observer(), "127.0.0.1", 0, support::server_context());
        const tls::context adopted = tls::context::adopt(own.native_handle(), tls::role::client);
        auto client = co_await create_connection(any_observer(), "127.0.0.1", listening.port(), adopted);
        CHECK(client.transport->get_extra_info(extra_info::peer_certificate)->issuer() == "CN=aioxx test authority");
        const std::string refused = co_await failure_of<tls::certificate_error>(
            create_connection(any_observer(), "127.0.0.1", listening.port(), adopted, named("example.org")));
        CHECK(refused.find("hostname mismatch") != std::string::npos);
        client.transport->abort();
        co_await end(listening);
    }());
}

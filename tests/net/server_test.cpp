// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/server.hpp>

#include <memory>
#include <string>
#include <vector>

#include <aioxx/net/connect.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/recording_protocol.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "support/was_cancelled.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::recording_protocol;
using support::run_bounded;

namespace {

// The protocols of a server, in the order of their connections.
struct served {
    std::vector<std::shared_ptr<recording_protocol>> protocols;
    event changed;

    auto factory() {
        return [this] {
            protocols.push_back(std::make_shared<recording_protocol>());
            changed.set();
            return protocols.back();
        };
    }
    coro<> until(std::size_t count) {
        while (protocols.size() < count) {
            changed.clear();
            co_await changed.wait();
        }
        co_await protocols[count - 1]->called("connection_made");
    }
};

using client_connection = connection<recording_protocol>;

coro<client_connection> connect_to(std::uint16_t port) {
    co_return co_await create_connection([] { return std::make_shared<recording_protocol>(); }, "127.0.0.1", port);
}

listen_options not_yet() {
    listen_options options;
    options.start_serving = false;
    return options;
}

}  // namespace

TEST_CASE("a server can be started later, and twice (SV001)", "[net]") {
    run_bounded([]() -> coro<> {
        served all;
        server listening = co_await create_server(all.factory(), "127.0.0.1", 0, not_yet());
        CHECK(!listening.is_serving());
        CHECK(listening.port() != 0);
        bool refused = false;
        try {
            static_cast<void>(co_await connect_to(listening.port()));
        } catch (const connect_error&) {
            refused = true;
        }
        CHECK(refused);
        listening.start_serving();
        listening.start_serving();
        CHECK(listening.is_serving());
        auto client = co_await connect_to(listening.port());
        co_await all.until(1);
        client.transport->abort();
        listening.close();
        CHECK(!listening.is_serving());
        CHECK(listening.addresses().empty());
        CHECK(listening.port() == 0);
        bool closed = false;
        try {
            listening.start_serving();
        } catch (const closed_error&) {
            closed = true;
        }
        CHECK(closed);
        co_await listening.wait_closed();
    }());
}

TEST_CASE("serve_forever has one user, and a cancellation closes the server (SV001)", "[net]") {
    run_bounded([]() -> coro<> {
        served all;
        server listening = co_await create_server(all.factory(), "127.0.0.1", 0, not_yet());
        task<> serving = create_task(listening.serve_forever());
        co_await sleep(0s);
        CHECK(listening.is_serving());
        bool second = false;
        try {
            co_await listening.serve_forever();
        } catch (const invalid_state_error&) {
            second = true;
        }
        CHECK(second);
        serving.cancel();
        const bool cancelled = co_await support::was_cancelled(serving);
        CHECK(cancelled);
        CHECK(!listening.is_serving());
        server other = co_await create_server(all.factory(), "127.0.0.1", 0);
        other.close();
        bool closed = false;
        try {
            co_await other.serve_forever();
        } catch (const closed_error&) {
            closed = true;
        }
        CHECK(closed);
    }());
}

TEST_CASE("close from elsewhere ends serve_forever", "[net]") {
    run_bounded([]() -> coro<> {
        served all;
        server listening = co_await create_server(all.factory(), "127.0.0.1", 0);
        task<> serving = create_task(listening.serve_forever());
        co_await sleep(0s);
        listening.close();
        co_await serving;
    }());
}

TEST_CASE("wait_closed waits until it is closed and empty, in any order (S1, SV002)", "[net]") {
    run_bounded([]() -> coro<> {
        for (const bool client_first : {true, false}) {
            for (const bool same_turn : {true, false}) {
                served all;
                server listening = co_await create_server(all.factory(), "127.0.0.1", 0);
                task<> waiting = create_task(listening.wait_closed());
                for (int i = 0; i < 3; ++i) co_await sleep(0s);
                CHECK(!waiting.done());  // neither closed nor used
                auto client = co_await connect_to(listening.port());
                co_await all.until(1);
                CHECK(listening.connection_count() == 1);
                if (client_first) {
                    client.transport->close();
                    if (!same_turn) co_await all.protocols[0]->called("connection_lost");
                    listening.close();
                } else {
                    listening.close();
                    if (!same_turn) {
                        for (int i = 0; i < 3; ++i) co_await sleep(1ms);
                        CHECK(!waiting.done());
                        CHECK(listening.connection_count() == 1);
                    }
                    client.transport->close();
                }
                co_await waiting;
                CHECK(all.protocols[0]->count("connection_lost") == 1);
                CHECK(listening.connection_count() == 0);
                co_await listening.wait_closed();  // both are true already
            }
        }
    }());
}

TEST_CASE("a server that is closed refuses new clients and keeps those it has", "[net][EV018]") {
    run_bounded([]() -> coro<> {
        served all;
        server listening = co_await create_server(all.factory(), "127.0.0.1", 0);
        const std::uint16_t port = listening.port();
        client_connection client = co_await connect_to(port);
        co_await all.until(1);
        listening.close();
        bool refused = false;
        try {
            static_cast<void>(co_await connect_to(port));
        } catch (const connect_error& failure) {
            refused = failure.code() == std::errc::connection_refused;
        }
        CHECK(refused);
        client.transport->write("still here");
        co_await all.protocols[0]->has_received(10);
        all.protocols[0]->connection()->write("so am I");
        co_await client.protocol->has_received(7);
        client.transport->close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("close_clients ends the connections in order, abort_clients at once (SV003)", "[net]") {
    run_bounded([]() -> coro<> {
        for (const bool abort : {false, true}) {
            served all;
            server listening = co_await create_server(all.factory(), "127.0.0.1", 0);
            std::vector<client_connection> clients;
            for (std::size_t i = 0; i < 3; ++i) {
                client_connection made = co_await connect_to(listening.port());
                clients.push_back(made);
                co_await all.until(i + 1);
            }
            if (abort) {  // full buffers and a peer that does not read
                clients[0].transport->pause_reading();
                all.protocols[0]->connection()->write(std::string(10'000'000, 'x'));
                CHECK(all.protocols[0]->connection()->get_write_buffer_size() > 0);
            } else {
                all.protocols[0]->connection()->write("farewell");
            }
            listening.close();
            abort ? listening.abort_clients() : listening.close_clients();
            co_await listening.wait_closed();
            CHECK(listening.connection_count() == 0);
            if (!abort) {
                co_await clients[0].protocol->called("connection_lost");
                CHECK(clients[0].protocol->received() == "farewell");
            }
            for (const auto& client : clients) client.transport->abort();
        }
    }());
}

TEST_CASE("shutdown lets connections finish and cuts off those that do not", "[net]") {
    run_bounded([]() -> coro<> {
        served all;
        server listening = co_await create_server(all.factory(), "127.0.0.1", 0);
        client_connection quick = co_await connect_to(listening.port());
        client_connection stays = co_await connect_to(listening.port());
        co_await all.until(2);
        quick.transport->close();
        const shutdown_report report = co_await listening.shutdown(50ms);
        CHECK(report.finished == 1);
        CHECK(report.aborted == 1);
        CHECK(listening.connection_count() == 0);
        co_await stays.protocol->called("connection_lost");
        const shutdown_report again = co_await listening.shutdown(1s);
        CHECK(again.finished == 0);
        CHECK(again.aborted == 0);
    }());
}

TEST_CASE("a shutdown that is cancelled aborts at once", "[net]") {
    run_bounded([]() -> coro<> {
        served all;
        server listening = co_await create_server(all.factory(), "127.0.0.1", 0);
        client_connection stays = co_await connect_to(listening.port());
        co_await all.until(1);
        task<shutdown_report> ending = create_task(listening.shutdown(1h));
        for (int i = 0; i < 3; ++i) co_await sleep(0s);
        CHECK(!listening.is_serving());
        ending.cancel();
        const bool cancelled = co_await support::was_cancelled(ending);
        CHECK(cancelled);
        co_await listening.wait_closed();
        co_await stays.protocol->called("connection_lost");
    }());
}

TEST_CASE("connections above the maximum wait until there is room", "[net]") {
    run_bounded([]() -> coro<> {
        served all;
        listen_options options;
        options.max_connections = 2;
        server listening = co_await create_server(all.factory(), "127.0.0.1", 0, options);
        std::vector<client_connection> clients;
        for (int i = 0; i < 4; ++i) {
            client_connection made = co_await connect_to(listening.port());
            clients.push_back(made);
        }
        co_await all.until(2);
        for (int i = 0; i < 5; ++i) co_await sleep(1ms);
        CHECK(listening.connection_count() == 2);
        clients[0].transport->close();
        co_await all.until(3);
        CHECK(listening.connection_count() == 2);
        clients[1].transport->close();
        co_await all.until(4);
        listening.close();
        listening.abort_clients();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("a factory that throws loses its connection only", "[net]") {
    run_bounded([]() -> coro<> {
        auto& loop = get_running_loop();
        std::vector<std::string> reports;
        loop.set_exception_handler([&](const exception_context& context) { reports.push_back(describe(context)); });
        {
            auto failed = std::make_shared<bool>(false);
            auto factory = [failed]() -> std::shared_ptr<recording_protocol> {
                if (!std::exchange(*failed, true)) throw std::runtime_error("not the first one");
                return std::make_shared<recording_protocol>();
            };
            server listening = co_await create_server(factory, "127.0.0.1", 0);
            client_connection first = co_await connect_to(listening.port());
            co_await first.protocol->called("connection_lost");
            client_connection second = co_await connect_to(listening.port());
            while (listening.connection_count() == 0) co_await sleep(1ms);
            REQUIRE(reports.size() == 1);
            CHECK(reports[0].find("not the first one") != std::string::npos);
            CHECK(reports[0].find(std::to_string(listening.port())) != std::string::npos);
            second.transport->abort();
            listening.close();
            co_await listening.wait_closed();
        }
        loop.set_exception_handler({});
    }());
}

TEST_CASE("a factory may close its server (S2)", "[net]") {
    run_bounded([]() -> coro<> {
        auto self = std::make_shared<std::optional<server>>();
        auto factory = [self] {
            self->value().close();
            return std::make_shared<recording_protocol>();
        };
        server listening = co_await create_server(factory, "127.0.0.1", 0);
        self->emplace(listening);
        client_connection client = co_await connect_to(listening.port());
        co_await client.protocol->called("connection_lost");
        co_await listening.wait_closed();
        CHECK(listening.connection_count() == 0);
        self->reset();
    }());
}

TEST_CASE("a server that is closed in the turn of a connection leaves nothing open (S2)", "[net][S10]") {
    run_bounded([]() -> coro<> {
        const std::size_t before = support::open_descriptors();
        for (int turns = 0; turns < 10; ++turns) {
            served all;
            server listening = co_await create_server(all.factory(), "127.0.0.1", 0);
            task<client_connection> connecting = create_task(connect_to(listening.port()));
            for (int i = 0; i < turns; ++i) co_await sleep(0s);
            listening.close();
            try {
                client_connection client = co_await connecting;
                client.transport->abort();
                co_await client.protocol->called("connection_lost");
            } catch (const connect_error&) {
            }
            co_await listening.wait_closed();
            for (const auto& protocol : all.protocols) CHECK(protocol->count("connection_lost") == 1);
        }
        co_await sleep(0s);
        CHECK(support::open_descriptors() == before);
    }());
}

TEST_CASE("a server lives until it is closed, and ends with its loop", "[net]") {
    std::uint16_t port = 0;
    std::optional<server> outlives;
    {
        runner owner;
        port = owner.run([](std::optional<server>& kept) -> coro<std::uint16_t> {
            {
                server forgotten = co_await create_server([] { return std::make_shared<recording_protocol>(); },
                                                          "127.0.0.1", 0);
                kept.emplace(co_await create_server([] { return std::make_shared<recording_protocol>(); },
                                                    "127.0.0.1", 0, not_yet()));
                co_return forgotten.port();
            }
        }(outlives));
        owner.run([](std::uint16_t to) -> coro<> {
            client_connection client = co_await connect_to(to);
            client.transport->abort();
        }(port));
    }
    outlives->close();
    const unique_fd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const endpoint address = endpoint::from_ip("127.0.0.1", port);
    CHECK(::connect(late.get(), address.data(), address.size()) != 0);
}

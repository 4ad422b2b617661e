// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/start_server.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/core/instrument.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

coro<> greet(stream_reader reader, stream_writer writer) {
    const bytearray name = co_await reader.readline();
    writer.write("hello ");
    writer.write(name);
}

coro<std::string> ask(std::uint16_t port, std::string name) {
    auto [reader, writer] = co_await open_connection("127.0.0.1", port);
    co_await writer.send(name);
    const bytearray answer = co_await reader.read();  // until the server closes
    co_return std::string(answer.str());
}

// What the loop reports while it lives.
class reports {
public:
    reports() : loop_(get_running_loop()) {
        loop_.set_exception_handler([this](const exception_context& context) { texts.push_back(describe(context)); });
    }
    ~reports() { loop_.set_exception_handler({}); }
    std::vector<std::string> texts;

private:
    event_loop& loop_;
};

// Cancels the task of a connection before its first step, and keeps it.
struct canceller : instrument {
    void task_started(loop_task& started) noexcept override {
        if (started.name() != "connection") return;
        cancelled = state_ptr(static_cast<task_base*>(&started));
        cancelled->cancel();
    }
    state_ptr<task_base> cancelled;
};

}  // namespace

TEST_CASE("leaving the handler closes the connection after what was written is sent (SM009)", "[streams]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(greet, "127.0.0.1", 0);
        for (const std::string name : {"one\n", "two\n"}) {
            const std::string answer = co_await ask(listening.port(), name);
            CHECK(answer == "hello " + name);
        }
        listening.close();
        co_await listening.wait_closed();
        CHECK(listening.connection_count() == 0);
    }());
}

TEST_CASE("a handler may have a state of its own", "[streams]") {
    run_bounded([]() -> coro<> {
        auto count = std::make_shared<int>(0);
        struct counter {
            std::shared_ptr<int> calls;
            coro<> operator()(stream_reader, stream_writer writer) {
                writer.write(std::to_string(++*calls));
                co_return;
            }
        };
        counter handler;
        handler.calls = count;
        server listening = co_await start_server(handler, "127.0.0.1", 0);
        const std::string first = co_await ask(listening.port(), "");
        const std::string second = co_await ask(listening.port(), "");
        CHECK(first + second == "12");
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("a Unix server serves with streams as well (SM009)", "[streams]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        server listening = co_await start_unix_server(greet, folder.path("sock"));
        auto [reader, writer] = co_await open_unix_connection(folder.path("sock"));
        co_await writer.send("unix\n");
        const bytearray answer = co_await reader.read();
        CHECK(answer == "hello unix\n");
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("what a handler throws is reported and closes its connection, the server goes on (SM018)", "[streams]") {
    run_bounded([]() -> coro<> {
        reports reported;
        auto fail = [](stream_reader reader, stream_writer writer) -> coro<> {
            const bytearray line = co_await reader.readline();
            writer.write("before ");
            if (line == "bad\n") throw std::runtime_error("the handler's own error");
            writer.write("after");
        };
        server listening = co_await start_server(fail, "127.0.0.1", 0);
        const std::string bad = co_await ask(listening.port(), "bad\n");
        CHECK(bad == "before ");
        REQUIRE(reported.texts.size() == 1);
        CHECK(reported.texts[0].find("the handler's own error") != std::string::npos);
        CHECK(reported.texts[0].find("127.0.0.1") != std::string::npos);
        const std::string good = co_await ask(listening.port(), "good\n");
        CHECK(good == "before after");
        listening.close();
        co_await listening.wait_closed();
        CHECK(reported.texts.size() == 1);
    }());
}

TEST_CASE("a handler that is cancelled closes its connection without a report (SM018)", "[streams]") {
    run_bounded([]() -> coro<> {
        reports reported;
        struct handler {
            std::shared_ptr<task_base*> running = std::make_shared<task_base*>(nullptr);
            coro<> operator()(stream_reader reader, stream_writer writer) {
                *running = current_task();
                writer.write("x");
                co_await reader.readline();
            }
        };
        handler shared;
        server listening = co_await start_server(shared, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        const bytearray first = co_await reader.readexactly(1);
        REQUIRE(*shared.running != nullptr);
        (*shared.running)->cancel();
        const bytearray rest = co_await reader.read();
        CHECK(rest.empty());
        listening.close();
        co_await listening.wait_closed();
        CHECK(reported.texts.empty());
    }());
}

TEST_CASE("wait_closed waits for the handlers' connections (SM014)", "[streams]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(greet, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        co_await writer.send("half a line");
        while (listening.connection_count() == 0) co_await sleep(1ms);
        listening.close();
        task<> closed = create_task(listening.wait_closed());
        writer.write("\n");
        const bytearray answer = co_await reader.read();
        CHECK(answer == "hello half a line\n");
        writer.close();
        co_await closed;
        CHECK(listening.connection_count() == 0);
    }());
}

TEST_CASE("a reset by the client is the handler's error after the bytes that came before (R1)", "[streams]") {
    run_bounded([]() -> coro<> {
        reports reported;
        struct handler {
            std::shared_ptr<std::string> got = std::make_shared<std::string>();
            std::shared_ptr<event> done = std::make_shared<event>();
            coro<> operator()(stream_reader reader, stream_writer writer) {
                writer.write("unread by the client");
                try {
                    for (;;) {
                        const bytearray line = co_await reader.readline();
                        if (line.empty()) break;
                        *got += line.str();
                    }
                    *got += "end";
                } catch (const broken_error& failure) {
                    *got += failure.code() == std::errc::connection_reset ? "reset" : failure.what();
                }
                done->set();
            }
        };
        handler shared;
        server listening = co_await start_server(shared, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        co_await writer.send("a line\n");
        const auto socket = writer.get_extra_info(extra_info::socket);
        REQUIRE(socket);
        const linger hard{1, 0};
        socket->setsockopt(SOL_SOCKET, SO_LINGER, hard);
        while (shared.got->empty()) co_await sleep(1ms);
        writer.abort();
        co_await shared.done->wait();
        CHECK(*shared.got == "a line\nreset");
        listening.close();
        co_await listening.wait_closed();
        CHECK(reported.texts.empty());
    }());
}

TEST_CASE("a handler that is cancelled before its first step closes its connection", "[streams]") {
    run_bounded([]() -> coro<> {
        canceller harm;
        get_running_loop().add_instrument(harm);
        server listening = co_await start_server(greet, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        const bytearray nothing = co_await reader.read();  // until the server closes
        CHECK(nothing.empty());
        REQUIRE(harm.cancelled);
        CHECK(harm.cancelled->cancelled());
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("a connection's task has a name, which can be changed", "[streams]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(
            [](stream_reader, stream_writer writer) -> coro<> {
                std::string names = current_task()->name();
                current_task()->set_name("mine");
                names += ' ' + current_task()->name();
                writer.write(names);
                co_return;
            },
            "127.0.0.1", 0);
        const std::string answer = co_await ask(listening.port(), "\n");
        CHECK(answer == "connection mine");
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("what a handler throws before it is a coroutine is reported and closes the connection", "[streams]") {
    run_bounded([]() -> coro<> {
        const reports seen;
        server other = co_await start_server(
            [](stream_reader reader, stream_writer writer) {
                if (reader.at_eof() || !writer.is_closing()) throw std::runtime_error("refused");
                return greet(std::move(reader), std::move(writer));
            },
            "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", other.port());
        const bytearray nothing = co_await reader.read();  // until the server closes
        CHECK(nothing.empty());
        REQUIRE(seen.texts.size() == 1);
        CHECK(seen.texts[0].find("refused") != std::string::npos);
        CHECK(seen.texts[0].find("connection handler") != std::string::npos);
        other.close();
        co_await other.wait_closed();
    }());
}

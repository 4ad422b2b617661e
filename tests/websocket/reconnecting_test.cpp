// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/reconnecting.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/generators.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/was_cancelled.hpp"
#include "websocket/scripted_server.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;
using websocket::backoff;
using websocket::close_code;
using websocket::message;
using websocket::retry_options;

namespace {

using ws_connection = websocket::connection;

// A random source that always gives the same.
retry_options always(double number) {
    retry_options options;
    options.random = [number] { return number; };
    return options;
}

template <class Error, class... Args>
std::exception_ptr made(Args&&... args) {
    return std::make_exception_ptr(Error(std::forward<Args>(args)...));
}

std::exception_ptr status(int number) {
    websocket::http_response response;
    response.status = number;
    return made<websocket::invalid_status>(response);
}

std::exception_ptr proxy_status(int number) {
    websocket::http_response response;
    response.status = number;
    return made<websocket::invalid_proxy_status>("p", response);
}

bool is_retried(const std::exception_ptr& failure) {
    return websocket::process_exception(failure) == nullptr;
}

// Attempts to connect, of which some fail. Remembers when they were made.
struct network {
    std::vector<duration> attempts{};
    std::vector<ws_connection> servers{};        // the other ends
    std::vector<std::exception_ptr> failures{};  // null: this attempt succeeds; after the last one all do
    time_point begin = get_running_loop().time();

    coro<ws_connection> connect() {
        const std::size_t number = attempts.size();
        attempts.push_back(get_running_loop().time() - begin);
        if (number < failures.size() && failures[number]) std::rethrow_exception(failures[number]);
        auto [ours, its] = co_await scripted::memory_streams();
        co_return pair(ours, its);
    }

private:
    ws_connection pair(const stream& ours, const stream& its) {
        servers.push_back(as_connection(its, websocket::role::server));
        return as_connection(ours, websocket::role::client);
    }
    static ws_connection as_connection(const stream& over, websocket::role us) {
        const websocket::connection_limits limits;
        return ws_connection(websocket::detail::take_over(over.writer, us, limits, {}), "",
                             websocket::http_request(), websocket::http_response());
    }
};

async_generator<ws_connection> reconnecting(std::shared_ptr<network> net, retry_options options) {
    auto connect = [net] { return net->connect(); };
    return websocket::reconnecting(std::move(connect), std::move(options));
}

}  // namespace

// ---- delays ----

TEST_CASE("delays are random at first, then exponential up to a limit", "[websocket]") {
    backoff delays(always(0.5));
    CHECK(delays.next() == 2500ms);
    CHECK(delays.next() == 3100ms);
    CHECK(std::chrono::round<std::chrono::milliseconds>(delays.next()) == 5016ms);
    CHECK(std::chrono::round<std::chrono::milliseconds>(delays.next()) == 8116ms);
    duration last{};
    for (int i = 0; i < 20; ++i) {
        const duration next = delays.next();
        CHECK(next >= last);
        last = next;
    }
    CHECK(last == 90s);
    delays.reset();
    CHECK(delays.next() == 2500ms);
    CHECK(delays.next() == 3100ms);
}

TEST_CASE("the random part is from nothing to all of the first delay", "[websocket]") {
    CHECK(backoff(always(0)).next() == 0s);
    retry_options options;
    options.initial_delay = 1s;
    bool differ = false;
    for (int i = 0; i < 20; ++i) {
        const duration first = backoff(options).next();
        CHECK(first >= 0s);
        CHECK(first < 1s);
        differ = differ || first != backoff(options).next();
    }
    CHECK(differ);
}

TEST_CASE("jitter shortens the later delays by chance", "[websocket]") {
    retry_options options = always(0.5);
    options.jitter = 0.2;
    options.min_delay = 10s;
    options.factor = 2;
    backoff delays(options);
    CHECK(delays.next() == 2500ms);
    CHECK(delays.next() == 9s);
    CHECK(delays.next() == 18s);  // of 20 s: jitter does not add up
}

TEST_CASE("delays that make no sense are refused", "[websocket]") {
    retry_options options;
    options.min_delay = -1ms;
    CHECK_THROWS_AS(backoff(options), std::invalid_argument);
    options = retry_options();
    options.factor = 0.5;
    CHECK_THROWS_AS(backoff(options), std::invalid_argument);
    options = retry_options();
    options.jitter = 1.5;
    CHECK_THROWS_AS(backoff(options), std::invalid_argument);
}

TEST_CASE("a delay above the limit is the limit from the beginning", "[websocket]") {
    retry_options options = always(0.999);
    options.max_delay = 1s;
    backoff delays(options);
    CHECK(delays.next() <= 1s);
    CHECK(delays.next() == 1s);
    CHECK(delays.next() == 1s);
}

// ---- what is tried again ----

TEST_CASE("errors of the network and of a server in trouble are tried again", "[websocket]") {
    CHECK(is_retried(made<broken_error>(std::make_error_code(std::errc::connection_refused), "x")));
    CHECK(is_retried(made<connect_error>("h:80", std::vector<connect_error::attempt>())));
    CHECK(is_retried(made<timeout_error>()));
    CHECK(is_retried(made<websocket::handshake_incomplete>("x")));
    CHECK(is_retried(made<tls::tls_error>(make_error_code(tls::tls_errc::handshake_ended), "x")));
    for (const int number : {500, 502, 503, 504}) {
        CHECK(is_retried(status(number)));
        CHECK(is_retried(proxy_status(number)));
    }
}

TEST_CASE("what will not change is not tried again", "[websocket]") {
    for (const int number : {200, 302, 400, 401, 403, 404, 426, 501, 505}) {
        CHECK(!is_retried(status(number)));
        CHECK(!is_retried(proxy_status(number)));
    }
    CHECK(!is_retried(made<websocket::invalid_uri>("x", "y")));
    CHECK(!is_retried(made<websocket::handshake_error>("x")));
    CHECK(!is_retried(made<websocket::redirect_error>("x", std::vector<std::string>())));
    CHECK(!is_retried(made<tls::certificate_error>(std::error_code(), 0L, "h")));
    CHECK(!is_retried(made<std::runtime_error>("x")));
    const std::exception_ptr failure = status(404);
    CHECK(websocket::process_exception(failure) == failure);
}

// ---- the generator ----

TEST_CASE("attempts that fail are repeated after growing delays, and a success begins anew", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto net = std::make_shared<network>();
        net->failures = {status(503), status(503), status(503), nullptr, status(503), status(503), nullptr};
        const auto connections = reconnecting(net, always(0.5));
        const std::optional<ws_connection> first = co_await connections.next();
        CHECK(first.has_value());
        const auto near = [](duration left, duration right) { return std::chrono::abs(left - right) < 2ms; };
        CHECK(near(net->attempts.at(1), 2500ms));
        CHECK(near(net->attempts.at(2), 5600ms));
        CHECK(near(net->attempts.at(3), 10616ms));
        const std::optional<ws_connection> second = co_await connections.next();
        CHECK(second.has_value());
        CHECK(near(net->attempts.at(4), 10616ms));  // at once
        CHECK(near(net->attempts.at(5), 13116ms));
        CHECK(near(net->attempts.at(6), 16216ms));
        co_await connections.aclose();
    }());
}

TEST_CASE("a connection is closed when the next one is asked for, and at the end", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto net = std::make_shared<network>();
        const auto connections = reconnecting(net, retry_options());
        const std::optional<ws_connection> first = co_await connections.next();
        co_await first->send_text("hello");
        const message received = co_await net->servers.at(0).receive();
        CHECK(received.str() == "hello");
        const std::optional<ws_connection> second = co_await connections.next();
        CHECK(first->close_code() == close_code::normal_closure);
        CHECK(net->servers.at(0).close_code() == close_code::normal_closure);
        CHECK(second->is_open());
        co_await net->servers.at(1).close(close_code::going_away);
        const std::optional<message> none = co_await second->next();
        CHECK(!none);
        const std::optional<ws_connection> third = co_await connections.next();
        CHECK(third->is_open());
        co_await connections.aclose();
        CHECK(third->close_code() == close_code::normal_closure);
        const std::optional<ws_connection> none_left = co_await connections.next();
        CHECK(!none_left);
    }());
}

TEST_CASE("an error that is not tried again ends the generator", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto net = std::make_shared<network>();
        net->failures = {status(503), status(401)};
        const auto connections = reconnecting(net, always(0));
        int thrown = 0;
        try {
            static_cast<void>(co_await connections.next());
        } catch (const websocket::invalid_status& refused) {
            thrown = refused.status();
        }
        CHECK(thrown == 401);
        const std::optional<ws_connection> none = co_await connections.next();
        CHECK(!none);
        CHECK(net->attempts.size() == 2);
    }());
}

TEST_CASE("a program decides itself what is tried again", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto net = std::make_shared<network>();
        net->failures = {status(401), status(404)};
        retry_options options = always(0);
        options.process_exception = [](const std::exception_ptr& failure) -> std::exception_ptr {
            try {
                std::rethrow_exception(failure);
            } catch (const websocket::invalid_status& refused) {
                if (refused.status() == 401) return nullptr;
                return std::make_exception_ptr(std::domain_error("gave up"));
            }
        };
        const auto connections = reconnecting(net, options);
        bool gave_up = false;
        try {
            static_cast<void>(co_await connections.next());
        } catch (const std::domain_error&) {
            gave_up = true;
        }
        CHECK(gave_up);
    }());
}

TEST_CASE("a cancellation ends an attempt, a delay and a closing alike", "[websocket]") {
    for (const duration when : {duration(1s), duration(4s), duration(7s)}) {
        testing::test_options strict;
        strict.allow_open_resources = false;
        test_loop loop(strict);
        loop.run([](duration after) -> coro<> {
            const auto net = std::make_shared<network>();
            net->failures = {status(503), status(503)};
            task<> using_it = create_task([](std::shared_ptr<network> with) -> coro<> {
                const auto connections = reconnecting(with, always(0.5));
                while (const auto ws = co_await connections.next())
                    co_await ws->wait_closed();
            }(net));
            co_await sleep(after);
            using_it.cancel();
            const bool cancelled = co_await support::was_cancelled(using_it);
            CHECK(cancelled);
            net->servers.clear();
            co_await sleep(60s);
        }(when));
    }
}

TEST_CASE("a server is connected to again and again by its URI", "[websocket]") {
    support::run_bounded([]() -> coro<> {
        const scripted::server script;
        server listening = co_await start_server(script, "127.0.0.1", 0);
        const std::string address = "ws://127.0.0.1:" + std::to_string(listening.port());
        auto consumer = [](async_generator<ws_connection>& connections) -> coro<int> {
            int count = 0;
            while (const auto ws = co_await connections.next()) {
                co_await ws->send_text("x");
                const message echoed = co_await ws->receive();
                if (echoed.str() == "x" && ++count == 3) break;
            }
            co_return count;
        };
        auto connections = websocket::reconnecting(address);
        const int count = co_await with_generator(std::move(connections), consumer);
        CHECK(count == 3);
        CHECK(script.shared->heads.size() == 3);
        bool refused = false;
        const auto bad = websocket::reconnecting("http://x");
        try {
            static_cast<void>(co_await bad.next());
        } catch (const websocket::invalid_uri&) {
            refused = true;
        }
        CHECK(refused);
        listening.close();
        co_await listening.wait_closed();
    }());
}

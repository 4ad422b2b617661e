// SPDX-License-Identifier: BSL-1.0

// The laws of byte transports over links that behave as badly as networks do, plain and with TLS on top.

#include <aioxx/testing/check_transport.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/memory_link.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/stream_transport.hpp>
#include <aioxx/transports/tls.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::link_options;
using testing::transport_pair;

namespace {

struct network {
    const char* name;
    link_options options;
    bool with_tls = false;  // handshakes take real time: not over all of them
};

const network networks[] = {
    {"without delay", {}},
    {"far away", {.latency = 150ms}},
    {"slow", {.latency = 5ms, .bandwidth = 50'000}},
    {"trembling", {.latency = 10ms, .jitter = 30ms, .seed = 1}},
    {"losing", {.latency = 20ms, .bandwidth = 1'000'000, .loss = 0.2, .seed = 2}},
    {"in small pieces", {.largest_send = 500, .largest_receive = 7, .capacity = 5'000}, true},
    {"with a small window", {.latency = 1ms, .capacity = 100, .segment = 9}},
    {"with all of it",
     {.latency = 30ms,
      .jitter = 10ms,
      .bandwidth = 300'000,
      .largest_send = 1'000,
      .largest_receive = 333,
      .capacity = 10'000,
      .segment = 536,
      .loss = 0.05,
      .retransmission = 100ms,
      .seed = 3},
     true},
};

coro<std::shared_ptr<transport>> start(std::unique_ptr<stream_channel> channel,
                                       std::shared_ptr<base_protocol> served, future<> ready) {
    auto made = std::make_shared<stream_transport>(get_running_loop(), std::move(channel), std::move(served));
    made->start([ready](std::exception_ptr failure) {
        if (failure) {
            ready.set_exception(failure);
        } else {
            ready.set_result();
        }
    });
    co_return made;
}

coro<transport_pair> join(std::unique_ptr<stream_channel> a, std::unique_ptr<stream_channel> b,
                          std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b) {
    const future<> a_ready = create_future();
    const future<> b_ready = create_future();
    auto first = co_await start(std::move(a), std::move(for_a), a_ready);
    auto second = co_await start(std::move(b), std::move(for_b), b_ready);
    co_await a_ready;
    co_await b_ready;
    co_return transport_pair{first, second};
}

coro<transport_pair> plain_pair(link_options options, std::shared_ptr<base_protocol> for_a,
                                std::shared_ptr<base_protocol> for_b) {
    testing::memory_link link(get_running_loop(), options);
    co_return co_await join(std::move(link.a), std::move(link.b), std::move(for_a), std::move(for_b));
}

coro<transport_pair> secure_pair(link_options options, std::shared_ptr<base_protocol> for_a,
                                 std::shared_ptr<base_protocol> for_b) {
    event_loop& loop = get_running_loop();
    testing::memory_link link(loop, options);
    tls::connection_options named;
    named.server_hostname = "localhost";
    auto a = std::make_unique<tls_channel>(loop, std::move(link.a), support::client_context(), named);
    auto b = std::make_unique<tls_channel>(loop, std::move(link.b), support::server_context(),
                                           tls::connection_options());
    co_return co_await join(std::move(a), std::move(b), std::move(for_a), std::move(for_b));
}

}  // namespace

TEST_CASE("links of all kinds obey the laws of transports in virtual time", "[conformance]") {
    for (const network& each : networks) {
        const auto make = [&](std::shared_ptr<base_protocol> a, std::shared_ptr<base_protocol> b) {
            return plain_pair(each.options, std::move(a), std::move(b));
        };
        for (const testing::transport_law& law : testing::transport_laws()) {
            INFO(each.name << ": " << law.name);
            testing::test_loop loop;
            CHECK_NOTHROW(loop.run(law.check(make)));
        }
    }
}

TEST_CASE("a link with delay obeys the laws of transports on Asio", "[conformance]") {
    const link_options options{.latency = 100us, .jitter = 50us, .capacity = 20'000};
    const auto make = [&](std::shared_ptr<base_protocol> a, std::shared_ptr<base_protocol> b) {
        return plain_pair(options, std::move(a), std::move(b));
    };
    for (const testing::transport_law& law : testing::transport_laws()) {
        INFO(law.name);
        CHECK_NOTHROW(run(wait_for(law.check(make), 20s)));
    }
}

TEST_CASE("TLS over bad links obeys the laws of transports in virtual time", "[conformance]") {
    auto laws = testing::transport_laws();
    laws.push_back(testing::no_half_close_law());
    for (const network& each : networks) {
        if (!each.with_tls) continue;
        const auto make = [&](std::shared_ptr<base_protocol> a, std::shared_ptr<base_protocol> b) {
            return secure_pair(each.options, std::move(a), std::move(b));
        };
        for (const testing::transport_law& law : laws) {
            if (law.needs == testing::law_needs::half_close) continue;  // TLS has none
            INFO(each.name << ": " << law.name);
            testing::test_loop loop;
            CHECK_NOTHROW(loop.run(law.check(make)));
        }
    }
}

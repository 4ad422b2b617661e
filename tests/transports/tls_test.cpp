// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/tls.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <malloc.h>

#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/check_transport.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::observer;
using testing::transport_pair;

namespace {

struct setting {
    tls::context client = support::client_context();
    tls::context server = support::server_context();
    tls::connection_options client_options = named();
    tls::connection_options server_options = {};
    std::size_t capacity = 64 * 1024;

    static tls::connection_options named() {
        tls::connection_options options;
        options.server_hostname = "localhost";
        return options;
    }
};

// Two secure transports over a memory link, and what became of their opening.
struct secure_pair {
    std::shared_ptr<observer> near = std::make_shared<observer>();
    std::shared_ptr<observer> far = std::make_shared<observer>();
    std::shared_ptr<stream_transport> a;
    std::shared_ptr<stream_transport> b;
    future<> a_ready;
    future<> b_ready;

    explicit secure_pair(event_loop& loop, setting with = {}) {
        auto [lower_a, lower_b] = make_memory_channels(loop, with.capacity);
        a_ready = begin(loop, a, std::make_unique<tls_channel>(loop, std::move(lower_a), with.client, with.client_options),
                        near);
        b_ready = begin(loop, b, std::make_unique<tls_channel>(loop, std::move(lower_b), with.server, with.server_options),
                        far);
    }

    static future<> begin(event_loop& loop, std::shared_ptr<stream_transport>& made,
                          std::unique_ptr<stream_channel> channel, std::shared_ptr<base_protocol> served) {
        future<> ready(loop);
        made = std::make_shared<stream_transport>(loop, std::move(channel), std::move(served));
        made->start([ready](std::exception_ptr failure) {
            if (failure) {
                ready.set_exception(failure);
            } else {
                ready.set_result();
            }
        });
        return ready;
    }
};

std::string outcome(const future<>& of) {
    if (!of.done()) return "pending";
    if (of.exception()) return describe(of.exception());
    return "ready";
}

coro<transport_pair> secure_memory(std::size_t capacity, int layers, std::shared_ptr<base_protocol> for_a,
                                   std::shared_ptr<base_protocol> for_b) {
    event_loop& loop = get_running_loop();
    auto links = make_memory_channels(loop, capacity);
    std::unique_ptr<stream_channel> a = std::move(links.first);
    std::unique_ptr<stream_channel> b = std::move(links.second);
    const setting with;
    for (int layer = 0; layer < layers; ++layer) {
        a = std::make_unique<tls_channel>(loop, std::move(a), with.client, with.client_options);
        b = std::make_unique<tls_channel>(loop, std::move(b), with.server, with.server_options);
    }
    transport_pair made;
    std::shared_ptr<stream_transport> first;
    std::shared_ptr<stream_transport> second;
    const future<> a_ready = secure_pair::begin(loop, first, std::move(a), std::move(for_a));
    const future<> b_ready = secure_pair::begin(loop, second, std::move(b), std::move(for_b));
    co_await a_ready;
    co_await b_ready;
    co_return transport_pair{first, second};
}

void check_laws(std::size_t capacity, int layers) {
    auto laws = testing::transport_laws();
    laws.push_back(testing::no_half_close_law());
    for (const testing::transport_law& law : laws) {
        if (law.needs == testing::law_needs::half_close) continue;  // TLS has none
        INFO(law.name);
        testing::test_loop loop;
        const testing::make_transport_pair make = [capacity, layers](std::shared_ptr<base_protocol> a,
                                                                     std::shared_ptr<base_protocol> b) {
            return secure_memory(capacity, layers, std::move(a), std::move(b));
        };
        CHECK_NOTHROW(loop.run(law.check(make)));
    }
}

// Bytes of the heap that are in use; always the same where a sanitizer has put its own in place.
std::size_t heap_in_use() { return ::mallinfo2().uordblks; }

}  // namespace

TEST_CASE("TLS over a memory link obeys the laws of transports", "[transports][TL001][TL017][T9][T10][T13]") {
    check_laws(64 * 1024, 1);
}

TEST_CASE("TLS over a link that takes 64 bytes at a time obeys the laws of transports", "[transports]") {
    check_laws(64, 1);
}

TEST_CASE("TLS in TLS obeys the laws of transports", "[transports][TL009]") { check_laws(64 * 1024, 2); }

TEST_CASE("connection_made comes after the handshake, and tells what was negotiated", "[transports][TL016]") {
    testing::test_loop loop;
    setting with;
    with.client.set_alpn_protocols({"chat"});
    with.server.set_alpn_protocols({"chat"});
    secure_pair pair(loop.loop(), with);
    CHECK(pair.near->calls.empty());
    loop.settle();
    CHECK(outcome(pair.a_ready) == "ready");
    CHECK(outcome(pair.b_ready) == "ready");
    CHECK(pair.near->calls == std::vector<std::string>{"connection_made"});
    CHECK(pair.a->get_extra_info(extra_info::tls_version) == "TLSv1.3");
    CHECK(pair.a->get_extra_info(extra_info::alpn_protocol) == "chat");
    CHECK(pair.b->get_extra_info(extra_info::server_name) == "localhost");
    CHECK(pair.a->get_extra_info(extra_info::peer_certificate)->subject() == "CN=aioxx test");
    CHECK_FALSE(pair.b->get_extra_info(extra_info::peer_certificate));
    CHECK_FALSE(pair.a->get_extra_info(extra_info::peername));
    CHECK(pair.a->describe() == "tls over memory link");
    pair.a->abort();
    loop.settle();
    CHECK_FALSE(pair.a->get_extra_info(extra_info::peername));
    CHECK_FALSE(pair.a->get_extra_info(extra_info::socket));
}

TEST_CASE("a certificate that is refused ends both sides before connection_made", "[transports][TL003][TL005]") {
    testing::test_loop loop;
    setting with;
    with.client = tls::context::for_client();
    secure_pair pair(loop.loop(), with);
    loop.settle();
    CHECK(outcome(pair.a_ready).find("\"localhost\" was refused") != std::string::npos);
    CHECK(outcome(pair.b_ready).find("alert unknown ca") != std::string::npos);
    CHECK(pair.near->calls.empty());
    CHECK(pair.far->calls.empty());
    CHECK(loop.reports().empty());
}

TEST_CASE("a handshake that takes too long is aborted, and its timer does not outlive it", "[transports][TL002][TL015][T15]") {
    testing::test_loop loop;
    auto [lower, silent] = make_memory_channels(loop.loop());
    tls::connection_options options = setting::named();
    options.handshake_timeout = 5s;
    auto served = std::make_shared<observer>();
    std::shared_ptr<stream_transport> made;
    const future<> ready = secure_pair::begin(
        loop.loop(), made,
        std::make_unique<tls_channel>(loop.loop(), std::move(lower), support::client_context(), options), served);
    loop.advance(4s);
    CHECK(outcome(ready) == "pending");
    loop.advance(1s);
    CHECK(outcome(ready).find("the handshake took too long") != std::string::npos);
    try {
        ready.result();
    } catch (const tls::tls_error& failure) {
        CHECK(failure.code() == std::errc::connection_aborted);
    }
    CHECK(served->calls.empty());
    silent->close();

    secure_pair pair(loop.loop());
    loop.settle();
    CHECK(outcome(pair.a_ready) == "ready");
    loop.advance(1h);
    CHECK_FALSE(pair.near->lost());
    pair.a->abort();
    loop.settle();
}

TEST_CASE("times that are not positive, and a client without a host to check, are refused", "[transports][TL002]") {
    testing::test_loop loop;
    const auto with = [&loop](tls::connection_options options) {
        auto [lower, other] = make_memory_channels(loop.loop());
        std::unique_ptr<stream_channel> plain = std::move(lower);
        CHECK_THROWS_AS(tls_channel(loop.loop(), std::move(plain), support::client_context(), options),
                        std::invalid_argument);
        CHECK(plain != nullptr);
    };
    tls::connection_options options = setting::named();
    options.handshake_timeout = 0s;
    with(options);
    options = setting::named();
    options.shutdown_timeout = -1s;
    with(options);
    with({});
}

TEST_CASE("the peer's end in the middle of the handshake is a reset", "[transports][TL005][TL020]") {
    testing::test_loop loop;
    auto [lower, silent] = make_memory_channels(loop.loop());
    auto served = std::make_shared<observer>();
    std::shared_ptr<stream_transport> made;
    const future<> ready = secure_pair::begin(
        loop.loop(), made,
        std::make_unique<tls_channel>(loop.loop(), std::move(lower), support::server_context(), tls::connection_options()),
        served);
    loop.settle();
    silent->shutdown_send();
    loop.settle();
    try {
        ready.result();
        FAIL("the handshake has failed");
    } catch (const tls::tls_error& failure) {
        CHECK(failure.code() == std::errc::connection_reset);
    }
    CHECK(served->calls.empty());
    silent->close();
}

TEST_CASE("close during the handshake cuts the connection off", "[transports][TL004]") {
    testing::test_loop loop;
    secure_pair pair(loop.loop());
    pair.a->close();
    loop.settle();
    CHECK(outcome(pair.a_ready) == "the connection was closed before it was ready");
    CHECK(outcome(pair.b_ready).find("ended the connection during the handshake") != std::string::npos);
    CHECK(pair.far->calls.empty());
    CHECK(loop.reports().empty());
}

TEST_CASE("what was written and closed before the handshake still arrives", "[transports]") {
    testing::test_loop loop;
    secure_pair pair(loop.loop());
    pair.a->write("early");
    pair.a->close();
    loop.settle();
    CHECK(pair.far->received == "early");
    CHECK(pair.far->lost());
    CHECK_FALSE(pair.far->reason);
    CHECK(pair.near->lost());
}

TEST_CASE("an end without close_notify is an error, unless ragged ends are suppressed", "[transports]") {
    testing::test_loop loop;
    const bool suppressed = GENERATE(false, true);
    auto [lower_a, lower_b] = make_memory_channels(loop.loop());
    memory_channel* raw = lower_b.get();
    tls::connection_options options = setting::named();
    options.suppress_ragged_eofs = suppressed;
    auto near = std::make_shared<observer>();
    auto far = std::make_shared<observer>();
    std::shared_ptr<stream_transport> a;
    std::shared_ptr<stream_transport> b;
    const future<> a_ready = secure_pair::begin(
        loop.loop(), a, std::make_unique<tls_channel>(loop.loop(), std::move(lower_a), support::client_context(), options),
        near);
    const future<> b_ready = secure_pair::begin(loop.loop(), b,
                                                std::make_unique<tls_channel>(loop.loop(), std::move(lower_b),
                                                                              support::server_context(),
                                                                              tls::connection_options()),
                                                far);
    loop.settle();
    b->write("the last");
    loop.settle();
    raw->shutdown_send();
    loop.settle();
    CHECK(near->received == "the last");
    CHECK(near->lost());
    CHECK(near->count("eof_received") == (suppressed ? 1 : 0));
    if (suppressed) {
        CHECK_FALSE(near->reason);
    } else {
        REQUIRE(near->reason);
        CHECK(describe(near->reason).find("without a close_notify") != std::string::npos);
    }
    b->abort();
    loop.settle();
}

TEST_CASE("a peer that does not answer the close_notify is cut off after the shutdown time", "[transports][TL014]") {
    testing::test_loop loop;
    setting with;
    with.client_options.shutdown_timeout = 7s;
    secure_pair pair(loop.loop(), with);
    loop.settle();
    pair.b->pause_reading();
    pair.a->close();
    loop.advance(6s);
    CHECK_FALSE(pair.near->lost());
    loop.advance(1s);
    CHECK(pair.near->lost());
    REQUIRE(pair.near->reason);
    CHECK(describe(pair.near->reason).find("did not answer the close_notify in time") != std::string::npos);
    pair.b->abort();
    loop.settle();
}

TEST_CASE("the peer's close_notify with our backlog: our bytes are still delivered, and no timer is left",
          "[transports][TL012][TL013][TL014]") {
    testing::test_loop loop;
    setting with;
    with.capacity = 1000;
    secure_pair pair(loop.loop(), with);
    loop.settle();
    pair.b->pause_reading();
    const std::string large(300'000, 'x');
    pair.a->write(large);
    loop.settle();
    CHECK(pair.a->get_write_buffer_size() > 200'000);
    pair.b->write("and the end");
    pair.b->resume_reading();
    pair.a->close();
    loop.settle();
    CHECK(pair.far->received == large);
    CHECK(pair.far->lost());
    CHECK(pair.near->lost());
    CHECK_FALSE(pair.near->reason);
    CHECK(loop.elapsed() < 1s);
}

TEST_CASE("bytes before the end arrive after a pause, and so does the end", "[transports][TL019][T16][T11]") {
    testing::test_loop loop;
    secure_pair pair(loop.loop());
    loop.settle();
    pair.a->pause_reading();
    pair.b->write("held back");
    pair.b->close();
    loop.advance(1s);
    CHECK(pair.near->received.empty());
    CHECK(pair.near->count("eof_received") == 0);
    pair.a->resume_reading();
    loop.settle();
    CHECK(pair.near->received == "held back");
    CHECK(pair.near->count("eof_received") == 1);
    CHECK(pair.near->lost());
    CHECK(pair.far->lost());
    CHECK_FALSE(pair.far->reason);
}

TEST_CASE("a broken connection below is told once, and writes are dropped and counted", "[transports][T12][TL018]") {
    testing::test_loop loop;
    setting with;
    secure_pair pair(loop.loop(), with);
    loop.settle();
    pair.b->abort();
    loop.settle();
    for (int count = 0; count < 3; ++count) {
        pair.a->write(std::string(100'000, 'x'));
        loop.settle();
    }
    CHECK(pair.near->count("connection_lost") == 1);
    CHECK(pair.near->reason);
    CHECK(pair.a->dropped_writes() >= 2);
    CHECK(pair.a->is_closing());
}

TEST_CASE("the write buffer counts plaintext and ciphertext", "[transports][TL021]") {
    testing::test_loop loop;
    setting with;
    with.capacity = 1000;
    secure_pair pair(loop.loop(), with);
    loop.settle();
    pair.b->pause_reading();
    pair.a->write(std::string(5000, 'x'));
    loop.settle();
    CHECK(pair.a->get_write_buffer_size() > 4000);
    pair.b->resume_reading();
    loop.settle();
    CHECK(pair.a->get_write_buffer_size() == 0);
    CHECK(pair.far->received.size() == 5000);
    pair.a->abort();
    loop.settle();
}

TEST_CASE("a connection that has sent much keeps no memory for it once it is idle", "[transports]") {
    testing::test_loop loop;
    constexpr std::size_t count = 20;
    setting with;
    with.capacity = 4096;
    const auto make = [&](std::vector<std::unique_ptr<secure_pair>>& all) {
        for (std::size_t each = 0; each < count; ++each) {
            all.push_back(std::make_unique<secure_pair>(loop.loop(), with));
        }
        loop.settle();
    };
    std::vector<std::unique_ptr<secure_pair>> pairs;
    make(pairs);
    const std::size_t before = heap_in_use();
    for (const auto& pair : pairs) pair->a->write(std::string(300'000, 'x'));
    loop.settle();
    for (const auto& pair : pairs) {
        CHECK(pair->far->received.size() == 300'000);
        pair->far->received = {};
    }
    const std::size_t after = heap_in_use();
    CAPTURE(before, after);
    CHECK(after < before + count * 10'000);
    for (const auto& pair : pairs) pair->a->abort();
    loop.settle();
}

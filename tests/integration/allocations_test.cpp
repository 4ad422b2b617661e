// SPDX-License-Identifier: BSL-1.0

// An echo over TCP allocates nothing once it runs: by protocols, by streams and by read_view without a copy.

#include <cstddef>
#include <memory>
#include <string>

#include <aioxx/base/config.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/runner.hpp>

#include "support/catch.hpp"
#include "support/count_allocations.hpp"

// Without the pool, as under AddressSanitizer, each frame is an allocation.
#if !defined(AIOXX_NO_FRAME_POOL)

using namespace aioxx;

namespace {

constexpr int warm_up = 200;
constexpr int rounds = 1000;
const std::string request(100, 'r');

class echo_protocol final : public protocol {
    void connection_made(transport& made) override { transport_ = &made; }
    void data_received(bytes_view data) override { transport_->write(data); }
    transport* transport_ = nullptr;
};

// Sends the next request when the answer to the last one is complete.
class asking_protocol final : public protocol {
public:
    explicit asking_protocol(future<> done) : done_(std::move(done)) {}
    long counted = -1;

private:
    void connection_made(transport& made) override {
        transport_ = &made;
        transport_->write(request);
    }
    void data_received(bytes_view data) override {
        received_ += data.size();
        if (received_ < request.size()) return;
        received_ = 0;
        if (++round_ == warm_up) before_ = support::allocations;
        if (round_ == warm_up + rounds) {
            counted = support::allocations - before_;
            return done_.set_result();
        }
        transport_->write(request);
    }

    future<> done_;
    transport* transport_ = nullptr;
    std::size_t received_ = 0;
    int round_ = 0;
    long before_ = 0;
};

coro<> echo_lines(stream_reader reader, stream_writer writer) {
    for (;;) {
        const bytes_view line = co_await reader.readline_view();
        if (line.empty()) break;
        co_await writer.send(line);
    }
}

coro<> echo_memory(stream_reader reader, stream_writer writer) {
    char memory[1000];
    for (;;) {
        const std::size_t size = co_await reader.read_some(mutable_bytes_view(memory, sizeof memory));
        if (size == 0) break;
        co_await writer.send(bytes_view(memory, size));
    }
}

coro<long> count_with_streams(server listening, const std::string& line) {
    auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
    long before = 0;
    for (int i = 0; i < warm_up + rounds; ++i) {
        if (i == warm_up) before = support::allocations;
        co_await writer.send(line);
        const bytes_view answer = co_await reader.readline_view();
        if (answer.size() != line.size()) break;
    }
    const long counted = support::allocations - before;
    writer.close();
    listening.close();
    co_await listening.wait_closed();
    co_return counted;
}

}  // namespace

TEST_CASE("an echo by protocols allocates nothing", "[integration]") {
    const long counted = run([]() -> coro<long> {
        server listening =
            co_await create_server([] { return std::make_shared<echo_protocol>(); }, "127.0.0.1", 0);
        const future<> done = create_future();
        auto made = co_await create_connection([&done] { return std::make_shared<asking_protocol>(done); },
                                               "127.0.0.1", listening.port());
        co_await done;
        made.transport->close();
        listening.close();
        co_await listening.wait_closed();
        co_return made.protocol->counted;
    }());
    CHECK(counted == 0);
}

TEST_CASE("an echo by streams allocates nothing", "[integration]") {
    const std::string line(std::string(100, 'l') + "\n");
    const long by_lines = run([](const std::string& sent) -> coro<long> {
        server listening = co_await start_server(echo_lines, "127.0.0.1", 0);
        co_return co_await count_with_streams(listening, sent);
    }(line));
    CHECK(by_lines == 0);
    const long by_memory = run([](const std::string& sent) -> coro<long> {
        server listening = co_await start_server(echo_memory, "127.0.0.1", 0);
        co_return co_await count_with_streams(listening, sent);
    }(line));
    CHECK(by_memory == 0);
}

#endif

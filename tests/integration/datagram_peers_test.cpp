// SPDX-License-Identifier: BSL-1.0

// Our datagrams with those of Python's asyncio.

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/net/datagram.hpp>
#include <aioxx/streams/datagram_socket.hpp>

#include "integration/peer.hpp"
#include "support/catch.hpp"

using namespace aioxx;

namespace {

bool has_python() { return peers::succeeds({AIOXX_PYTHON, "-c", "import asyncio"}); }

class echo final : public datagram_protocol {
public:
    void connection_made(datagram_transport& made) override { transport_ = &made; }
    void datagram_received(bytes_view data, const endpoint& sender) override { transport_->sendto(data, sender); }

private:
    datagram_transport* transport_ = nullptr;
};

coro<> serve_python() {
    datagram_options options;
    options.local_address = endpoint::from_ip("127.0.0.1", 0);
    auto made = co_await create_datagram_endpoint([] { return std::make_shared<echo>(); }, options);
    std::vector<std::string> command = peers::script("udp_echo.py");
    command.push_back(std::to_string(made.transport->get_extra_info(extra_info::sockname)->port()));
    const peers::result result = co_await peers::finish(std::move(command));
    INFO(result.err);
    CHECK(result.returncode == 0);
    made.transport->close();
}

coro<> ask_python() {
    peers::running_server peer = co_await peers::start(peers::script("udp_echo.py"));
    datagram_socket socket = co_await open_datagram_socket("127.0.0.1", peer.port);
    for (const std::size_t size : {std::size_t{1}, std::size_t{1400}, std::size_t{60000}}) {
        const std::string sent(size, 'x');
        co_await socket.send(sent);
        const bytearray echoed = co_await socket.receive();
        CHECK(echoed == sent);
    }
    peer.started.in().close();
    co_await peer.started.wait();
}

}  // namespace

TEST_CASE("asyncio's datagrams come to our endpoint and back", "[integration][EV019]") {
    peers::run_with(has_python(), "no python3", serve_python());
}

TEST_CASE("our datagrams come to asyncio's endpoint and back", "[integration][EV019]") {
    peers::run_with(has_python(), "no python3", ask_python());
}

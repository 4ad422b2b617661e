// SPDX-License-Identifier: BSL-1.0

// tests/bench/echo_aioxx_protocol.cpp: echo by an aioxx protocol.

#include <memory>

#include <aioxx/net/listen.hpp>

#include "echo_aioxx.hpp"

namespace {

class echo : public aioxx::protocol {
public:
    void connection_made(aioxx::transport& made) override { transport_ = &made; }
    void data_received(aioxx::bytes_view data) override { transport_->write(data); }
    // The peer reads more slowly than it writes: take no more until it has caught up.
    void pause_writing() override { transport_->pause_reading(); }
    void resume_writing() override { transport_->resume_reading(); }

private:
    aioxx::transport* transport_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
    const std::uint16_t port = bench::port_argument(argc, argv);
    aioxx::run(bench::serve(
        aioxx::create_server([] { return std::make_shared<echo>(); }, "127.0.0.1", port, {.backlog = 4096})));
}

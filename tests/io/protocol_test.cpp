// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/protocol.hpp>

#include <exception>
#include <memory>
#include <stdexcept>

#include "io/fakes.hpp"
#include "support/catch.hpp"

namespace aioxx {

TEST_CASE("every callback of a protocol that overrides nothing is harmless (FC011)", "[io]") {
    fake_transport made;
    protocol served;
    served.connection_made(made);
    served.data_received("bytes");
    served.pause_writing();
    served.resume_writing();
    served.connection_lost(nullptr);
    served.connection_lost(std::make_exception_ptr(std::runtime_error("broken")));
    CHECK(made.calls.empty());
}

TEST_CASE("a protocol that does not override eof_received closes its transport (FC011)", "[io]") {
    protocol served;
    CHECK_FALSE(served.eof_received());
}

TEST_CASE("a protocol is destroyed through the pointer that its transport holds", "[io]") {
    struct watched : protocol {
        explicit watched(bool& flag) : gone(flag) {}
        ~watched() override { gone = true; }
        bool& gone;
    };
    bool gone = false;
    std::unique_ptr<base_protocol> held = std::make_unique<watched>(gone);
    held.reset();
    CHECK(gone);
}

TEST_CASE("the protocol of the manual's echo server sends back what it receives", "[io]") {
    class echo : public protocol {
        void connection_made(transport& made) override { transport_ = &made; }
        void data_received(bytes_view data) override { transport_->write(data); }

        transport* transport_ = nullptr;
    };
    fake_transport made;
    const std::unique_ptr<protocol> served = std::make_unique<echo>();
    served->connection_made(made);
    served->data_received("ping");
    served->data_received("pong");
    CHECK(made.written == "pingpong");
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/stream_protocol.hpp: the protocol behind a stream: it turns the callbacks of a transport into a
// receive buffer to read from and a gate to drain through. A reader and a writer share one.

#include <exception>
#include <memory>
#include <utility>

#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/streams/drain_gate.hpp>
#include <aioxx/streams/receive_buffer.hpp>

namespace aioxx {

/// The state of one stream connection.
class stream_protocol final : public protocol {
public:
    /// Parameters: `limit` of the reader, in bytes.
    explicit stream_protocol(std::size_t limit) : incoming(limit) {}

    /// Runs a function once from connection_made.
    void set_connected_callback(function<void()> connected) {
        connected_ = std::make_unique<function<void()>>(std::move(connected));
    }

    receive_buffer incoming;
    drain_gate gate;

    /// As those of the receive buffer; the connection belongs to those who hold it.
    void hold() noexcept {
        incoming.give_connection();
        incoming.hold();
    }
    void let_go() { incoming.let_go(); }

    /// The transport, or null before connection_made and after connection_lost.
    [[nodiscard]] aioxx::transport* transport() const noexcept {
        return static_cast<aioxx::transport*>(incoming.transport());
    }

    /// Gives the connection to another protocol, which is told of it at once; the stream is over.
    ///
    /// Returns: what has arrived and not been read, for the other protocol.
    /// Errors: closed_error when the connection is over.
    [[nodiscard]] bytearray hand_over(std::shared_ptr<base_stream_protocol> next) {
        if (transport() == nullptr) throw closed_error("hand_over: the connection is over");
        bytearray rest = incoming.take_all();
        aioxx::transport& given = *transport();
        incoming.set_transport(nullptr);
        incoming.feed_eof();
        given.set_protocol(next);
        gate.lose(nullptr);
        next->connection_made(given);
        return rest;
    }

    void connection_made(aioxx::transport& made) override {
        incoming.set_transport(&made);
        if (const auto connected = std::move(connected_)) (*connected)();
    }
    void connection_lost(std::exception_ptr reason) override {
        incoming.set_transport(nullptr);
        if (reason) {
            incoming.fail(reason);
        } else {
            incoming.feed_eof();
        }
        gate.lose(std::move(reason));
    }
    void data_received(bytes_view data) override { incoming.feed(data); }
    bool eof_received() override {
        incoming.feed_eof();
        return true;  // the writing half goes on
    }
    void pause_writing() override { gate.pause(); }
    void resume_writing() override { gate.resume(); }

private:
    std::unique_ptr<function<void()>> connected_;
};

}  // namespace aioxx

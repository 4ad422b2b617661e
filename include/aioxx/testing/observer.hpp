// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/observer.hpp: protocols for byte streams that remember what happened to them, for tests of transports.

#include <cstddef>
#include <exception>
#include <functional>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/buffered_protocol.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/testing/call_log.hpp>
#include <aioxx/testing/demand.hpp>

namespace aioxx::testing {

/// A protocol that remembers what happened to it and lets a task wait for more. data_received is noted only once in a
/// row.
class observer : public protocol, public call_log {
public:
    bytearray received;
    std::exception_ptr reason;    ///< of connection_lost
    bool keep_open = false;       ///< what eof_received returns
    bool pause_at_start = false;  ///< whether connection_made pauses reading
    std::function<void(observer&)> on_data, on_pause, on_resume, on_lost;

    [[nodiscard]] aioxx::transport& transport() const {
        if (transport_ == nullptr) throw check_failed("connection_made has not been called");
        return *transport_;
    }

    /// Cancellation: safe.
    coro<> until_received(std::size_t size) {
        return until([this, size] { return received.size() >= size; });
    }

    void connection_made(aioxx::transport& made) override {
        transport_ = &made;
        if (pause_at_start) made.pause_reading();
        note("connection_made");
    }
    void data_received(bytes_view data) override {
        received.append(data);
        note_once("data_received");
        if (on_data) on_data(*this);
    }
    bool eof_received() override {
        note("eof_received");
        return keep_open;
    }
    void connection_lost(std::exception_ptr why) override {
        reason = std::move(why);
        note("connection_lost");
        if (on_lost) on_lost(*this);
    }
    void pause_writing() override {
        note("pause_writing");
        if (on_pause) on_pause(*this);
    }
    void resume_writing() override {
        note("resume_writing");
        if (on_resume) on_resume(*this);
    }

private:
    aioxx::transport* transport_ = nullptr;
};

/// Likewise one that lends its memory.
class lending_observer final : public buffered_protocol, public call_log {
public:
    bytearray received;
    std::size_t lend = 7;  ///< how much at a time

    /// Cancellation: safe.
    coro<> until_received(std::size_t size) {
        return until([this, size] { return received.size() >= size || lost(); });
    }

    mutable_bytes_view get_buffer(std::size_t) override {
        memory_.resize(lend);
        return {memory_.data(), memory_.size()};
    }
    void buffer_updated(std::size_t count) override {
        received.append(memory_.view().first(count));
        note_once("buffer_updated");
    }
    void connection_lost(std::exception_ptr) override { note("connection_lost"); }

private:
    bytearray memory_;
};

}  // namespace aioxx::testing

// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/writer.hpp: the writing half of a stream.
// send() is the form to use: it writes and applies back-pressure in one step. write() and drain() are asyncio's.

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/streams/drain_gate.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/tasks/wait_for.hpp>

namespace aioxx {

/// The writing half of a stream (asyncio: StreamWriter). Copies refer to the same stream.
///
/// Concurrency: one loop; any number of tasks may write, each call's bytes stay together and in order.
class stream_writer {
public:
    explicit stream_writer(std::shared_ptr<stream_protocol> state) : state_(std::move(state)) {}

    /// Writes and waits until the stream takes more. The form to use.
    ///
    /// Returns at once while the bytes not yet sent stay under the high water mark (64 KiB); else when they have
    /// sunk to the low one (16 KiB). Lifetime: `data` is the caller's again when it returns.
    /// Errors: the original reason of a lost connection, invalid_state_error after write_eof.
    /// Cancellation: partial: the bytes are on their way, only the waiting ends.
    [[nodiscard]] drain_gate::awaiter send(bytes_view data) const {
        write(data);
        return gate().drain(data.size());
    }

    /// As send, for pieces that leave together.
    [[nodiscard]] drain_gate::awaiter send(std::span<const bytes_view> pieces) const {
        std::size_t total = 0;
        for (const bytes_view& piece : pieces) total += piece.size();
        writelines(pieces);
        return gate().drain(total);
    }

    /// Queues bytes; they leave at the end of the loop's turn. Follow it with drain(), or use send().
    ///
    /// On a closed stream the bytes are dropped and counted, and the next drain throws the reason.
    /// Lifetime: `data` is the caller's again when it returns. Errors: invalid_state_error after write_eof.
    void write(bytes_view data) const {
        hand_to_transport([&](aioxx::transport& open) { open.write(data); });
    }
    void write(bytearray&& data) const {
        hand_to_transport([&](aioxx::transport& open) { open.write(std::move(data)); });
    }
    void writelines(std::span<const bytes_view> pieces) const {
        hand_to_transport([&](aioxx::transport& open) { open.writelines(pieces); });
    }

    /// Waits until the stream takes more: between the high water mark and the low one.
    ///
    /// Errors: the original reason of a lost connection, also when nothing was paused.
    /// Cancellation: safe. Concurrency: any number of tasks.
    [[nodiscard]] drain_gate::awaiter drain() const { return gate().drain(); }

    /// Ends the writing half when everything queued is sent; reading goes on.
    void write_eof() const {
        if (auto* open = transport()) open->write_eof();
    }
    [[nodiscard]] bool can_write_eof() const {
        const auto* open = transport();
        return open != nullptr && open->can_write_eof();
    }

    /// Closes the stream when everything queued is sent. Idempotent.
    void close() const {
        if (auto* open = transport()) open->close();
    }
    /// Closes the stream at once; what is queued is lost. Idempotent.
    void abort() const {
        if (auto* open = transport()) open->abort();
    }
    [[nodiscard]] bool is_closing() const noexcept {
        const auto* open = transport();
        return open == nullptr || open->is_closing();
    }

    /// Returns when the connection is over. Requires: close() or abort(), or the peer ends it.
    ///
    /// Errors: none; drain and send tell the reason of a loss. Cancellation: safe.
    [[nodiscard]] event::awaiter wait_closed() const { return gate().wait_closed(); }

    /// As above for a limited time; then the connection is aborted, and what is queued is lost.
    ///
    /// Parameters: `grace` from now. Returns: whether the connection ended by itself.
    /// Errors: none. Cancellation: safe.
    template <class Rep, class Period>
    [[nodiscard]] coro<bool> wait_closed(std::chrono::duration<Rep, Period> grace) const {
        return wait_closed(*this, to_duration(grace));
    }

    /// Sets the time after which send and drain that have to wait, also those that wait now, throw timeout_error. It holds
    /// until another is set. What was written stays on its way.
    ///
    /// Parameters: `when` a time of the running loop's clock. Asyncio: has none.
    void expires_at(time_point when) const { gate().set_deadline(when); }
    /// As above. Parameters: `delay` from now.
    template <class Rep, class Period>
    void expires_after(std::chrono::duration<Rep, Period> delay) const {
        expires_at(add_saturated(get_running_loop().time(), to_duration(delay)));
    }
    /// Takes the deadline away.
    void expires_never() const { gate().set_deadline(std::nullopt); }

    /// The error that the connection was lost with; null while it stands and after a clean end.
    [[nodiscard]] std::exception_ptr exception() const noexcept { return gate().reason(); }

    /// Gives the connection to another protocol: an upgrade of the spoken language. The stream is over.
    ///
    /// Returns: what has arrived and not been read. Errors: closed_error when the connection is over.
    [[nodiscard]] bytearray hand_over(std::shared_ptr<base_stream_protocol> next) const {
        return state_->hand_over(std::move(next));
    }

    /// Takes what has arrived and has not been read, for whoever changes the language that is spoken.
    [[nodiscard]] bytearray take_received() const { return state_->incoming.take_all(); }

    /// Facts about the connection: `writer.get_extra_info(extra_info::peername)`. Nothing after its end.
    template <class Key>
    [[nodiscard]] auto get_extra_info(const Key& key) const {
        const auto* open = transport();
        return open != nullptr ? open->get_extra_info(key) : decltype(open->get_extra_info(key)){};
    }

    /// The transport, or null when the connection is over.
    [[nodiscard]] aioxx::transport* transport() const noexcept { return state_->transport(); }

private:
    template <class Write>
    void hand_to_transport(Write write) const {
        aioxx::transport* open = transport();
        if (open == nullptr) return;  // the gate knows the reason
        write(*open);
        if (open->is_closing()) gate().refuse();
    }

    static coro<bool> wait_closed(stream_writer self, duration grace) {
        drain_gate& gate = self.gate();
        bool in_time = true;
        try {
            co_await wait_for(gate.wait_closed(), grace);
        } catch (const timeout_error&) {
            in_time = false;
        }
        if (in_time) co_return true;
        self.abort();
        co_await gate.wait_closed();
        co_return false;
    }

    [[nodiscard]] drain_gate& gate() const noexcept { return state_->gate; }

    detail::stream_hold<stream_protocol> state_;
};

}  // namespace aioxx

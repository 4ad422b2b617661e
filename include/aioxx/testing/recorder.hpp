// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/recorder.hpp: writes down what goes over a connection, as a layer around its channel: whatever the
// protocol and the medium are, they notice nothing. Above TLS it sees the plain bytes, below it the secret
// ones.

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/testing/trace.hpp>
#include <aioxx/transports/stream_channel.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx::testing {

/// A channel that passes everything on to another one and adds what goes over it to a trace.
///
/// Bytes are noted in the pieces in which the channel gave and took them; what a layer below keeps for later
/// counts as sent. Files do not bypass it: they are read and written. Our end is noted once, when our half or
/// the channel is closed; not after a loss, which is the end of both.
/// Example:
///     auto seen = std::make_shared<testing::trace>();
///     auto channel = std::make_unique<testing::recording_channel>(loop, std::move(link.a), seen);
///     std::make_shared<stream_transport>(loop, std::move(channel), client)->start();
///     ...
///     seen->save("client.trace");
class recording_channel final : public stream_channel {
public:
    /// Parameters: `into` whose time zero is now.
    recording_channel(event_loop& loop, std::unique_ptr<stream_channel> recorded, std::shared_ptr<trace> into)
        : loop_(loop), recorded_(std::move(recorded)), into_(std::move(into)), start_(loop.time()) {}
    ~recording_channel() override { close(); }

    void attach(fd_handler& handler) override { recorded_->attach(handler); }
    transfer open() noexcept override { return recorded_->open(); }
    [[nodiscard]] bool can_receive() const noexcept override { return recorded_->can_receive(); }
    [[nodiscard]] bool can_send() const noexcept override { return recorded_->can_send(); }
    [[nodiscard]] bool can_half_close() const noexcept override { return recorded_->can_half_close(); }

    [[nodiscard]] bool end_is_final() const noexcept override { return recorded_->end_is_final(); }

    transfer receive(std::span<std::byte> buffer) noexcept override {
        const transfer received = recorded_->receive(buffer);
        if (received.error) {
            note_failure(received, "receive");
        } else if (received.count != 0) {
            note(trace_event::direction::received, trace_event::kind::bytes, {buffer.data(), received.count});
        } else if (!std::exchange(end_seen_, true)) {
            note(trace_event::direction::received, trace_event::kind::eof, {});
        }
        return received;
    }

    transfer send(std::span<const bytes_view> pieces) noexcept override {
        const transfer sent = recorded_->send(pieces);
        bytearray data;
        for (const bytes_view& piece : pieces) data.append(piece.first(sent.count - data.size()));
        if (!data.empty()) note(trace_event::direction::sent, trace_event::kind::bytes, data);
        if (sent.error) note_failure(sent, "send");
        return sent;
    }
    [[nodiscard]] std::size_t pending() const noexcept override { return recorded_->pending(); }

    void await_readable() override { recorded_->await_readable(); }
    void await_writable() override { recorded_->await_writable(); }

    void shutdown_send() noexcept override {
        note_end();
        recorded_->shutdown_send();
    }
    transfer finish() noexcept override { return recorded_->finish(); }
    [[nodiscard]] bool watches_receiver() const noexcept override { return recorded_->watches_receiver(); }
    [[nodiscard]] bool receiver_gone() const noexcept override { return recorded_->receiver_gone(); }
    void close() noexcept override {
        note_end();
        recorded_->close();
    }

    [[nodiscard]] std::exception_ptr failure_of(const transfer& failed,
                                                const char* operation) const override {
        return recorded_->failure_of(failed, operation);
    }
    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        return recorded_->query_extra_info(query);
    }
    [[nodiscard]] std::string describe() const override { return recorded_->describe(); }

private:
    void note(trace_event::direction way, trace_event::kind what, bytes_view data) {
        into_->add({loop_.time() - start_, way, what, bytearray(data)});
    }
    // A loss comes from the other end, whichever call finds it.
    void note_failure(const transfer& failed, const char* operation) {
        if (failed.would_block() || std::exchange(over_, true)) return;
        note(trace_event::direction::received, trace_event::kind::lost,
             aioxx::describe(recorded_->failure_of(failed, operation)));
    }
    void note_end() {
        if (std::exchange(over_, true)) return;
        note(trace_event::direction::sent, trace_event::kind::eof, {});
    }

    event_loop& loop_;
    std::unique_ptr<stream_channel> recorded_;
    std::shared_ptr<trace> into_;
    time_point start_;
    bool over_ = false;      // our end or the loss has been noted
    bool end_seen_ = false;  // that of the other end has
};

/// Records a connection that stands from now on.
///
/// Called in connection_made it records from the first byte on.
/// Parameters: `over` a transport of the library; `into` what the events are added to, whose time zero is now.
/// Errors: std::invalid_argument for a transport without a channel; closed_error; invalid_state_error before
/// connection_made and after write_eof.
/// Example:
///     auto [reader, writer] = co_await open_connection(host, port);
///     auto seen = std::make_shared<testing::trace>();
///     testing::record(*writer.transport(), seen);
inline void record(transport& over, std::shared_ptr<trace> into) {
    auto* recorded = dynamic_cast<stream_transport*>(&over);
    if (recorded == nullptr) {
        throw std::invalid_argument("record: expected a transport over a channel, got " + over.describe());
    }
    event_loop& loop = recorded->loop();
    recorded->insert_layer(
        [&loop, kept = std::move(into)](
            std::unique_ptr<stream_channel>&& channel) -> std::unique_ptr<stream_channel> {
            return std::make_unique<recording_channel>(loop, std::move(channel), kept);
        },
        [](const std::exception_ptr&) {});
}

}  // namespace aioxx::testing

// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/datagram_socket.hpp: a datagram endpoint to be awaited: what arrives waits in a queue of limited length.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/datagram_protocol.hpp>
#include <aioxx/io/datagram_transport.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/net/datagram.hpp>
#include <aioxx/streams/drain_gate.hpp>
#include <aioxx/sync/queue.hpp>

namespace aioxx {

namespace detail {

class datagram_mailbox final : public datagram_protocol, pinned {
public:
    explicit datagram_mailbox(std::size_t limit) : incoming(limit) {}

    queue<std::variant<datagram, std::error_code>> incoming;
    drain_gate gate;
    std::uint64_t overflowed = 0;
    datagram_transport* transport = nullptr;

    void connection_made(datagram_transport& made) override { transport = &made; }
    void datagram_received(bytes_view data, const endpoint& sender) override {
        if (incoming.full()) {
            ++overflowed;
        } else {
            incoming.put_nowait(datagram{bytearray(data), sender});
        }
    }
    // When the queue is full, the next datagrams tell as much.
    void error_received(std::error_code reason) override {
        if (!incoming.full()) incoming.put_nowait(reason);
    }
    void connection_lost(std::exception_ptr reason) override {
        transport = nullptr;
        incoming.shutdown();
        gate.lose(std::move(reason));
    }
    void pause_writing() override { gate.pause(); }
    void resume_writing() override { gate.resume(); }
};

}  // namespace detail

/// A datagram endpoint for coroutines. Copies refer to the same one; it is closed when the last of them is gone.
///
/// Asyncio: has none. Concurrency: one loop; any number of tasks may send and receive, each datagram goes to one.
/// Example:
///     aioxx::datagram_socket udp = co_await aioxx::open_datagram_socket({.local_address = address});
///     for (;;) {
///         const aioxx::datagram request = co_await udp.receive_from();
///         co_await udp.send_to(request.data, request.sender);
///     }
class datagram_socket {
    using mailbox = detail::datagram_mailbox;

public:
    explicit datagram_socket(std::shared_ptr<detail::datagram_mailbox> box) : owner_(std::make_shared<owner>(std::move(box))) {}

    /// The next datagram, whole; an empty one is one too.
    ///
    /// Errors: broken_error when the system reports one, that nobody listens at the peer for example: the socket goes on,
    /// and so may the caller; closed_error after the end.
    /// Cancellation: safe. Nothing is lost.
    [[nodiscard]] coro<datagram> receive_from() const { return receive_from(owner_); }

    /// The payload of the next datagram. Errors and cancellation: as receive_from.
    [[nodiscard]] coro<bytearray> receive() const { return receive(owner_); }

    /// Sends a datagram, and waits while more is queued than the water marks allow.
    ///
    /// Lifetime: `data` is the caller's again when it returns.
    /// Errors: std::invalid_argument as datagram_transport::sendto; what the system refuses comes with receive_from;
    /// the reason of the end afterwards. Cancellation: safe: the datagram is on its way, only the waiting ends.
    [[nodiscard]] drain_gate::awaiter send_to(bytes_view data, const endpoint& receiver) const {
        return send(data, std::optional<endpoint>(receiver));
    }
    /// Likewise to the remote address of the socket.
    /// Cancellation: as send_to.
    [[nodiscard]] drain_gate::awaiter send(bytes_view data) const { return send(data, std::nullopt); }

    /// Waits until the queue of what is to be sent has sunk to the low water mark. Cancellation: safe.
    [[nodiscard]] drain_gate::awaiter drain() const { return box().gate.drain(); }

    /// Ends it when everything queued is sent. What has arrived can still be received. Idempotent.
    void close() const {
        if (auto* open = transport()) open->close();
    }
    /// Ends it at once. Idempotent.
    void abort() const {
        if (auto* open = transport()) open->abort();
    }
    /// Returns when it is over. Errors: none. Cancellation: safe.
    [[nodiscard]] event::awaiter wait_closed() const { return box().gate.wait_closed(); }
    [[nodiscard]] bool is_closing() const noexcept {
        const auto* open = transport();
        return open == nullptr || open->is_closing();
    }

    /// Facts about the socket, as transports give them. Nothing after its end.
    template <class Key>
    [[nodiscard]] auto get_extra_info(const Key& key) const {
        const auto* open = transport();
        return open != nullptr ? open->get_extra_info(key) : decltype(open->get_extra_info(key)){};
    }
    /// Our address. Errors: closed_error after the end.
    [[nodiscard]] endpoint local_address() const {
        const auto address = get_extra_info(extra_info::sockname);
        if (!address) throw closed_error("local_address: the datagram socket is closed");
        return *address;
    }

    /// Datagrams that were dropped because the queue of those that wait to be received was full.
    [[nodiscard]] std::uint64_t overflowed() const noexcept { return box().overflowed; }
    /// Datagrams that wait to be received.
    [[nodiscard]] std::size_t waiting() const noexcept { return box().incoming.qsize(); }

    /// The transport, or null after the end.
    [[nodiscard]] datagram_transport* transport() const noexcept { return box().transport; }

private:
    struct owner : pinned {
        explicit owner(std::shared_ptr<mailbox> held) : box(std::move(held)) {}
        ~owner() {
            if (box->transport != nullptr) box->transport->close();
        }
        std::shared_ptr<mailbox> box;
    };

    [[nodiscard]] mailbox& box() const noexcept { return *owner_->box; }

    drain_gate::awaiter send(bytes_view data, const std::optional<endpoint>& receiver) const {
        datagram_transport* open = transport();
        if (open != nullptr) {
            open->sendto(data, receiver);
            if (open->is_closing()) box().gate.refuse();
        }
        return box().gate.drain(data.size());
    }

    static coro<datagram> receive_from(std::shared_ptr<owner> held) {
        try {
            auto next = co_await held->box->incoming.get();
            if (const auto* failure = std::get_if<std::error_code>(&next)) throw broken_error(*failure, "datagram socket");
            co_return std::get<datagram>(std::move(next));
        } catch (const queue_shut_down&) {
            throw closed_error("receive_from: the datagram socket is closed");
        }
    }
    static coro<bytearray> receive(std::shared_ptr<owner> held) {
        datagram next = co_await receive_from(std::move(held));
        co_return std::move(next.data);
    }

    std::shared_ptr<owner> owner_;
};

/// How many datagrams wait to be received at most, unless open_datagram_socket is told otherwise.
inline constexpr std::size_t default_datagram_queue = 1024;

/// Opens a datagram socket.
///
/// Parameters: `options` as create_datagram_endpoint; `queue` the most datagrams that wait to be received: what comes
/// when it is full is dropped and counted.
/// Errors and cancellation: as create_datagram_endpoint; std::invalid_argument for a queue of none.
[[nodiscard]] inline coro<datagram_socket> open_datagram_socket(datagram_options options,
                                                                std::size_t queue = default_datagram_queue) {
    if (queue == 0) throw std::invalid_argument("open_datagram_socket: expected room for one datagram at least, got 0");
    auto made = co_await create_datagram_endpoint([queue] { return std::make_shared<detail::datagram_mailbox>(queue); },
                                                  options);
    co_return datagram_socket(std::move(made.protocol));
}

/// Likewise towards a host by its name.
/// Errors and cancellation: as create_datagram_endpoint.
[[nodiscard]] inline coro<datagram_socket> open_datagram_socket(std::string remote_host, std::uint16_t remote_port,
                                                                datagram_options options = {},
                                                                std::size_t queue = default_datagram_queue) {
    if (queue == 0) throw std::invalid_argument("open_datagram_socket: expected room for one datagram at least, got 0");
    auto made = co_await create_datagram_endpoint([queue] { return std::make_shared<detail::datagram_mailbox>(queue); },
                                                  std::move(remote_host), remote_port, options);
    co_return datagram_socket(std::move(made.protocol));
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/datagram.hpp: datagram endpoints, UDP and Unix: find the addresses, make a socket, and join a protocol to a
// transport.

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/io/datagram_transport.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/net/resolver.hpp>
#include <aioxx/net/socket_options.hpp>
#include <aioxx/transports/datagram.hpp>

namespace aioxx {

/// A datagram transport and its protocol, made together.
template <class Protocol>
struct datagram_endpoint {
    std::shared_ptr<datagram_transport> transport;
    std::shared_ptr<Protocol> protocol;
};

/// How to make a datagram endpoint.
struct datagram_options {
    std::optional<endpoint> local_address = {};   ///< bound to; none lets the system choose when something is sent
    std::optional<endpoint> remote_address = {};  ///< connected to: others are not heard, and errors are told
    int family = AF_UNSPEC;                       ///< needed when neither address is given
    bool reuse_port = false;                      ///< SO_REUSEPORT: several endpoints share the port
    bool allow_broadcast = false;  ///< SO_BROADCAST; the remote address is then only the usual receiver
    std::optional<int> receive_buffer_size = {};  ///< SO_RCVBUF, bytes
    std::optional<int> send_buffer_size = {};     ///< SO_SNDBUF, bytes
};

namespace detail {

inline unique_fd make_datagram_socket(const datagram_options& options) {
    const std::optional<endpoint>& local = options.local_address;
    const std::optional<endpoint>& remote = options.remote_address;
    int family = options.family;
    for (const std::optional<endpoint>* address : {&local, &remote}) {
        if (!*address) continue;
        if (family != AF_UNSPEC && family != (*address)->family()) {
            throw std::invalid_argument("create_datagram_endpoint: " + to_string(**address) +
                                        " is of another family than the other address, or than the one asked for");
        }
        family = (*address)->family();
    }
    if (family == AF_UNSPEC) {
        throw std::invalid_argument("create_datagram_endpoint: expected an address or a family, got neither");
    }
    unique_fd fd = new_socket(family, SOCK_DGRAM);
    if (options.reuse_port) set_socket_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
    if (options.allow_broadcast) set_socket_option(fd.get(), SOL_SOCKET, SO_BROADCAST, 1, "SO_BROADCAST");
    socket_options sizes;
    sizes.receive_buffer_size = options.receive_buffer_size;
    sizes.send_buffer_size = options.send_buffer_size;
    sizes.nodelay = std::nullopt;
    apply(sizes, fd.get(), family);
    if (local) {
        if (family == AF_UNIX) remove_stale_socket(*local, SOCK_DGRAM);
        if (::bind(fd.get(), local->data(), local->size()) != 0) {
            throw_system_error(errno, "cannot bind to " + to_string(*local));
        }
    }
    if (remote && !options.allow_broadcast && ::connect(fd.get(), remote->data(), remote->size()) != 0) {
        throw_system_error(errno, "cannot connect to " + to_string(*remote));
    }
    return fd;
}

template <class Protocol>
coro<datagram_endpoint<Protocol>> join_datagrams(unique_fd socket, std::shared_ptr<Protocol> served,
                                                 std::optional<endpoint> receiver) {
    auto made = std::make_shared<datagram_socket_transport>(get_running_loop(), std::move(socket), served,
                                                            std::move(receiver));
    const future<> connected = create_future();
    made->start([connected] {
        if (!connected.done()) connected.set_result();
    });
    try {
        co_await connected;
    } catch (...) {  // a cancellation: the endpoint ends with it
        made->close();
        throw;
    }
    co_return datagram_endpoint<Protocol>{std::move(made), std::move(served)};
}

}  // namespace detail

/// Makes a datagram endpoint and joins a protocol of the factory to it.
///
/// A Unix socket's file that nobody uses any more is replaced; the new one stays at the end.
/// Returns: the pair, after connection_made was called. The factory is called once, after the socket stands.
/// Errors: std::invalid_argument for addresses of two families, and for neither address nor family; broken_error
/// naming the address that could not be bound or connected.
/// Cancellation: safe; the socket is closed. Asyncio: loop.create_datagram_endpoint.
template <protocol_factory Factory>
coro<datagram_endpoint<made_protocol<Factory>>> create_datagram_endpoint(Factory factory, datagram_options options) {
    unique_fd fd = detail::make_datagram_socket(options);
    std::optional<endpoint> receiver = options.allow_broadcast ? options.remote_address : std::nullopt;
    co_return co_await detail::join_datagrams(std::move(fd), factory(), std::move(receiver));
}

/// Likewise towards a host by its name; its addresses are tried in order.
///
/// Parameters: `options` without a remote address.
/// Errors: also broken_error when the host cannot be resolved; the first one when every address fails.
/// Cancellation: as above.
template <protocol_factory Factory>
coro<datagram_endpoint<made_protocol<Factory>>> create_datagram_endpoint(Factory factory, std::string remote_host,
                                                                         std::uint16_t remote_port,
                                                                         datagram_options options = {}) {
    resolve_options how;
    how.family = options.local_address ? options.local_address->family() : options.family;
    how.type = SOCK_DGRAM;
    const std::vector<endpoint> addresses = co_await resolve(std::move(remote_host), remote_port, how);
    std::optional<broken_error> first;
    unique_fd fd;
    for (const endpoint& address : addresses) {
        options.remote_address = address;
        try {
            fd = detail::make_datagram_socket(options);
            break;
        } catch (const broken_error& failure) {
            if (!first) first = failure;
        }
    }
    if (!fd) throw first.value();
    std::optional<endpoint> receiver = options.allow_broadcast ? options.remote_address : std::nullopt;
    co_return co_await detail::join_datagrams(std::move(fd), factory(), std::move(receiver));
}

/// Likewise on a datagram socket of the caller's, bound and connected as it is.
///
/// Parameters: `socket` is the transport's from now on, and is made non-blocking.
/// Errors: std::invalid_argument when it is not a datagram socket, which is closed then.
/// Cancellation: as above. Asyncio: create_datagram_endpoint(sock=).
template <protocol_factory Factory>
coro<datagram_endpoint<made_protocol<Factory>>> create_datagram_endpoint(Factory factory, unique_fd socket) {
    detail::require_socket_type(socket.get(), SOCK_DGRAM, "create_datagram_endpoint: a datagram socket was expected");
    detail::make_non_blocking(socket.get());
    co_return co_await detail::join_datagrams(std::move(socket), factory(), std::nullopt);
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/listen.hpp: makes servers: resolve, bind one socket per address, and serve a protocol factory on them.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/resolver.hpp>
#include <aioxx/net/server.hpp>
#include <aioxx/net/socket_options.hpp>

namespace aioxx {

/// How to listen.
struct listen_options {
    int family = AF_UNSPEC;            ///< restricts the addresses of the host
    int backlog = 100;                 ///< connections that the system queues; also the most accepted in one turn
    bool reuse_address = true;         ///< SO_REUSEADDR: a restart does not wait for old connections to expire
    bool reuse_port = false;           ///< SO_REUSEPORT: several servers share the port
    bool start_serving = true;         ///< accept at once
    bool cleanup_socket = true;        ///< remove a Unix socket's file on close
    std::size_t max_connections = 0;   ///< more wait in the system's queue; 0 is no limit
    socket_options options = {};       ///< of each accepted connection
};

namespace detail {

// Binds one TCP socket. No socket when the system does not know the family or the address is not there.
inline unique_fd bind_tcp(const endpoint& address, const listen_options& options) {
    unique_fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) {
        if (errno == EAFNOSUPPORT) return fd;
        throw_system_error(errno, "cannot create a socket for " + to_string(address));
    }
    if (options.reuse_address) set_socket_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (options.reuse_port) set_socket_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
    if (address.family() == AF_INET6) set_socket_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
    if (::bind(fd.get(), address.data(), address.size()) != 0) {
        if (errno == EADDRNOTAVAIL) return {};
        throw_system_error(errno, "cannot bind to " + to_string(address));
    }
    return fd;
}

// Binds all addresses. For port 0 the system chooses once and the others take the same port; somebody else may
// hold it there, then the choice is made again.
inline std::vector<unique_fd> bind_all(const std::vector<endpoint>& addresses, const listen_options& options) {
    constexpr int attempts = 20;
    for (int attempt = 1;; ++attempt) {
        std::vector<unique_fd> bound;
        std::uint16_t chosen = 0;
        try {
            for (endpoint address : addresses) {
                if (address.port() == 0 && chosen != 0) address = address.with_port(chosen);
                unique_fd fd = bind_tcp(address, options);
                if (!fd) continue;
                if (chosen == 0) chosen = endpoint::local_of(fd.get()).value().port();
                bound.push_back(std::move(fd));
            }
            return bound;
        } catch (const broken_error& failure) {
            const bool other_family_taken = failure.code() == std::errc::address_in_use && !bound.empty() &&
                                            addresses.front().port() == 0;
            if (!other_family_taken || attempt == attempts) throw;
        }
    }
}

// A socket file that nobody listens on any more stands in the way of bind; anything else there stays.
inline void remove_stale_socket(const endpoint& address) {
    if (address.is_abstract()) return;
    const std::string path(address.path());
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) ::unlink(path.c_str());
}

inline std::shared_ptr<server_state> new_server(server_state::factory_function factory,
                                                const listen_options& options) {
    return std::make_shared<server_state>(get_running_loop(), std::move(factory), options.options,
                                          options.max_connections);
}

}  // namespace detail

/// Listens on the addresses of a host and serves each connection with a protocol of the factory.
///
/// Parameters: `host` a name, an address, or empty for all interfaces; `port` 0 lets the system choose one, the
/// same for all families.
/// Returns: the server, which lives until it is closed. Errors: broken_error naming the address that could not be
/// bound; everything bound before is closed. Cancellation: safe.
/// Asyncio: loop.create_server; one port for all families.
template <protocol_factory Factory>
coro<server> create_server(Factory factory, std::string host, std::uint16_t port, listen_options options = {}) {
    const std::vector<endpoint> addresses =
        co_await resolve(host, port, {.family = options.family, .for_listening = true});
    std::vector<unique_fd> bound = detail::bind_all(addresses, options);
    if (bound.empty()) {
        throw broken_error(std::make_error_code(std::errc::address_not_available),
                           "cannot bind to any address of \"" + host + "\"");
    }
    auto state = detail::new_server(std::move(factory), options);
    for (unique_fd& fd : bound) state->add_socket(std::move(fd), options.backlog);
    if (options.start_serving) state->start();
    co_return server(std::move(state));
}

/// Listens on a Unix socket. Parameters: `path` of the socket; a leading NUL names an abstract one.
///
/// A socket file that is left over is replaced; any other file stays and the call fails.
/// Errors: broken_error naming the path. Asyncio: loop.create_unix_server.
template <protocol_factory Factory>
coro<server> create_unix_server(Factory factory, std::string path, listen_options options = {}) {
    const endpoint address = endpoint::from_path(path);
    detail::remove_stale_socket(address);
    unique_fd fd = detail::new_socket(AF_UNIX, SOCK_STREAM);
    if (::bind(fd.get(), address.data(), address.size()) != 0) {
        throw_system_error(errno, "cannot bind to " + to_string(address));
    }
    auto state = detail::new_server(std::move(factory), options);
    state->add_socket(std::move(fd), options.backlog);
    if (options.cleanup_socket && !address.is_abstract()) state->add_file(path);
    if (options.start_serving) state->start();
    co_return server(std::move(state));
}

}  // namespace aioxx

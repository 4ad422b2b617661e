// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/listen.hpp: makes servers: resolve, bind one socket per address, and serve a protocol factory on them.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
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

inline std::uint16_t port_of(const unique_fd& bound, const endpoint& address) {
    const std::optional<endpoint> local = endpoint::local_of(bound.get());
    if (!local) throw_system_error(errno, "cannot learn the port of " + to_string(address));
    return local->port();
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
                if (chosen == 0) chosen = port_of(fd, address);
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
inline void remove_stale_socket(const endpoint& address, int type = SOCK_STREAM) {
    if (address.is_abstract()) return;
    const std::string path(address.path());
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
    const unique_fd probe = new_socket(AF_UNIX, type);
    if (::connect(probe.get(), address.data(), address.size()) != 0 && errno == ECONNREFUSED) ::unlink(path.c_str());
}

inline coro<std::vector<endpoint>> resolve_all(std::vector<std::string> hosts, std::uint16_t port, int family) {
    std::vector<endpoint> addresses;
    for (const std::string& host : hosts) {
        const std::vector<endpoint> found = co_await resolve(host, port, {.family = family, .for_listening = true});
        for (const endpoint& address : found) {
            if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
        }
    }
    co_return addresses;
}

inline std::string list_of(const std::vector<std::string>& hosts) {
    std::string text;
    for (const std::string& host : hosts) text += (text.empty() ? "\"" : ", \"") + host + "\"";
    return text;
}

// What is served, and how.
struct service {
    server_state::factory_function factory;
    server_state::layer_function layer;
    listen_options options;
};

inline server serve_on(service served, std::vector<unique_fd> bound, const std::string& file = {}) {
    const listen_options& options = served.options;
    auto state = std::make_shared<server_state>(get_running_loop(), std::move(served.factory), options.options,
                                                options.max_connections, std::move(served.layer));
    for (unique_fd& fd : bound) state->add_socket(std::move(fd), options.backlog);
    if (options.cleanup_socket && !file.empty()) state->add_file(file);
    if (options.start_serving) state->start();
    return server(std::move(state));
}

inline server serve_on(service served, unique_fd bound, const std::string& file) {
    std::vector<unique_fd> only;
    only.push_back(std::move(bound));
    return serve_on(std::move(served), std::move(only), file);
}

inline coro<server> serve_on_hosts(service served, std::vector<std::string> hosts, std::uint16_t port) {
    if (hosts.empty()) throw std::invalid_argument("create_server: expected at least one host, got an empty list");
    const std::vector<endpoint> addresses = co_await resolve_all(hosts, port, served.options.family);
    std::vector<unique_fd> bound = bind_all(addresses, served.options);
    if (bound.empty()) {
        throw broken_error(std::make_error_code(std::errc::address_not_available),
                           "cannot bind to any address of " + list_of(hosts));
    }
    co_return serve_on(std::move(served), std::move(bound));
}

inline server serve_on_socket(service served, unique_fd socket) {
    require_socket_type(socket.get(), SOCK_STREAM, "create_server: a bound stream socket was expected");
    make_non_blocking(socket.get());
    const endpoint address = endpoint::local_of(socket.get()).value_or(endpoint{});
    std::string file;
    if (address.family() == AF_UNIX && !address.is_abstract()) file = address.path();
    return serve_on(std::move(served), std::move(socket), file);
}

inline server serve_on_path(service served, const std::string& path) {
    const endpoint address = endpoint::from_path(path);
    remove_stale_socket(address);
    unique_fd fd = new_socket(AF_UNIX, SOCK_STREAM);
    if (::bind(fd.get(), address.data(), address.size()) != 0) {
        throw_system_error(errno, "cannot bind to " + to_string(address));
    }
    return serve_on(std::move(served), std::move(fd), address.is_abstract() ? std::string() : path);
}

}  // namespace detail

/// Listens on the addresses of several hosts and serves each connection with a protocol of the factory.
///
/// Parameters: `hosts` names, addresses, or empty for all interfaces; an address that comes twice is bound once;
/// `port` 0 lets the system choose one, the same for all.
/// Returns: the server, which lives until it is closed. Errors: std::invalid_argument without a host; broken_error
/// naming the address that could not be bound; everything bound before is closed. Cancellation: safe.
/// Asyncio: loop.create_server; one port for all families.
template <protocol_factory Factory>
coro<server> create_server(Factory factory, std::vector<std::string> hosts, std::uint16_t port,
                           listen_options options = {}) {
    detail::service served{std::move(factory), {}, options};
    co_return co_await detail::serve_on_hosts(std::move(served), std::move(hosts), port);
}

/// Listens on the addresses of one host. Errors and cancellation: as the form with several.
template <protocol_factory Factory>
coro<server> create_server(Factory factory, std::string host, std::uint16_t port, listen_options options = {}) {
    std::vector<std::string> only(1, std::move(host));
    co_return co_await create_server(std::move(factory), std::move(only), port, options);
}

/// Listens on a stream socket that is bound already, of any family; one that listens already as well.
///
/// Parameters: `socket` is the server's from now on, and is made non-blocking. The file of a Unix one is removed at
/// the end, unless options.cleanup_socket says no.
/// Errors: std::invalid_argument when it is not a stream socket, which is closed then. Cancellation: safe; it does not wait.
/// Asyncio: create_server(sock=) and create_unix_server(sock=).
template <protocol_factory Factory>
coro<server> create_server(Factory factory, unique_fd socket, listen_options options = {}) {
    detail::service served{std::move(factory), {}, options};
    co_return detail::serve_on_socket(std::move(served), std::move(socket));
}

/// Listens on a Unix socket. Parameters: `path` of the socket; a leading NUL names an abstract one.
///
/// A socket file that nobody listens on is replaced; any other file stays and the call fails.
/// Errors: broken_error naming the path. Cancellation: safe; it does not wait.
/// Asyncio: loop.create_unix_server, which takes the file from a living server.
template <protocol_factory Factory>
coro<server> create_unix_server(Factory factory, std::string path, listen_options options = {}) {
    detail::service served{std::move(factory), {}, options};
    co_return detail::serve_on_path(std::move(served), path);
}

}  // namespace aioxx

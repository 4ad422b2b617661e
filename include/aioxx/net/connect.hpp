// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/connect.hpp: client connections: resolve, connect by happy eyeballs, and join a protocol to a transport.
// The user gives a protocol factory and gets the pair; transports are never constructed by hand.

#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/net/address_order.hpp>
#include <aioxx/net/fd_wait.hpp>
#include <aioxx/net/resolver.hpp>
#include <aioxx/net/socket_options.hpp>
#include <aioxx/tasks/wait.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx {

/// A transport and its protocol, made together.
template <class Protocol>
struct connection {
    std::shared_ptr<aioxx::transport> transport;
    std::shared_ptr<Protocol> protocol;
};

/// Makes protocols: callable without arguments, gives a std::shared_ptr to a stream protocol.
template <class Factory>
concept protocol_factory =
    std::invocable<Factory&> && std::convertible_to<std::invoke_result_t<Factory&>, std::shared_ptr<base_protocol>>;

template <protocol_factory Factory>
using made_protocol = typename std::invoke_result_t<Factory&>::element_type;

/// How to connect.
struct connect_options {
    int family = AF_UNSPEC;                  ///< restricts the addresses tried
    /// Bound before connecting; its port may be 0. Addresses of another family then fail.
    std::optional<endpoint> local_address = {};
    std::optional<duration> timeout = {};    ///< for look-up and connecting together; none waits as the system does
    /// The next address is tried after this time without an answer; none tries strictly one after the other.
    std::optional<duration> happy_eyeballs_delay = std::chrono::milliseconds(250);
    std::size_t interleave = 1;              ///< addresses of the first family before the others take turns
    socket_options options = {};
};

/// No address of a host could be connected to. Lists every attempt.
class connect_error : public broken_error {
public:
    struct attempt {
        endpoint address;
        std::error_code code;
        std::optional<endpoint> local = {};  ///< the local address, when that could not be bound
    };

    connect_error(const std::string& target, std::vector<attempt> attempts)
        : broken_error(attempts.empty() ? std::make_error_code(std::errc::address_not_available)
                                        : attempts.front().code,
                       text(target, attempts)),
          attempts_(std::move(attempts)) {}

    [[nodiscard]] const std::vector<attempt>& attempts() const noexcept { return attempts_; }

private:
    static std::string text(const std::string& target, const std::vector<attempt>& attempts) {
        std::string line = "cannot connect to " + target;
        if (attempts.size() == 1) line += origin(attempts.front());
        if (attempts.size() < 2) return line;
        const char* separator = " (";
        for (const attempt& tried : attempts) {
            line += separator + to_string(tried.address) + origin(tried) + ": " + tried.code.message();
            separator = ", ";
        }
        return line + ")";
    }
    static std::string origin(const attempt& tried) { return tried.local ? " from " + to_string(*tried.local) : ""; }

    std::vector<attempt> attempts_;
};

namespace detail {

inline unique_fd new_socket(int family, int type) {
    unique_fd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) throw_system_error(errno, "cannot create a socket");
    return fd;
}

inline bool is_writable_now(int fd) noexcept {
    pollfd state{fd, POLLOUT, 0};
    return ::poll(&state, 1, 0) == 1;
}

class bind_error final : public broken_error {
    using broken_error::broken_error;
};

// One attempt. A socket that is not returned is closed.
// Errors: bind_error when it is the local address that does not work; broken_error.
inline coro<unique_fd> connect_one(endpoint address, connect_options options) {
    unique_fd fd = new_socket(address.family(), SOCK_STREAM);
    apply(options.options, fd.get(), address.family());
    if (options.local_address) {
        const endpoint& local = *options.local_address;
        if (::bind(fd.get(), local.data(), local.size()) != 0) {
            throw bind_error(std::error_code(errno, std::system_category()), "cannot bind to " + to_string(local));
        }
    }
    if (::connect(fd.get(), address.data(), address.size()) != 0) {
        if (errno != EINPROGRESS) throw_system_error(errno, "cannot connect to " + to_string(address));
        fd_watch watch(fd.get());
        while (!is_writable_now(fd.get())) {
            co_await watch.wait_writable();
        }
        int code = 0;
        socklen_t size = sizeof code;
        if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
        if (code != 0) throw_system_error(code, "cannot connect to " + to_string(address));
    }
    co_return fd;
}

inline connect_error::attempt failed_attempt(const endpoint& address, const connect_options& options,
                                             const broken_error& failure) {
    const bool unbound = dynamic_cast<const bind_error*>(&failure) != nullptr;
    return {address, failure.code(), unbound ? options.local_address : std::nullopt};
}

// What the attempts of one connect share. Each is a task of its own; all have ended before the result is given.
struct connect_race {
    unique_fd winner;
    std::vector<connect_error::attempt> failures;
    std::exception_ptr unexpected;
};

inline coro<> run_attempt(connect_race& race, endpoint address, connect_options options) {
    try {
        unique_fd fd = co_await connect_one(address, options);
        if (!race.winner) race.winner = std::move(fd);
    } catch (const broken_error& failure) {
        race.failures.push_back(failed_attempt(address, options, failure));
    } catch (const std::exception&) {
        race.unexpected = std::current_exception();
    }
}

inline std::vector<task<>> not_done(const std::vector<task<>>& tasks) {
    std::vector<task<>> running;
    for (const task<>& each : tasks) {
        if (!each.done()) running.push_back(each);
    }
    return running;
}

// Tries the addresses in order, each a delay after the one before or as soon as that has failed (RFC 8305, 5).
inline coro<> run_race(connect_race& race, std::vector<endpoint> addresses, connect_options options,
                       std::vector<task<>>& attempts) {
    for (std::size_t next = 0; !race.winner;) {
        if (next < addresses.size()) {
            attempts.push_back(create_task(run_attempt(race, addresses[next], options), "connect attempt"));
            ++next;
        }
        std::vector<task<>> running = not_done(attempts);
        if (running.empty()) co_return;
        wait_options until_change{.timeout = {}, .when = return_when::first_completed};
        if (next < addresses.size()) until_change.timeout = options.happy_eyeballs_delay;
        co_await wait(std::move(running), until_change);
    }
}

// Errors: cancelled_error when the task that waits here is cancelled, which looks like an attempt's own end.
inline coro<> end_attempts(std::vector<task<>>& attempts) {
    const auto requests = [] { return current_task() != nullptr ? current_task()->delivered() : 0; };
    const int before = requests();
    for (const task<>& attempt : attempts) attempt.cancel();
    for (const task<>& attempt : attempts) {
        if (attempt.done()) continue;
        try {
            co_await attempt;
        } catch (const cancelled_error&) {
        }
    }
    if (requests() > before) throw cancelled_error();
}

inline coro<unique_fd> connect_any(std::vector<endpoint> addresses, std::string target, connect_options options) {
    if (addresses.size() == 1) {
        try {
            co_return co_await connect_one(addresses.front(), options);
        } catch (const broken_error& failure) {
            throw connect_error(target, {failed_attempt(addresses.front(), options, failure)});
        }
    }
    connect_race race;
    std::vector<task<>> attempts;
    std::exception_ptr failure;
    try {
        co_await run_race(race, interleave_families(std::move(addresses), options.interleave), options, attempts);
    } catch (...) {  // a cancellation: thrown on below
        failure = std::current_exception();
    }
    co_await end_attempts(attempts);
    if (failure) std::rethrow_exception(failure);
    if (race.winner) co_return std::move(race.winner);
    if (race.unexpected) std::rethrow_exception(race.unexpected);
    if (race.failures.empty() && !attempts.empty()) throw cancelled_error();  // somebody has cancelled all of them
    throw connect_error(target, std::move(race.failures));
}

inline coro<unique_fd> connect_to_path(std::string path, connect_options options) {
    const endpoint address = endpoint::from_path(path);
    std::vector<endpoint> only(1, address);
    co_return co_await connect_any(std::move(only), to_string(address), std::move(options));
}

inline coro<unique_fd> resolve_and_connect(std::string host, std::uint16_t port, connect_options options) {
    std::vector<endpoint> addresses = co_await resolve(host, port, {.family = options.family});
    co_return co_await connect_any(std::move(addresses), host + ":" + std::to_string(port), options);
}

inline void require_socket_type(int fd, int type, const char* expected) {
    int found = 0;
    socklen_t size = sizeof found;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &found, &size) != 0 || found != type) {
        throw std::invalid_argument(expected);
    }
}

// A callback that ends a future: with the exception that it is given, or without one.
inline auto settling(future<> outcome) {
    return [outcome = std::move(outcome)](std::exception_ptr failure) {
        if (outcome.done()) return;
        if (failure) {
            outcome.set_exception(std::move(failure));
        } else {
            outcome.set_result();
        }
    };
}

// Joins a protocol to a channel and returns when connection_made has been called.
template <class Protocol>
coro<connection<Protocol>> establish(std::unique_ptr<stream_channel> channel, std::shared_ptr<Protocol> served) {
    auto made = std::make_shared<stream_transport>(get_running_loop(), std::move(channel), served);
    future<> connected = create_future();
    try {
        made->start(settling(connected));
        co_await connected;
    } catch (...) {  // a cancellation: the connection ends with it
        connected.cancel();
        made->close();
        throw;
    }
    co_return connection<Protocol>{std::move(made), std::move(served)};
}

}  // namespace detail

/// Connects to a host and port over TCP and joins a protocol of the factory to the transport.
///
/// The factory is called once, after the connection stands. Numeric hosts need no look-up.
/// Returns: the pair, after connection_made was called.
/// Errors: broken_error when the host cannot be resolved; connect_error listing each address tried;
/// timeout_error after options.timeout. Cancellation: safe; every socket is closed.
/// Asyncio: loop.create_connection; happy eyeballs are on.
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> create_connection(Factory factory, std::string host, std::uint16_t port,
                                                           connect_options options = {}) {
    const std::optional<duration> limit = options.timeout;
    unique_fd fd = co_await wait_for(detail::resolve_and_connect(std::move(host), port, std::move(options)), limit);
    auto channel = std::make_unique<socket_channel>(get_running_loop(), std::move(fd));
    co_return co_await detail::establish(std::move(channel), factory());
}

/// Connects to a Unix socket. Parameters: `path` of the socket; a leading NUL names an abstract one.
///
/// Errors and cancellation as create_connection. Asyncio: loop.create_unix_connection.
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> create_unix_connection(Factory factory, std::string path,
                                                                connect_options options = {}) {
    const std::optional<duration> limit = options.timeout;
    unique_fd fd = co_await wait_for(detail::connect_to_path(std::move(path), std::move(options)), limit);
    auto channel = std::make_unique<socket_channel>(get_running_loop(), std::move(fd));
    co_return co_await detail::establish(std::move(channel), factory());
}

/// Joins a protocol to a stream socket that is connected already, accepted elsewhere for example.
///
/// Parameters: `socket` is the transport's from now on, and is made non-blocking.
/// Errors: std::invalid_argument when it is not a stream socket; it is closed then. Cancellation: closes the socket.
/// Asyncio: loop.connect_accepted_socket, and create_connection(sock=).
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> connect_accepted_socket(Factory factory, unique_fd socket) {
    detail::require_socket_type(socket.get(), SOCK_STREAM, "connect_accepted_socket: a connected stream socket was expected");
    detail::make_non_blocking(socket.get());
    auto channel = std::make_unique<socket_channel>(get_running_loop(), std::move(socket));
    co_return co_await detail::establish(std::move(channel), factory());
}

}  // namespace aioxx

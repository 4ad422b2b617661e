// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/sock_ops.hpp: asyncio's low-level operations on sockets that stay the program's: loop.sock_recv and the like.
// Each tries the system call first and waits when that would block. The call is made by the task that waits, after it
// has resumed: a cancellation loses neither bytes nor accepted connections. Any number of tasks may wait on a socket.

#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/backend.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/datagram_protocol.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/transport_socket.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/fd_wait.hpp>
#include <aioxx/net/resolver.hpp>
#include <aioxx/sync/wait_queue.hpp>
#include <aioxx/transports/fd_channel.hpp>

namespace aioxx {

namespace detail {

// Those who wait on one socket. Watched only while somebody does.
class watched_socket final : private fd_handler, pinned {
public:
    watched_socket(event_loop& loop, int fd) : watcher_(loop.system().watch(fd, *this)) {}

    wait_queue readers;
    wait_queue writers;
    std::size_t users = 0;

    void watch(readiness what) {
        bool& armed = what == readiness::readable ? reading_ : writing_;
        if (std::exchange(armed, true)) return;
        what == readiness::readable ? watcher_->await_readable() : watcher_->await_writable();
    }

private:
    void on_readable() override {
        reading_ = false;
        readers.wake_all();
    }
    void on_writable() override {
        writing_ = false;
        writers.wake_all();
    }

    fd_watcher_ptr watcher_;
    bool reading_ = false;
    bool writing_ = false;
};

// All of a loop.
class watched_sockets : pinned {
public:
    explicit watched_sockets(event_loop& loop) noexcept : loop_(loop) {}

    watched_socket& use(int fd) {
        auto& found = sockets_[fd];
        const scope_exit no_trace([&] {
            if (!found) sockets_.erase(fd);
        });
        if (!found) found = std::make_unique<watched_socket>(loop_, fd);
        ++found->users;
        return *found;
    }
    void leave(int fd) noexcept {
        const auto found = sockets_.find(fd);
        if (found != sockets_.end() && --found->second->users == 0) sockets_.erase(found);
    }

private:
    event_loop& loop_;
    std::map<int, std::unique_ptr<watched_socket>> sockets_;
};

// One operation's use of a socket.
class socket_use : pinned {
public:
    // Errors: std::invalid_argument for no socket, and in debug mode for one that blocks.
    socket_use(int fd, const char* operation) : loop_(get_running_loop()), fd_(fd) {
        if (fd < 0) throw std::invalid_argument(std::string(operation) + ": expected a socket, got " + std::to_string(fd));
        if (loop_.debug() && (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0) {
            throw std::invalid_argument(std::string(operation) + ": the socket must be non-blocking");
        }
    }
    ~socket_use() {
        if (watched_ != nullptr && !loop_.is_closed()) loop_.extension<watched_sockets>().leave(fd_);
    }

    class waiter final : public wait_queue::entry {
    public:
        waiter(watched_socket& on, readiness what) noexcept
            : entry(what == readiness::readable ? on.readers : on.writers), what_(what) {}
        ~waiter() { leave(); }

        static constexpr bool await_ready() noexcept { return false; }
        void await_resume() {
            leave();
            throw_if_cancelled();
        }

    private:
        const char* waits_for() const noexcept override {
            return what_ == readiness::readable ? "a readable socket" : "a writable socket";
        }
        readiness what_;
    };

    // Waits until it may be tried again. Requires: the last attempt would have blocked.
    [[nodiscard]] waiter until(readiness what) {
        if (watched_ == nullptr) watched_ = &loop_.extension<watched_sockets>().use(fd_);
        watched_->watch(what);
        return waiter(*watched_, what);
    }

private:
    event_loop& loop_;
    int fd_;
    watched_socket* watched_ = nullptr;
};

[[nodiscard]] inline bool would_block(int code) noexcept { return code == EAGAIN || code == EWOULDBLOCK; }

// Repeats a call that returns -1 with EAGAIN until it does not. Errors: broken_error naming the operation.
template <class Call>
coro<std::size_t> repeat_call(int fd, readiness what, const char* operation, Call call) {
    socket_use socket(fd, operation);
    for (;;) {
        const auto done = uninterrupted([&call] { return call(); });
        if (done >= 0) co_return static_cast<std::size_t>(done);
        if (!would_block(errno)) throw_system_error(errno, operation);
        co_await socket.until(what);
    }
}

}  // namespace detail

// All that follows.
//
// Parameters: `socket` non-blocking and open until the operation has returned, of the system that the loop watches.
// Requires: no transport, add_reader or add_writer uses it meanwhile.
// Errors: broken_error naming the operation; std::invalid_argument for no descriptor, and in debug mode for a socket
// that blocks.
// Cancellation: safe. Nothing has been received, accepted or connected; what has been sent is said with sock_sendall.

/// Receives what is there into memory of the caller's (asyncio: loop.sock_recv_into).
///
/// Returns: the number of bytes, 0 at the end of a stream. Cancellation: safe.
[[nodiscard]] inline coro<std::size_t> sock_recv_into(int socket, std::span<std::byte> into) {
    return detail::repeat_call(socket, readiness::readable, "sock_recv",
                               [socket, into] { return ::recv(socket, into.data(), into.size(), 0); });
}

/// Receives what is there, `most` bytes at most (asyncio: loop.sock_recv). Returns: empty at the end of a stream.
/// Cancellation: safe.
[[nodiscard]] inline coro<bytearray> sock_recv(int socket, std::size_t most) {
    std::vector<std::byte> buffer(most);
    const std::size_t count = co_await sock_recv_into(socket, buffer);
    co_return bytearray(bytes_view(buffer.data(), count));
}

/// What sock_recvfrom_into has received.
struct received_datagram {
    std::size_t count = 0;  ///< bytes; what did not fit is lost
    endpoint sender;
};

/// Receives a datagram into memory of the caller's (asyncio: loop.sock_recvfrom_into). Cancellation: safe.
[[nodiscard]] inline coro<received_datagram> sock_recvfrom_into(int socket, std::span<std::byte> into) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    const std::size_t count =
        co_await detail::repeat_call(socket, readiness::readable, "sock_recvfrom", [socket, into, &name, &size] {
            size = sizeof name;
            return ::recvfrom(socket, into.data(), into.size(), 0, reinterpret_cast<sockaddr*>(&name), &size);
        });
    received_datagram received;
    received.count = count;
    if (size != 0) received.sender = endpoint(reinterpret_cast<const sockaddr*>(&name), size);
    co_return received;
}

/// Receives a datagram of `most` bytes at most (asyncio: loop.sock_recvfrom). Cancellation: safe.
[[nodiscard]] inline coro<datagram> sock_recvfrom(int socket, std::size_t most) {
    std::vector<std::byte> buffer(most);
    const received_datagram received = co_await sock_recvfrom_into(socket, buffer);
    co_return datagram{bytearray(bytes_view(buffer.data(), received.count)), received.sender};
}

/// Sends all of the bytes (asyncio: loop.sock_sendall).
///
/// Lifetime: `data` stays until it has returned. Errors: also when a part has been sent; how much is not known.
/// Cancellation: partial, a part may have been sent.
[[nodiscard]] inline coro<> sock_sendall(int socket, bytes_view data) {
    while (!data.empty()) {
        const std::size_t sent =
            co_await detail::repeat_call(socket, readiness::writable, "sock_sendall",
                                         [socket, data] { return ::send(socket, data.data(), data.size(), MSG_NOSIGNAL); });
        data.remove_prefix(sent);
    }
}

/// Sends a datagram (asyncio: loop.sock_sendto). Returns: its size. Cancellation: safe, it has not been sent.
[[nodiscard]] inline coro<std::size_t> sock_sendto(int socket, bytes_view data, endpoint receiver) {
    co_return co_await detail::repeat_call(socket, readiness::writable, "sock_sendto", [socket, data, &receiver] {
        return ::sendto(socket, data.data(), data.size(), MSG_NOSIGNAL, receiver.data(), receiver.size());
    });
}

/// Connects a socket (asyncio: loop.sock_connect). Errors: broken_error naming the address.
/// Cancellation: safe, but the connecting goes on in the system: close the socket.
[[nodiscard]] inline coro<> sock_connect(int socket, endpoint address) {
    detail::socket_use used(socket, "sock_connect");
    if (::connect(socket, address.data(), address.size()) == 0) co_return;
    if (errno != EINPROGRESS && errno != EINTR) throw_system_error(errno, "cannot connect to " + to_string(address));
    while (!detail::is_writable_now(socket)) {
        co_await used.until(readiness::writable);
    }
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) throw_system_error(code, "cannot connect to " + to_string(address));
}

/// Likewise to a host by its name, by the first address of the socket's own family.
/// Errors: also broken_error when the host cannot be resolved. Cancellation: as above.
[[nodiscard]] inline coro<> sock_connect(int socket, std::string host, std::uint16_t port) {
    resolve_options how;
    how.family = transport_socket(socket).family();
    how.type = transport_socket(socket).type();
    const std::vector<endpoint> addresses = co_await resolve(std::move(host), port, how);
    co_await sock_connect(socket, addresses.at(0));
}

/// A connection that sock_accept has accepted.
struct accepted_socket {
    unique_fd socket;  ///< non-blocking and close-on-exec
    endpoint peer;
};

/// Accepts a connection (asyncio: loop.sock_accept). Several tasks may accept on one socket.
/// Cancellation: safe, a connection that has come meanwhile is the next one's.
[[nodiscard]] inline coro<accepted_socket> sock_accept(int socket) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    const std::size_t fd = co_await detail::repeat_call(socket, readiness::readable, "sock_accept", [socket, &name, &size] {
        size = sizeof name;
        return ::accept4(socket, reinterpret_cast<sockaddr*>(&name), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    });
    accepted_socket accepted;
    accepted.socket = unique_fd(static_cast<int>(fd));
    if (size != 0) accepted.peer = endpoint(reinterpret_cast<const sockaddr*>(&name), size);
    co_return accepted;
}

}  // namespace aioxx

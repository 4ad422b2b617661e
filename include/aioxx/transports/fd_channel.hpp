// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/fd_channel.hpp: byte channels over POSIX descriptors: connected stream sockets and pipes.
// The descriptor is non-blocking, owned by the channel and closed with it.

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#if defined(__linux__)
#include <linux/magic.h>
#include <sys/sendfile.h>
#include <sys/vfs.h>
#endif
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/kept_endpoint.hpp>
#include <aioxx/transports/stream_channel.hpp>

namespace aioxx {

namespace detail {

[[nodiscard]] inline transfer failed_transfer(int code) noexcept {
    if (code == EAGAIN) code = EWOULDBLOCK;
    return {0, std::error_code(code, std::system_category()), transfer::rest::nothing};
}

// Calls a system call again while signals interrupt it.
template <class Call>
auto uninterrupted(Call&& call) noexcept {
    for (;;) {
        const auto done = call();
        if (done >= 0 || errno != EINTR) return done;
    }
}

inline void make_non_blocking(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ((flags & O_NONBLOCK) == 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)) {
        throw_system_error(errno, "cannot make descriptor " + std::to_string(fd) + " non-blocking");
    }
}

// A write to a pipe without a reader raises SIGPIPE, and no flag of write() prevents it. As Python does, the
// signal is ignored by the whole process from the first such pipe on, unless the program handles it itself.
inline void ignore_broken_pipe_signal() noexcept {
    static const bool done = [] {
        struct sigaction present {};
        if (::sigaction(SIGPIPE, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
        return true;
    }();
    static_cast<void>(done);
}

template <std::size_t N>
std::size_t to_iovecs(std::span<const bytes_view> pieces, std::array<iovec, N>& vectors) noexcept {
    const std::size_t count = std::min(pieces.size(), N);
    for (std::size_t i = 0; i < count; ++i) {
        vectors[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
    }
    return count;
}

}  // namespace detail

/// What sockets and pipes share: the descriptor and its watch.
class fd_channel : public stream_channel, pinned {
public:
    ~fd_channel() override { watcher_.reset(); }  // before the descriptor is closed
    void attach(fd_handler& handler) override {
        watcher_.reset();  // a descriptor has one watcher at a time
        watcher_ = loop_.system().watch(fd_.get(), handler);
    }
    void await_readable() override { watcher_->await_readable(); }
    void await_writable() override { watcher_->await_writable(); }
    void close() noexcept override {
        watcher_.reset();  // before the number can be used again
        fd_.reset();
    }

#if defined(__linux__)
    // A descriptor that has to stay blocking for other processes would block here as well.
    [[nodiscard]] bool splices() const noexcept override {
        struct stat found {};
        const int flags = ::fcntl(fd(), F_GETFL);
        return flags >= 0 && (flags & O_NONBLOCK) != 0 && ::fstat(fd(), &found) == 0 &&
               (S_ISSOCK(found.st_mode) || S_ISFIFO(found.st_mode));
    }
    transfer splice_to(int pipe, std::size_t most) noexcept override { return splice(fd(), pipe, most); }
    transfer splice_from(int pipe, std::size_t most) noexcept override {
        detail::ignore_broken_pipe_signal();  // no flag prevents it
        return splice(pipe, fd(), most);
    }
#endif

protected:
    /// Parameters: `fd` non-blocking and close-on-exec.
    fd_channel(event_loop& loop, unique_fd fd) : loop_(loop), fd_(std::move(fd)) {}

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] fd_watcher& watcher() const noexcept { return *watcher_; }

private:
#if defined(__linux__)
    static transfer splice(int from, int to, std::size_t most) noexcept {
        const ssize_t count =
            detail::uninterrupted([&] { return ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK); });
        if (count < 0) return detail::failed_transfer(errno);
        return {static_cast<std::size_t>(count), {}, transfer::rest::unknown};
    }
#endif

    event_loop& loop_;
    fd_watcher_ptr watcher_;
    unique_fd fd_;  // last: what a channel adds begins behind it
};

/// A connected stream socket: TCP, Unix, one end of a socket pair.
class socket_channel final : public fd_channel {
public:
    /// Parameters: `peer` the address from accept, when it is known already.
    socket_channel(event_loop& loop, unique_fd fd, std::optional<endpoint> peer = std::nullopt)
        : fd_channel(loop, std::move(fd)), peer_(peer ? peer : endpoint::peer_of(this->fd())) {
        const std::optional<endpoint> local = endpoint::local_of(this->fd());
        local_ = detail::kept_endpoint(local);
        watches_end_ = local && (local->family() == AF_INET || local->family() == AF_INET6) && is_plain_tcp();
    }

    void attach(fd_handler& handler) override {
        fd_channel::attach(handler);
        if (watches_end_) watcher().watch_end();
    }

    [[nodiscard]] bool can_receive() const noexcept override { return true; }
    [[nodiscard]] bool can_send() const noexcept override { return true; }
    [[nodiscard]] bool can_half_close() const noexcept override { return true; }

    transfer receive(std::span<std::byte> buffer) noexcept override {
        const ssize_t count =
            detail::uninterrupted([&] { return ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT); });
        if (count < 0) return detail::failed_transfer(errno);
        const auto received = static_cast<std::size_t>(count);
        const bool took_all = watches_end_ && received != 0 && received < buffer.size() && !watcher().may_have_ended();
        return {received, {}, took_all ? transfer::rest::nothing : transfer::rest::unknown};
    }

    transfer send(std::span<const bytes_view> pieces) noexcept override {
        ssize_t count = 0;
        if (pieces.size() == 1) {
            const bytes_view only = pieces.front();
            count = detail::uninterrupted([&] { return ::send(fd(), only.data(), only.size(), send_flags); });
        } else {
            std::array<iovec, 64> vectors;
            msghdr message{};
            message.msg_iov = vectors.data();
            message.msg_iovlen = detail::to_iovecs(pieces, vectors);
            count = detail::uninterrupted([&] { return ::sendmsg(fd(), &message, send_flags); });
        }
        if (count < 0) return detail::failed_transfer(errno);
        return {static_cast<std::size_t>(count), {}, transfer::rest::unknown};
    }

#if defined(__linux__)
    [[nodiscard]] bool sends_files() const noexcept override { return true; }
    transfer send_file(int file, std::uint64_t offset, std::size_t most) noexcept override {
        detail::ignore_broken_pipe_signal();  // no flag prevents it here either
        auto at = static_cast<off_t>(offset);
        const ssize_t count = detail::uninterrupted([&] { return ::sendfile(fd(), file, &at, most); });
        if (count < 0) return detail::failed_transfer(errno);
        return {static_cast<std::size_t>(count), {}, transfer::rest::unknown};
    }
#endif

    void shutdown_send() noexcept override { ::shutdown(fd(), SHUT_WR); }

    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        return query.answer_with(extra_info::peername, [this] { return peer_.get(); }) ||
               query.answer_with(extra_info::sockname, [this] { return local_.get(); }) ||
               query.answer(extra_info::socket, fd()) ||
               query.answer_with(extra_info::credentials, [this] { return credentials(); });
    }
    [[nodiscard]] std::string describe() const override {
        const auto local = local_.get();
        const auto peer = peer_.get();
        const std::string kind = local && local->family() == AF_UNIX ? "unix connection" : "tcp connection";
        return kind + " to " + (peer ? to_string(*peer) : std::string("an unknown peer"));
    }

private:
    // A socket that is shared with other processes may have to stay blocking for them.
    static constexpr int send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;

    [[nodiscard]] std::optional<peer_credentials> credentials() const noexcept {
        ucred owner{};
        socklen_t size = sizeof owner;
        if (::getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &owner, &size) != 0 || owner.pid == 0) return std::nullopt;
        return peer_credentials{owner.pid, owner.uid, owner.gid};
    }

    // Whether the system has put nothing of its own upon TCP: kernel TLS, or MPTCP.
    [[nodiscard]] bool is_plain_tcp() const noexcept {
#if defined(TCP_ULP)
        char layer[16];
        socklen_t size = sizeof layer;
        return ::getsockopt(fd(), IPPROTO_TCP, TCP_ULP, layer, &size) == 0 && size == 0;
#else
        return false;
#endif
    }

    // A receive that leaves room has taken all there is, unless the end has come. Only of TCP as it is: kernel TLS stops at
    // the end of a record as well, SCTP of a message, a Unix socket where descriptors were sent along.
    bool watches_end_ = false;
    detail::kept_endpoint peer_;
    detail::kept_endpoint local_;
};

namespace detail {

// A FIFO in a file system, not a pipe: others can still open it.
inline bool is_named_fifo(int fd) noexcept {
    struct stat found {};
    if (::fstat(fd, &found) != 0 || !S_ISFIFO(found.st_mode)) return false;
#if defined(__linux__)
    struct statfs holder {};
    return ::fstatfs(fd, &holder) == 0 && holder.f_type != PIPEFS_MAGIC;
#else
    return false;
#endif
}

}  // namespace detail

/// Which end of a pipe a channel is.
enum class pipe_end { read, write };

/// One end of a pipe, or a character device or FIFO.
class pipe_channel final : public fd_channel {
public:
    pipe_channel(event_loop& loop, unique_fd fd, pipe_end end) : fd_channel(loop, std::move(fd)), end_(end) {
        if (end == pipe_end::write) detail::ignore_broken_pipe_signal();
    }

    [[nodiscard]] bool can_receive() const noexcept override { return end_ == pipe_end::read; }
    [[nodiscard]] bool can_send() const noexcept override { return end_ == pipe_end::write; }
    [[nodiscard]] bool can_half_close() const noexcept override { return end_ == pipe_end::write; }

    // A terminal whose other side is gone answers with EIO: that is its end (asyncio).
    transfer receive(std::span<std::byte> buffer) noexcept override {
        const ssize_t count = detail::uninterrupted([&] { return ::read(fd(), buffer.data(), buffer.size()); });
        if (count < 0) return errno == EIO ? transfer{} : detail::failed_transfer(errno);
        return {static_cast<std::size_t>(count), {}, transfer::rest::unknown};
    }

    // Who types goes on after Ctrl-D, until the terminal hangs up; a FIFO that has a name may get another writer.
    [[nodiscard]] bool end_is_final() const noexcept override {
        if (::isatty(fd()) != 0) {
            pollfd state{fd(), POLLIN, 0};
            return ::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
        }
        return !detail::is_named_fifo(fd());
    }

    transfer send(std::span<const bytes_view> pieces) noexcept override {
        std::array<iovec, 64> vectors;
        const int used = static_cast<int>(detail::to_iovecs(pieces, vectors));
        const ssize_t count = detail::uninterrupted([&] { return ::writev(fd(), vectors.data(), used); });
        if (count < 0) return detail::failed_transfer(errno);
        return {static_cast<std::size_t>(count), {}, transfer::rest::unknown};
    }

    // A pipe has nothing else to say: its end is the closing of the descriptor.
    void shutdown_send() noexcept override { close(); }

    // A device has no receiver, and some cannot be watched at all: /dev/null.
    [[nodiscard]] bool watches_receiver() const noexcept override {
        struct stat found {};
        return ::fstat(fd(), &found) == 0 && (S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode));
    }
    [[nodiscard]] bool receiver_gone() const noexcept override {
        pollfd state{fd(), 0, 0};
        return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP)) != 0;
    }

    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        return query.answer(extra_info::pipe, fd());
    }
    [[nodiscard]] std::string describe() const override {
        return (end_ == pipe_end::read ? "read pipe " : "write pipe ") + std::to_string(fd());
    }

private:
    pipe_end end_;
};

}  // namespace aioxx

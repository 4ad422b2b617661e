// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/support/call_stand_ins.hpp: what is called instead of functions of the C library, in the whole program: one of
// its files includes this. They ask call_judge, and where there is none they pass on what they are given.
// Not among them: close, which nobody can do anything about, and what the loop itself waits with.

#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <string_view>
#include <utility>

#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/failing_calls.hpp"

namespace support::detail {

// The function that the program would call without us.
template <class Function>
Function* next_of(Function*, const char* name) noexcept {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

template <class Function, class... Arguments>
auto pass_on(std::string_view name, Function* next, Arguments... arguments) -> decltype(next(arguments...)) {
    if (call_judge::ask(name).error != 0) return -1;
    return next(arguments...);
}

inline bool is_tcp(int fd) noexcept {
    int protocol = 0;
    socklen_t size = sizeof protocol;
    return ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
}

// For calls with a size. Parameters: `call` gets how much it may transfer.
template <class Call>
ssize_t transfer(std::string_view name, std::size_t size, Call call) {
    const call_fate fate = call_judge::ask(name);
    if (fate.error != 0) return -1;
    return call(fate.cut_short && size > 1 ? 1 : size);
}

// For calls with several pieces. Parameters: `call` gets those that it may transfer.
template <class Call>
ssize_t transfer_pieces(std::string_view name, const iovec* pieces, std::size_t count, Call call) {
    const call_fate fate = call_judge::ask(name);
    if (fate.error != 0) return -1;
    for (std::size_t at = 0; fate.cut_short && at < count; ++at) {
        if (pieces[at].iov_len == 0) continue;
        iovec single{pieces[at].iov_base, 1};
        return call(&single, 1);
    }
    return call(const_cast<iovec*>(pieces), count);
}

}  // namespace support::detail

extern "C" {

// ---- sockets ----

int socket(int family, int type, int protocol) noexcept {
    static const auto next = support::detail::next_of(&::socket, "socket");
    return support::detail::pass_on("socket", next, family, type, protocol);
}
int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
    static const auto next = support::detail::next_of(&::bind, "bind");
    return support::detail::pass_on("bind", next, fd, address, size);
}
int listen(int fd, int backlog) noexcept {
    static const auto next = support::detail::next_of(&::listen, "listen");
    return support::detail::pass_on("listen", next, fd, backlog);
}
int connect(int fd, const sockaddr* address, socklen_t size) {
    static const auto next = support::detail::next_of(&::connect, "connect");
    return support::detail::pass_on("connect", next, fd, address, size);
}
int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
    static const auto next = support::detail::next_of(&::accept4, "accept4");
    return support::detail::pass_on("accept4", next, fd, address, size, flags);
}
int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    static const auto next = support::detail::next_of(&::getsockopt, "getsockopt");
    return support::detail::pass_on("getsockopt", next, fd, level, name, value, size);
}
int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
    static const auto next = support::detail::next_of(&::setsockopt, "setsockopt");
    return support::detail::pass_on("setsockopt", next, fd, level, name, value, size);
}
int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
    static const auto next = support::detail::next_of(&::getsockname, "getsockname");
    return support::detail::pass_on("getsockname", next, fd, address, size);
}
int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
    static const auto next = support::detail::next_of(&::getpeername, "getpeername");
    return support::detail::pass_on("getpeername", next, fd, address, size);
}
int shutdown(int fd, int how) noexcept {
    static const auto next = support::detail::next_of(&::shutdown, "shutdown");
    return support::detail::pass_on("shutdown", next, fd, how);
}

// ---- transfers ----

ssize_t recv(int fd, void* data, size_t size, int flags) {
    static const auto next = support::detail::next_of(&::recv, "recv");
    const char* const name = support::detail::is_tcp(fd) ? "recv of TCP" : "recv";
    return support::detail::transfer(name, size, [=](std::size_t most) { return next(fd, data, most, flags); });
}
ssize_t send(int fd, const void* data, size_t size, int flags) {
    static const auto next = support::detail::next_of(&::send, "send");
    return support::detail::transfer("send", size, [=](std::size_t most) { return next(fd, data, most, flags); });
}
ssize_t read(int fd, void* data, size_t size) {
    static const auto next = support::detail::next_of(&::read, "read");
    return support::detail::transfer("read", size, [=](std::size_t most) { return next(fd, data, most); });
}
ssize_t write(int fd, const void* data, size_t size) {
    static const auto next = support::detail::next_of(&::write, "write");
    return support::detail::transfer("write", size, [=](std::size_t most) { return next(fd, data, most); });
}
ssize_t writev(int fd, const iovec* pieces, int count) {
    static const auto next = support::detail::next_of(&::writev, "writev");
    return support::detail::transfer_pieces(
        "writev", pieces, static_cast<std::size_t>(count),
        [=](const iovec* some, std::size_t number) { return next(fd, some, static_cast<int>(number)); });
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    static const auto next = support::detail::next_of(&::sendmsg, "sendmsg");
    return support::detail::transfer_pieces("sendmsg", message->msg_iov, message->msg_iovlen,
                                            [=](iovec* pieces, std::size_t number) {
                                                msghdr part = *message;
                                                part.msg_iov = pieces;
                                                part.msg_iovlen = number;
                                                return next(fd, &part, flags);
                                            });
}

ssize_t splice(int from, off64_t* from_at, int to, off64_t* to_at, size_t size, unsigned flags) {
    static const auto next = support::detail::next_of(&::splice, "splice");
    return support::detail::transfer(
        "splice", size, [=](std::size_t most) { return next(from, from_at, to, to_at, most, flags); });
}

// ---- descriptors ----

int fcntl(int fd, int command, ...) {
    static const auto next = support::detail::next_of(&::fcntl, "fcntl");
    va_list rest;
    va_start(rest, command);
    const long argument = va_arg(rest, long);
    va_end(rest);
    return support::detail::pass_on("fcntl", next, fd, command, argument);
}
int pipe2(int* ends, int flags) noexcept {
    static const auto next = support::detail::next_of(&::pipe2, "pipe2");
    return support::detail::pass_on("pipe2", next, ends, flags);
}
int epoll_ctl(int set, int operation, int fd, epoll_event* event) noexcept {
    static const auto next = support::detail::next_of(&::epoll_ctl, "epoll_ctl");
    if (operation == EPOLL_CTL_DEL) return next(set, operation, fd, event);  // as close
    return support::detail::pass_on("epoll_ctl", next, set, operation, fd, event);
}

// ---- processes ----

// The real one cannot be called through a function, which the child would return from before the parent does.
pid_t vfork() noexcept {
    if (support::call_judge::ask("vfork").error != 0) return -1;
    return ::fork();
}
int waitid(idtype_t what, id_t id, siginfo_t* info, int options) {
    static const auto next = support::detail::next_of(&::waitid, "waitid");
    return support::detail::pass_on("waitid", next, what, id, info, options);
}
pid_t waitpid(pid_t pid, int* status, int options) {
    static const auto next = support::detail::next_of(&::waitpid, "waitpid");
    return support::detail::pass_on("waitpid", next, pid, status, options);
}
long syscall(long number, ...) noexcept {
    static const auto next = support::detail::next_of(&::syscall, "syscall");
    va_list rest;
    va_start(rest, number);
    long arguments[6];
    for (long& each : arguments) each = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_pidfd_open && support::call_judge::ask("pidfd_open").error != 0) return -1;
    return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

}  // extern "C"

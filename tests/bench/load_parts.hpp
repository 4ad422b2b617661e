// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/load_parts.hpp: what the loads have in common: how they watch the server, the bytes that they send, and
// the connections that have something to do.

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server.hpp"

namespace bench {

inline std::int64_t nanoseconds(clockid_t clock) {
    timespec now{};
    check(clock_gettime(clock, &now), "clock_gettime");
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// What can be seen of a server from outside.
class watched_server {
public:
    /// Parameters: `server` 0 for one whose CPU time is not to be known; `counter` the file of count_allocations.cpp,
    /// or null.
    watched_server(pid_t server, const char* counter) : is_known_(server != 0) {
        if (is_known_) {
            errno = clock_getcpuclockid(server, &clock_);
            if (errno != 0) fail("clock_getcpuclockid of the server");
        }
        if (counter == nullptr) return;
        const int file = check(::open(counter, O_RDONLY | O_CLOEXEC), counter);
        void* memory = mmap(nullptr, sizeof *counter_, PROT_READ, MAP_SHARED, file, 0);
        if (memory == MAP_FAILED) fail("mmap");
        counter_ = static_cast<const volatile std::uint64_t*>(memory);
        close(file);
    }

    [[nodiscard]] std::int64_t cpu_ns() const { return is_known_ ? nanoseconds(clock_) : 0; }
    [[nodiscard]] std::uint64_t allocations() const { return counter_ != nullptr ? *counter_ : 0; }

private:
    bool is_known_;
    clockid_t clock_{};
    const volatile std::uint64_t* counter_ = nullptr;
};

/// Bytes without order, always the same ones.
inline std::string noise(std::size_t size) {
    std::string made(size, '\0');
    std::uint32_t state = 1;
    for (char& byte : made) {
        state = state * 1'664'525 + 1'013'904'223;
        byte = static_cast<char>(state >> 24);
    }
    return made;
}

/// Samples both ends of a piece: comparing all of it would make the load the bottleneck.
inline bool looks_like(std::string_view piece, std::string_view expected) {
    const std::size_t sample = std::min<std::size_t>(piece.size(), 64);
    return piece.substr(0, sample) == expected.substr(0, sample) &&
           piece.substr(piece.size() - sample) == expected.substr(expected.size() - sample);
}

/// The connections of a load, by their numbers.
class poller {
public:
    void add(int fd, std::size_t number) {
        check(fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
        control(EPOLL_CTL_ADD, fd, number, EPOLLIN);
    }
    /// Parameters: `sending` whether it waits for room as well.
    void change(int fd, std::size_t number, bool sending) {
        control(EPOLL_CTL_MOD, fd, number, sending ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }

    /// Calls a function for each connection that has room, or something to read. Returns: false when
    /// there was none for a long time.
    template <class Send, class Receive>
    [[nodiscard]] bool wait(Send send, Receive receive) {
        epoll_event events[128];
        const int count = epoll_wait(epoll_, events, 128, patience_ms);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int index = 0; index < count; ++index) {
            const std::size_t number = events[index].data.u64;
            if ((events[index].events & EPOLLOUT) != 0) send(number);
            if ((events[index].events & ~EPOLLOUT) != 0) receive(number);
        }
        return count != 0;
    }

private:
    static constexpr int patience_ms = 10'000;  // without an event for so long, a server is taken for dead

    void control(int operation, int fd, std::size_t number, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = number;
        check(epoll_ctl(epoll_, operation, fd, &event), "epoll_ctl");
    }

    int epoll_ = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
};

}  // namespace bench

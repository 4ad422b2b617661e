// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/support/descriptors.hpp: what a test of leaks and of ports needs: the open descriptors of this process, and
// sockets that listen without an event loop.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string_view>

#include <sys/socket.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/io/endpoint.hpp>

namespace support {

[[nodiscard]] inline std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

/// A socket that is bound to a port of the system's choice, and listens or refuses.
struct bound_socket {
    explicit bound_socket(std::string_view host = "127.0.0.1", bool listens = true, int backlog = 10) {
        const aioxx::endpoint any = aioxx::endpoint::from_ip(host, 0);
        fd.reset(::socket(any.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (!fd || ::bind(fd.get(), any.data(), any.size()) != 0) {
            aioxx::throw_system_error(errno, "bind " + to_string(any));
        }
        if (listens && ::listen(fd.get(), backlog) != 0) aioxx::throw_system_error(errno, "listen");
        address = aioxx::endpoint::local_of(fd.get()).value();
    }

    aioxx::unique_fd fd;
    aioxx::endpoint address;
};

/// Whether the machine has IPv6 on its loopback.
[[nodiscard]] inline bool has_ipv6() {
    try {
        return bound_socket("::1").address.port() != 0;
    } catch (const aioxx::broken_error&) {
        return false;
    }
}

}  // namespace support

// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/resolver.hpp: from a host and a port to addresses, and back. Numeric addresses need no look-up; names go to
// the system's resolver on a worker thread, since it can neither be watched nor interrupted.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <netdb.h>
#include <sys/socket.h>

#include <aioxx/base/error.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/to_thread.hpp>
#include <aioxx/io/endpoint.hpp>

namespace aioxx {

/// What a look-up is for.
struct resolve_options {
    int family = AF_UNSPEC;     ///< AF_UNSPEC, AF_INET or AF_INET6
    int type = SOCK_STREAM;     ///< SOCK_STREAM or SOCK_DGRAM
    bool for_listening = false;  ///< an empty host means all interfaces instead of the loopback
};

/// Error codes of getaddrinfo.
[[nodiscard]] inline const std::error_category& resolver_category() noexcept {
    static const struct final_category final : std::error_category {
        const char* name() const noexcept override { return "resolver"; }
        std::string message(int code) const override { return ::gai_strerror(code); }
    } category;
    return category;
}

namespace detail {

// Errors: broken_error. Parameters: `code` of the resolver, not zero.
[[noreturn]] inline void throw_resolver_error(int code, const std::string& what) {
    const std::error_code reason = code == EAI_SYSTEM ? std::error_code(errno, std::system_category())
                                                      : std::error_code(code, resolver_category());
    throw broken_error(reason, what);
}

inline std::vector<endpoint> look_up(const std::string& host, std::uint16_t port, resolve_options options) {
    addrinfo hints{};
    hints.ai_family = options.family;
    hints.ai_socktype = options.type;
    hints.ai_flags = AI_NUMERICSERV | (options.for_listening ? AI_PASSIVE : 0);
    addrinfo* found = nullptr;
    const std::string service = std::to_string(port);
    const int code = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.c_str(), &hints, &found);
    if (code != 0) throw_resolver_error(code, "cannot resolve host \"" + host + "\"");
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    std::vector<endpoint> addresses;
    for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
        const endpoint address(info->ai_addr, info->ai_addrlen);
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
    }
    return addresses;
}

}  // namespace detail

/// The addresses of a host, without duplicates, in the resolver's order.
///
/// Parameters: `host` a name, a numeric address, or empty for the loopback (for listening: all interfaces).
/// Errors: broken_error with the resolver's code and the host's name.
/// Cancellation: safe; the look-up itself goes on on its thread and its answer is dropped.
[[nodiscard]] inline coro<std::vector<endpoint>> resolve(std::string host, std::uint16_t port,
                                                         resolve_options options = {}) {
    if (const auto numeric = endpoint::try_from_ip(host, port)) {
        if (options.family != AF_UNSPEC && options.family != numeric->family()) {
            detail::throw_resolver_error(EAI_FAMILY, "cannot resolve host \"" + host + "\"");
        }
        co_return std::vector<endpoint>{*numeric};
    }
    if (host.empty()) co_return detail::look_up(host, port, options);  // needs no network
    co_return co_await to_thread(
        [](const std::string& name, std::uint16_t number, resolve_options how) {
            return detail::look_up(name, number, how);
        },
        host, port, options);
}

/// The names of an address and of its port (asyncio: loop.getnameinfo).
struct address_names {
    std::string host;     ///< the numeric address when it has no name
    std::string service;  ///< the number when it has none: "http"
};

/// Looks up what an address is called.
///
/// Errors: std::invalid_argument when it is no IPv4 or IPv6 address; broken_error with the resolver's code and the
/// address. Cancellation: as resolve.
[[nodiscard]] inline coro<address_names> resolve_address(endpoint address) {
    if (address.family() != AF_INET && address.family() != AF_INET6) {
        throw std::invalid_argument("resolve_address: expected an IPv4 or IPv6 address, got " + to_string(address));
    }
    co_return co_await to_thread(
        [](const endpoint& asked) {
            std::array<char, NI_MAXHOST> host{};
            std::array<char, NI_MAXSERV> service{};
            const int code = ::getnameinfo(asked.data(), asked.size(), host.data(), host.size(), service.data(),
                                           service.size(), 0);
            if (code != 0) detail::throw_resolver_error(code, "cannot look up the name of " + to_string(asked));
            return address_names{host.data(), service.data()};
        },
        address);
}

}  // namespace aioxx

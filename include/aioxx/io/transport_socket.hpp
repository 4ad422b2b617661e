// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/transport_socket.hpp: a transport's socket as its user may see it: to look at and to set options, not to
// receive, send or close behind the transport's back. POSIX.

#include <cerrno>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>

#include <sys/socket.h>

#include <aioxx/base/error.hpp>
#include <aioxx/io/endpoint.hpp>

namespace aioxx {

/// The value of a socket option: a number, a bool, or a C structure such as linger or timeval.
template <class T>
concept socket_option_value = std::is_arithmetic_v<T> || (std::is_class_v<T> && std::is_trivial_v<T> &&
                                                          std::is_standard_layout_v<T>);

/// A restricted view of the socket of a transport: `transport.get_extra_info(extra_info::socket)`.
///
/// Lifetime: does not own. Valid until connection_lost has returned; after that the descriptor may be
/// another's.
/// Asyncio: TransportSocket.
class transport_socket {
public:
    explicit transport_socket(int descriptor) noexcept : descriptor_(descriptor) {}

    /// The descriptor, for calls that are missing here. It stays the transport's: do not read, write or close
    /// it.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }

    /// AF_INET, AF_INET6, AF_UNIX... Errors: broken_error when the socket is closed; so with the next two.
    [[nodiscard]] int family() const { return getsockopt(SOL_SOCKET, SO_DOMAIN); }
    /// SOCK_STREAM, SOCK_DGRAM...
    [[nodiscard]] int type() const { return getsockopt(SOL_SOCKET, SO_TYPE); }
    /// IPPROTO_TCP, IPPROTO_UDP...; 0 for Unix.
    [[nodiscard]] int protocol() const { return getsockopt(SOL_SOCKET, SO_PROTOCOL); }

    /// The addresses as the system tells them now. Returns: nothing when it does not know.
    [[nodiscard]] std::optional<endpoint> getsockname() const noexcept {
        return endpoint::local_of(descriptor_);
    }
    [[nodiscard]] std::optional<endpoint> getpeername() const noexcept {
        return endpoint::peer_of(descriptor_);
    }

    /// An option's value, an int unless another type is named: `socket.getsockopt(SOL_SOCKET, SO_RCVBUF)`,
    /// `socket.getsockopt<linger>(SOL_SOCKET, SO_LINGER)`.
    ///
    /// Errors: broken_error naming level and option.
    template <socket_option_value T = int>
    [[nodiscard]] T getsockopt(int level, int option) const {
        if constexpr (std::same_as<T, bool>) {
            return getsockopt<int>(level, option) != 0;
        } else {
            T value{};
            socklen_t size = sizeof value;
            if (::getsockopt(descriptor_, level, option, &value, &size) != 0) {
                fail("getsockopt", level, option);
            }
            return value;
        }
    }

    /// Sets an option: `socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, true)`.
    ///
    /// Errors: broken_error naming level and option; nothing has changed.
    template <socket_option_value T>
    void setsockopt(int level, int option, const T& value) const {
        if constexpr (std::same_as<T, bool>) {
            setsockopt(level, option, static_cast<int>(value));
        } else if (::setsockopt(descriptor_, level, option, &value, sizeof value) != 0) {
            fail("setsockopt", level, option);
        }
    }

    friend bool operator==(const transport_socket&, const transport_socket&) = default;

private:
    [[noreturn]] static void fail(const char* call, int level, int option) {
        throw_system_error(errno, std::string(call) + " of level " + std::to_string(level) + ", option " +
                                      std::to_string(option));
    }

    int descriptor_;
};

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/endpoint.hpp: the address of one end of a channel: IPv4, IPv6, a Unix path, an abstract Unix name, or none.
// A value; POSIX (it is a sockaddr with its length).

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace aioxx {

/// An address (asyncio: the tuples and strings of sockname and peername).
class endpoint {
public:
    /// No address.
    endpoint() noexcept = default;
    endpoint(const sockaddr* address, socklen_t size) noexcept
        : size_(size < sizeof storage_ ? size : static_cast<socklen_t>(sizeof storage_)) {
        std::memcpy(&storage_, address, size_);
    }

    /// From a numeric IPv4 or IPv6 address ("127.0.0.1", "::1", "fe80::1%eth0"). Nothing when it is none.
    [[nodiscard]] static std::optional<endpoint> try_from_ip(std::string_view host, std::uint16_t port) {
        const std::size_t percent = host.find('%');
        const std::string address(host.substr(0, percent));
        sockaddr_in v4{};
        if (percent == std::string_view::npos && ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(port);
            return endpoint(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
        }
        sockaddr_in6 v6{};
        if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        if (percent != std::string_view::npos) {
            v6.sin6_scope_id = ::if_nametoindex(std::string(host.substr(percent + 1)).c_str());
            if (v6.sin6_scope_id == 0) return std::nullopt;
        }
        return endpoint(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
    }

    /// Errors: std::invalid_argument when the host is not a numeric address.
    [[nodiscard]] static endpoint from_ip(std::string_view host, std::uint16_t port) {
        if (const auto address = try_from_ip(host, port)) return *address;
        throw std::invalid_argument("expected a numeric IPv4 or IPv6 address, got \"" + std::string(host) + "\"");
    }

    /// From a Unix path; a leading NUL makes it an abstract name.
    ///
    /// Errors: std::invalid_argument for an empty path or one that does not fit (107 bytes).
    [[nodiscard]] static endpoint from_path(std::string_view path) {
        sockaddr_un address{};
        if (path.empty() || path.size() >= sizeof address.sun_path) {
            throw std::invalid_argument("the path of a Unix socket must have 1 to " +
                                        std::to_string(sizeof address.sun_path - 1) + " bytes, got " +
                                        std::to_string(path.size()));
        }
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        const std::size_t ending = path.front() == '\0' ? 0 : 1;
        return endpoint(reinterpret_cast<const sockaddr*>(&address),
                        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + ending));
    }

    /// Our end of a socket, or nothing when the system does not know it.
    [[nodiscard]] static std::optional<endpoint> local_of(int fd) noexcept { return ask(::getsockname, fd); }
    /// The other end of a connected socket.
    [[nodiscard]] static std::optional<endpoint> peer_of(int fd) noexcept { return ask(::getpeername, fd); }

    /// AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC for no address.
    [[nodiscard]] int family() const noexcept { return size_ == 0 ? AF_UNSPEC : storage_.ss_family; }
    [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }

    /// The numeric address with its scope, empty for Unix.
    [[nodiscard]] std::string host() const {
        char text[INET6_ADDRSTRLEN] = "";
        if (family() == AF_INET) ::inet_ntop(AF_INET, &v4().sin_addr, text, sizeof text);
        if (family() != AF_INET6) return text;
        ::inet_ntop(AF_INET6, &v6().sin6_addr, text, sizeof text);
        char name[IF_NAMESIZE];
        if (v6().sin6_scope_id == 0) return text;
        return std::string(text) + "%" +
               (::if_indextoname(v6().sin6_scope_id, name) != nullptr ? name : std::to_string(v6().sin6_scope_id));
    }

    /// The port; 0 for Unix.
    [[nodiscard]] std::uint16_t port() const noexcept {
        if (family() == AF_INET) return ntohs(v4().sin_port);
        return family() == AF_INET6 ? ntohs(v6().sin6_port) : std::uint16_t{0};
    }
    [[nodiscard]] endpoint with_port(std::uint16_t port) const noexcept {
        endpoint changed = *this;
        if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&changed.storage_)->sin_port = htons(port);
        if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&changed.storage_)->sin6_port = htons(port);
        return changed;
    }

    /// The Unix path, or the abstract name without its NUL; empty otherwise and for an unnamed socket.
    [[nodiscard]] std::string_view path() const noexcept {
        const std::string_view whole = unix_name();
        if (whole.empty()) return whole;
        return whole.front() == '\0' ? whole.substr(1) : whole.substr(0, whole.find('\0'));
    }
    [[nodiscard]] bool is_abstract() const noexcept { return !unix_name().empty() && unix_name().front() == '\0'; }

    friend bool operator==(const endpoint& a, const endpoint& b) noexcept { return (a <=> b) == 0; }
    friend std::strong_ordering operator<=>(const endpoint& a, const endpoint& b) noexcept {
        if (a.size_ != b.size_) return a.size_ <=> b.size_;
        return std::memcmp(&a.storage_, &b.storage_, a.size_) <=> 0;
    }

    /// "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@name", "unix:" for an unnamed one.
    friend std::string to_string(const endpoint& address) {
        switch (address.family()) {
            case AF_INET:
                return address.host() + ":" + std::to_string(address.port());
            case AF_INET6:
                return "[" + address.host() + "]:" + std::to_string(address.port());
            case AF_UNIX:
                return std::string("unix:") + (address.is_abstract() ? "@" : "") + std::string(address.path());
            default:
                return "no address";
        }
    }

private:
    template <class Call>
    static std::optional<endpoint> ask(Call call, int fd) noexcept {
        endpoint answer;
        socklen_t size = sizeof answer.storage_;
        if (call(fd, reinterpret_cast<sockaddr*>(&answer.storage_), &size) != 0) return std::nullopt;
        answer.size_ = size;
        return answer;
    }

    [[nodiscard]] const sockaddr_in& v4() const noexcept { return *reinterpret_cast<const sockaddr_in*>(&storage_); }
    [[nodiscard]] const sockaddr_in6& v6() const noexcept { return *reinterpret_cast<const sockaddr_in6*>(&storage_); }
    [[nodiscard]] std::string_view unix_name() const noexcept {
        constexpr std::size_t header = offsetof(sockaddr_un, sun_path);
        if (family() != AF_UNIX || size_ <= header) return {};
        return {reinterpret_cast<const char*>(&storage_) + header, size_ - header};
    }

    sockaddr_storage storage_{};
    socklen_t size_ = 0;  // of what is used; 0 for no address
};

}  // namespace aioxx

template <>
struct std::hash<aioxx::endpoint> {
    std::size_t operator()(const aioxx::endpoint& address) const noexcept {
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(address.data()), address.size()});
    }
};

// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/endpoint.hpp: the address of one end of a channel: IPv4, IPv6, a Unix path, an abstract Unix name, or
// none. A value over a sockaddr with its length, in one canonical form: equal addresses are equal bytes,
// whether they come from the system, from the resolver or from text. POSIX. Names are looked up elsewhere
// (net/resolver.hpp).

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace aioxx {

/// An address.
///
/// Asyncio: the tuples and strings of sockname and peername. Here the scope of an IPv6 address is part of
/// host().
class endpoint {
public:
    /// No address.
    endpoint() noexcept = default;

    /// From what the system or the resolver gave.
    ///
    /// Parameters: `size` of what lies at `address`; 0 is no address, and what is beyond a sockaddr_storage
    /// is cut off.
    endpoint(const sockaddr* address, socklen_t size) noexcept {
        size_ = std::min<socklen_t>(size, sizeof address_);
        if (size_ != 0) std::memcpy(&address_, address, size_);
        normalize();
    }

    // ---- from text ----

    /// From a numeric IPv4 or IPv6 address ("127.0.0.1", "::1") with its scope, if any ("fe80::1%eth0",
    /// "fe80::1%2").
    ///
    /// Returns: nothing when it is none, a host's name for example, or when there is no such interface.
    [[nodiscard]] static std::optional<endpoint> try_from_ip(std::string_view host, std::uint16_t port);

    /// As above. Errors: std::invalid_argument naming the text when it is not a numeric address.
    [[nodiscard]] static endpoint from_ip(std::string_view host, std::uint16_t port) {
        if (const auto address = try_from_ip(host, port)) return *address;
        throw std::invalid_argument("expected a numeric IPv4 or IPv6 address, got " + quoted(host));
    }

    /// From the path of a Unix socket; a leading NUL makes it an abstract name (Linux), as in asyncio.
    ///
    /// Errors: std::invalid_argument when it is empty, does not fit (107 bytes, on Linux), or is a path with
    /// a NUL.
    [[nodiscard]] static endpoint from_path(std::string_view path);

    /// From the text that to_string makes: "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@name".
    ///
    /// Errors: std::invalid_argument naming the text and what was expected. Host names are not looked up.
    [[nodiscard]] static endpoint parse(std::string_view text);

    // ---- from a socket ----

    /// Our end of a socket, or nothing when the system does not know it.
    [[nodiscard]] static std::optional<endpoint> local_of(int fd) noexcept { return ask(::getsockname, fd); }
    /// The other end of a connected socket, or nothing.
    [[nodiscard]] static std::optional<endpoint> peer_of(int fd) noexcept { return ask(::getpeername, fd); }

    // ---- for system calls ----

    [[nodiscard]] const sockaddr* data() const noexcept { return &address_.any; }
    /// In bytes; 0 for no address.
    [[nodiscard]] socklen_t size() const noexcept { return size_; }

    // ---- parts ----

    /// AF_INET, AF_INET6, AF_UNIX, another one of the system's, or AF_UNSPEC for no address.
    [[nodiscard]] int family() const noexcept { return address_.any.sa_family; }

    /// The numeric address, with the scope of an IPv6 one ("fe80::1%eth0"), so that from_ip takes it back.
    /// Empty for all other families.
    [[nodiscard]] std::string host() const;

    /// The port; 0 when the family has none.
    [[nodiscard]] std::uint16_t port() const noexcept {
        if (family() == AF_INET) return ntohs(address_.v4.sin_port);
        return family() == AF_INET6 ? ntohs(address_.v6.sin6_port) : std::uint16_t{0};
    }
    /// The same address with another port; unchanged when the family has none.
    [[nodiscard]] endpoint with_port(std::uint16_t port) const noexcept {
        endpoint changed = *this;
        if (family() == AF_INET) changed.address_.v4.sin_port = htons(port);
        if (family() == AF_INET6) changed.address_.v6.sin6_port = htons(port);
        return changed;
    }

    /// The number of the interface that an IPv6 address is meant for, and its flow label with the traffic
    /// class; 0 when there is none.
    [[nodiscard]] std::uint32_t scope_id() const noexcept {
        return family() == AF_INET6 ? address_.v6.sin6_scope_id : 0;
    }
    [[nodiscard]] std::uint32_t flow_info() const noexcept {
        return family() == AF_INET6 ? ntohl(address_.v6.sin6_flowinfo) : 0;
    }

    /// The path of a Unix socket, or its abstract name without the NUL in front; empty for an unnamed one and
    /// for all other families.
    ///
    /// Lifetime: points into the endpoint.
    [[nodiscard]] std::string_view path() const noexcept {
        const std::string_view name = unix_name();
        return is_abstract() ? name.substr(1) : name.substr(0, name.find('\0'));
    }
    [[nodiscard]] bool is_abstract() const noexcept { return unix_name().starts_with('\0'); }

    /// A total order for use in maps and sets, not a numeric one.
    friend std::strong_ordering operator<=>(const endpoint& a, const endpoint& b) noexcept {
        return a.bytes() <=> b.bytes();
    }
    friend bool operator==(const endpoint& a, const endpoint& b) noexcept { return a.bytes() == b.bytes(); }

    /// "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@name", "unix:" for an unnamed one; "no address";
    /// "family 16" for one that this class does not know.
    friend std::string to_string(const endpoint& address) { return address.text(); }

    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        const endpoint& address) {
        return out << address.text();
    }

private:
    friend struct std::hash<endpoint>;

    static constexpr std::size_t unix_header = offsetof(sockaddr_un, sun_path);
    static constexpr std::size_t unix_room = sizeof(sockaddr_un) - unix_header;

    template <class Call>
    static std::optional<endpoint> ask(Call call, int fd) noexcept {
        sockaddr_storage answer{};
        socklen_t size = sizeof answer;
        auto* address = reinterpret_cast<sockaddr*>(&answer);
        if (call(fd, address, &size) != 0) return std::nullopt;
        return endpoint(address, size);
    }

    void normalize() noexcept;
    [[nodiscard]] std::string text() const;
    [[nodiscard]] static std::string quoted(std::string_view text);

    [[nodiscard]] bool is_ip() const noexcept { return family() == AF_INET || family() == AF_INET6; }
    // With the NUL in front of an abstract name, and the one behind a path.
    [[nodiscard]] std::string_view unix_name() const noexcept {
        if (family() != AF_UNIX || size_ <= unix_header) return {};
        return {address_.local.sun_path, size_ - unix_header};
    }
    [[nodiscard]] std::string_view bytes() const noexcept {
        return {reinterpret_cast<const char*>(&address_), size_};
    }

    union {
        sockaddr_storage storage;  // the largest, and so the one that is zeroed
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
        sockaddr_un local;
    } address_{};
    socklen_t size_ = 0;  // of what is used; what lies behind it means nothing
};

// ---- definitions ----

// Systems and programs differ in padding, and in whether the size covers the NUL behind a path.
inline void endpoint::normalize() noexcept {
    if (family() == AF_INET) {
        std::fill(std::begin(address_.v4.sin_zero), std::end(address_.v4.sin_zero), std::uint8_t{0});
        size_ = sizeof address_.v4;
    } else if (family() == AF_INET6) {
        size_ = sizeof address_.v6;
    } else if (family() == AF_UNIX && !unix_name().empty() && !is_abstract()) {
        const std::size_t length = std::min(path().size(), unix_room);
        size_ = static_cast<socklen_t>(unix_header + std::min(length + 1, unix_room));
    } else if (family() == AF_UNSPEC) {
        size_ = 0;
    }
}

inline std::optional<endpoint> endpoint::try_from_ip(std::string_view host, std::uint16_t port) {
    // inet_pton takes C strings: what stands behind a NUL must not go unseen.
    if (host.find('\0') != std::string_view::npos) return std::nullopt;
    const std::size_t percent = host.find('%');
    const std::string address(host.substr(0, percent));
    endpoint made;
    if (percent == std::string_view::npos &&
        ::inet_pton(AF_INET, address.c_str(), &made.address_.v4.sin_addr) == 1) {
        made.address_.v4.sin_family = AF_INET;
        made.size_ = sizeof made.address_.v4;
        return made.with_port(port);
    }
    if (::inet_pton(AF_INET6, address.c_str(), &made.address_.v6.sin6_addr) != 1) return std::nullopt;
    made.address_.v6.sin6_family = AF_INET6;
    made.size_ = sizeof made.address_.v6;
    if (percent != std::string_view::npos) {
        const std::string scope(host.substr(percent + 1));
        std::uint32_t number = ::if_nametoindex(scope.c_str());
        if (number == 0) {
            const char* end = scope.data() + scope.size();
            if (std::from_chars(scope.data(), end, number).ptr != end || number == 0) return std::nullopt;
        }
        made.address_.v6.sin6_scope_id = number;
    }
    return made.with_port(port);
}

inline endpoint endpoint::from_path(std::string_view path) {
    const bool is_abstract = path.starts_with('\0');
    // A path keeps room for the NUL behind it, an abstract name has none.
    const std::size_t most = is_abstract ? unix_room : unix_room - 1;
    if (path.empty() || path.size() > most) {
        throw std::invalid_argument("the path of a Unix socket must have 1 to " + std::to_string(most) +
                                    " bytes, got " + std::to_string(path.size()) + ": " + quoted(path));
    }
    if (!is_abstract && path.find('\0') != std::string_view::npos) {
        throw std::invalid_argument("the path of a Unix socket must not contain a NUL, got " + quoted(path));
    }
    endpoint made;
    made.address_.local.sun_family = AF_UNIX;
    std::memcpy(made.address_.local.sun_path, path.data(), path.size());
    made.size_ = static_cast<socklen_t>(unix_header + path.size() + (is_abstract ? 0 : 1));
    return made;
}

inline endpoint endpoint::parse(std::string_view text) {
    constexpr std::string_view unix_prefix = "unix:";
    if (text.starts_with(unix_prefix)) {
        std::string path(text.substr(unix_prefix.size()));
        if (path.starts_with('@')) path.front() = '\0';
        return from_path(path);
    }
    const std::size_t colon = text.rfind(':');
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const bool is_v6 = host.find(':') != std::string_view::npos;
    if (colon != std::string_view::npos && bracketed == is_v6) {
        std::uint16_t port = 0;
        const char* end = text.data() + text.size();
        const auto number = std::from_chars(text.data() + colon + 1, end, port);
        const auto address = try_from_ip(host, port);
        if (number.ec == std::errc() && number.ptr == end && address) return *address;
    }
    throw std::invalid_argument(
        "expected an address like 127.0.0.1:80, [::1]:80, unix:/run/socket or unix:@name, got " +
        quoted(text));
}

// For messages, which end at a NUL.
inline std::string endpoint::quoted(std::string_view text) {
    std::string made = "\"";
    for (const char c : text) made += c == '\0' ? std::string("\\0") : std::string(1, c);
    return made + "\"";
}

inline std::string endpoint::host() const {
    if (!is_ip()) return {};
    char digits[INET6_ADDRSTRLEN] = "";
    const void* number = &address_.v6.sin6_addr;
    if (family() == AF_INET) number = &address_.v4.sin_addr;
    std::string made = ::inet_ntop(family(), number, digits, sizeof digits);
    if (scope_id() != 0) {
        char name[IF_NAMESIZE];
        const bool known = ::if_indextoname(scope_id(), name) != nullptr;
        made += "%" + (known ? std::string(name) : std::to_string(scope_id()));
    }
    return made;
}

inline std::string endpoint::text() const {
    switch (family()) {
        case AF_INET:
            return host() + ":" + std::to_string(port());
        case AF_INET6:
            return "[" + host() + "]:" + std::to_string(port());
        case AF_UNIX:
            return std::string("unix:") + (is_abstract() ? "@" : "") + std::string(path());
        case AF_UNSPEC:
            return "no address";
        default:
            return "family " + std::to_string(family());
    }
}

}  // namespace aioxx

/// So that endpoints can be keys of unordered containers.
template <>
struct std::hash<aioxx::endpoint> {
    std::size_t operator()(const aioxx::endpoint& address) const noexcept {
        return std::hash<std::string_view>()(address.bytes());
    }
};

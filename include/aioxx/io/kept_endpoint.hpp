// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/kept_endpoint.hpp: an address in about as much memory as it takes: an idle connection keeps two.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <aioxx/io/endpoint.hpp>

namespace aioxx::detail {

class kept_endpoint {
public:
    kept_endpoint() = default;
    explicit kept_endpoint(const std::optional<endpoint>& whole) {
        if (!whole) return;
        if (whole->family() == AF_INET) {
            sockaddr_in address{};
            std::memcpy(&address, whole->data(), std::min<std::size_t>(whole->size(), sizeof address));
            put(kind::ipv4, &address.sin_addr, sizeof address.sin_addr, address.sin_port);
            return;
        }
        if (whole->family() == AF_INET6) {
            sockaddr_in6 address{};
            std::memcpy(&address, whole->data(), std::min<std::size_t>(whole->size(), sizeof address));
            if (address.sin6_flowinfo == 0 && address.sin6_scope_id == 0) {
                put(kind::ipv6, &address.sin6_addr, sizeof address.sin6_addr, address.sin6_port);
                return;
            }
        }
        const auto size = static_cast<std::uint16_t>(whole->size());
        if (size <= sizeof bytes_) {
            put(kind::other, whole->data(), size, size);
        } else {
            auto* const memory = new std::byte[size];
            std::memcpy(memory, whole->data(), size);
            put(kind::block, &memory, sizeof memory, size);
        }
    }
    kept_endpoint(kept_endpoint&& other) noexcept { swap(other); }
    kept_endpoint& operator=(kept_endpoint&& other) noexcept {
        swap(other);
        return *this;
    }
    ~kept_endpoint() {
        if (kind_ == kind::block) delete[] block();
    }

    [[nodiscard]] std::optional<endpoint> get() const noexcept {
        switch (kind_) {
            case kind::none:
                return std::nullopt;
            case kind::ipv4: {
                sockaddr_in address{};
                address.sin_family = AF_INET;
                address.sin_port = number_;
                std::memcpy(&address.sin_addr, bytes_, sizeof address.sin_addr);
                return made_of(&address, sizeof address);
            }
            case kind::ipv6: {
                sockaddr_in6 address{};
                address.sin6_family = AF_INET6;
                address.sin6_port = number_;
                std::memcpy(&address.sin6_addr, bytes_, sizeof address.sin6_addr);
                return made_of(&address, sizeof address);
            }
            case kind::other:
                return made_of(bytes_, number_);
            case kind::block:
                return made_of(block(), number_);
        }
        return std::nullopt;
    }

private:
    enum class kind : std::uint8_t { none, ipv4, ipv6, other, block };

    static endpoint made_of(const void* address, std::size_t size) noexcept {
        sockaddr_storage whole{};
        std::memcpy(&whole, address, size);
        return {reinterpret_cast<const sockaddr*>(&whole), static_cast<socklen_t>(size)};
    }
    void put(kind what, const void* bytes, std::size_t size, std::uint16_t number) noexcept {
        kind_ = what;
        number_ = number;
        std::memcpy(bytes_, bytes, size);
    }
    [[nodiscard]] std::byte* block() const noexcept {
        std::byte* at = nullptr;
        std::memcpy(&at, bytes_, sizeof at);
        return at;
    }
    void swap(kept_endpoint& other) noexcept {
        std::swap(bytes_, other.bytes_);
        std::swap(number_, other.number_);
        std::swap(kind_, other.kind_);
    }

    std::byte bytes_[16] = {};  // an IP address; a short address of another kind; a pointer to the path of a Unix socket
    std::uint16_t number_ = 0;  // the port in network byte order, or the size of an address that is no IP address
    kind kind_ = kind::none;
};

}  // namespace aioxx::detail

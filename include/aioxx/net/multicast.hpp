// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/multicast.hpp: membership in multicast groups, for the sockets of datagram transports:
//
//     join_multicast_group(*udp.get_extra_info(extra_info::socket), endpoint::from_ip("239.1.2.3", 0));

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/transport_socket.hpp>

namespace aioxx {

namespace detail {

inline void change_membership(const transport_socket& socket, const endpoint& group, unsigned interface, bool join) {
    if (group.family() != AF_INET && group.family() != AF_INET6) {
        throw std::invalid_argument("multicast: expected an IPv4 or IPv6 group, got " + to_string(group));
    }
    group_req request{};
    request.gr_interface = interface;
    std::memcpy(&request.gr_group, group.data(), group.size());
    const int level = group.family() == AF_INET ? static_cast<int>(IPPROTO_IP) : static_cast<int>(IPPROTO_IPV6);
    socket.setsockopt(level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, request);
}

}  // namespace detail

/// Lets a socket receive what is sent to a group.
///
/// Parameters: `group` its address, the port does not matter; `interface` the number of the network interface
/// (if_nametoindex), 0 lets the system choose.
/// Errors: std::invalid_argument for an address that is neither IPv4 nor IPv6; broken_error when the system refuses.
inline void join_multicast_group(const transport_socket& socket, const endpoint& group, unsigned interface = 0) {
    detail::change_membership(socket, group, interface, true);
}
/// Ends a membership. Errors: as join_multicast_group.
inline void leave_multicast_group(const transport_socket& socket, const endpoint& group, unsigned interface = 0) {
    detail::change_membership(socket, group, interface, false);
}

/// How many routers what is sent to groups may pass: 1 stays in the own network. Errors: broken_error.
inline void set_multicast_hops(const transport_socket& socket, int hops) {
    if (socket.family() == AF_INET6) {
        socket.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops);
    } else {
        socket.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, hops);
    }
}
/// Whether what is sent to groups comes back to members on this machine. Errors: broken_error.
inline void set_multicast_loopback(const transport_socket& socket, bool on) {
    if (socket.family() == AF_INET6) {
        socket.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, on);
    } else {
        socket.setsockopt(IPPROTO_IP, IP_MULTICAST_LOOP, on);
    }
}
/// The interface through which what is sent to groups leaves. Parameters: its number. Errors: broken_error.
inline void set_multicast_interface(const transport_socket& socket, unsigned interface) {
    if (socket.family() == AF_INET6) {
        socket.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_IF, interface);
    } else {
        ip_mreqn request{};
        request.imr_ifindex = static_cast<int>(interface);
        socket.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, request);
    }
}

}  // namespace aioxx

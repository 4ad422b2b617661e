// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/two_ends.hpp: both ends of a connection, each a process on a CPU of its own.

#include <unistd.h>

#include "loopback.hpp"
#include "rounds.hpp"

namespace bench {

/// Runs both ends to their ends. Parameters: they are called with their socket; `amount` what is done by both together.
template <class Near, class Far>
reached measure_ends(Near near, Far far, double amount) {
    const auto [near_fd, far_fd] = connected_sockets();
    const double begin = now();
    const pid_t one = in_child(0, [&, fd = near_fd, other = far_fd] {
        close(other);
        near(fd);
    });
    const pid_t two = in_child(1, [&, fd = far_fd, other = near_fd] {
        close(other);
        far(fd);
    });
    close(near_fd);
    close(far_fd);
    const double cpu = cpu_of(one) + cpu_of(two);
    const double taken = now() - begin;
    return {amount / taken, amount / cpu};
}

}  // namespace bench

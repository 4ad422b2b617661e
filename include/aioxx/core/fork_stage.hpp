// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/fork_stage.hpp: what becomes of a loop when its program forks under it. The parent goes on as before. The child
// has no running loop, may start loops of its own, and gets its signals itself; what it has inherited of the parent's
// loop is dead memory, so it ends with _exit or exec, as every forked child should that has not called exec.

#include <pthread.h>

namespace aioxx {

/// A moment of fork(2): before it, or after it in one of the two processes.
enum class fork_stage { prepare, parent, child };

namespace detail {

// Calls a function at each fork of the thread that runs a loop; once for the whole program.
template <void (*Notify)(fork_stage) noexcept>
void watch_forks() {
    [[maybe_unused]] static const int registered = ::pthread_atfork([] { Notify(fork_stage::prepare); },
                                                                    [] { Notify(fork_stage::parent); },
                                                                    [] { Notify(fork_stage::child); });
}

}  // namespace detail

}  // namespace aioxx

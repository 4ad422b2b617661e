// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/support/failing_calls.hpp: system calls that fail, are interrupted or do less when a test wants them to. The
// calls are those of the whole program, if one of its files includes support/call_stand_ins.hpp.

#include <cerrno>
#include <functional>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <aioxx/base/pinned.hpp>

namespace support {

/// What becomes of a system call.
struct call_fate {
    int error = 0;           ///< it fails with this; 0: it does not
    bool cut_short = false;  ///< it transfers one byte at most
};

/// While it lives, a function is asked what becomes of each system call of this thread.
class call_judge : aioxx::pinned {
public:
    using ask_function = std::function<call_fate(std::string_view call)>;

    explicit call_judge(ask_function ask) : ask_(std::move(ask)), former_(std::exchange(present(), this)) {}
    ~call_judge() { present() = former_; }

    /// Asks whoever is there.
    static call_fate ask(std::string_view call) {
        call_judge* const judge = present();
        if (judge == nullptr || ::getpid() != judge->process_) return {};
        const int before = errno;
        present() = nullptr;
        const call_fate fate = judge->ask_(call);
        present() = judge;
        errno = fate.error != 0 ? fate.error : before;
        return fate;
    }

private:
    static call_judge*& present() noexcept {
        static thread_local call_judge* judge = nullptr;
        return judge;
    }

    ask_function ask_;
    call_judge* former_;
    pid_t process_ = ::getpid();  // a child that was forked is not judged
};

}  // namespace support

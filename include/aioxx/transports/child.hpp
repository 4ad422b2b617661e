// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/child.hpp: a running child process: its end, and signals to it. Linux: through its pidfd, which cannot
// come to mean another process, needs no SIGCHLD handler and no waiting thread.

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/event_loop.hpp>

namespace aioxx {

/// A child process from its start until it has been waited for. Holds itself until then, so that no zombie stays.
class child final : public std::enable_shared_from_this<child>, private fd_handler, private loop_resource {
public:
    child(event_loop& loop, pid_t pid, unique_fd pidfd) : loop_(loop), pid_(pid), pidfd_(std::move(pidfd)) {}

    /// Watches for its end. Parameters: `exited` is called once, with the return code known.
    void start(function<void()> exited) {
        exited_ = std::move(exited);
        self_ = shared_from_this();
        loop_.attach(static_cast<loop_resource&>(*this));
        watcher_ = loop_.system().watch(pidfd_.get(), *this);
        watcher_->await_readable();
    }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// The exit status, or the negative number of the signal that ended it; nothing while it runs.
    [[nodiscard]] std::optional<int> returncode() const noexcept { return returncode_; }

    /// Sends a signal to the process itself. Nothing happens when it has ended.
    ///
    /// Errors: std::invalid_argument for a number that is no signal; broken_error when it is not permitted.
    void send_signal(int signal) {
        require_signal(signal);
        if (returncode_) return;
        if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0 && errno != ESRCH) {
            throw_system_error(errno, "cannot send signal " + std::to_string(signal) + " to " + describe());
        }
    }

    /// Sends a signal to its process group: the process and every descendant that stayed in it. Also when the
    /// process itself has ended: its number is not given to another one while the group has members.
    ///
    /// Errors: as send_signal.
    void signal_group(int signal) {
        require_signal(signal);
        if (::kill(-pid_, signal) != 0 && errno != ESRCH) {
            throw_system_error(errno, "cannot send signal " + std::to_string(signal) + " to the group of " + describe());
        }
    }

    [[nodiscard]] std::string describe() const override { return "child process " + std::to_string(pid_); }

private:
    static void require_signal(int signal) {
        if (signal < 1 || signal >= NSIG) {
            throw std::invalid_argument("signal " + std::to_string(signal) + " does not exist; expected 1 to " +
                                        std::to_string(NSIG - 1));
        }
    }

    void on_readable() override {
        siginfo_t info{};
        const int done = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG);
        if (done == 0 && info.si_pid == 0) return watcher_->await_readable();
        if (done == 0) {
            returncode_ = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
        } else {
            loop_.call_exception_handler({"somebody else has waited for a child process", nullptr, describe()});
            returncode_ = 255;  // asyncio's value for an exit status that nobody knows
        }
        end();
    }
    void on_writable() override {}

    void end() {
        watcher_.reset();
        pidfd_.reset();
        static_cast<loop_resource*>(this)->unlink();
        const auto last = std::move(self_);
        if (exited_) std::exchange(exited_, nullptr)();
    }

    // The loop ends: so does the child. When the loop does not run any more, nobody learns of its end.
    void abandon() noexcept override {
        ::kill(-pid_, SIGKILL);
    }

    event_loop& loop_;
    pid_t pid_;
    unique_fd pidfd_;
    fd_watcher_ptr watcher_;
    std::optional<int> returncode_;
    function<void()> exited_;
    std::shared_ptr<child> self_;  // until it has been waited for
};

}  // namespace aioxx

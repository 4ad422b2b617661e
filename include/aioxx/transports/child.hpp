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
#include <aioxx/core/ready_queue.hpp>

namespace aioxx {

/// A child process from its start until it has been waited for. Holds itself until then, so that no zombie stays.
class child final : public std::enable_shared_from_this<child>, private fd_handler, private loop_resource {
public:
    child(event_loop& loop, pid_t pid, unique_fd pidfd) : loop_(loop), pid_(pid), pidfd_(std::move(pidfd)) {}
    ~child() { die(); }  // one that was never watched

    /// Watches for its end. Parameters: `exited` is called once, with the return code known.
    void start(function<void()> exited) {
        watcher_ = loop_.system().watch(pidfd_.get(), *this);  // throws, so it comes first
        watcher_->await_readable();
        exited_ = std::move(exited);
        self_ = shared_from_this();
        loop_.attach(static_cast<loop_resource&>(*this));
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
    /// process itself has ended: its number is not given to another one while the group has members. Once the group
    /// was found empty nothing happens: the number may be another's (P5).
    ///
    /// Errors: as send_signal.
    void signal_group(int signal) {
        require_signal(signal);
        if (group_gone_) return;
        if (::kill(-pid_, signal) == 0) return;
        if (errno == ESRCH) {
            group_gone_ = returncode_.has_value();
        } else {
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
        if (!reap(WNOHANG)) return watcher_->await_readable();
        const auto last = let_go();
        if (exited_) std::exchange(exited_, nullptr)();
    }
    void on_writable() override {}

    // Parameters: `options` WNOHANG or 0. Returns: whether the child has ended; its return code is known then.
    bool reap(int options) noexcept {
        siginfo_t info{};
        int done = 0;
        do {
            done = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | options);
        } while (done != 0 && errno == EINTR);
        if (done == 0 && info.si_pid == 0) return false;
        if (done == 0) {
            returncode_ = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
        } else {
            loop_.call_exception_handler({"somebody else has waited for a child process", nullptr, describe()});
            returncode_ = unknown_returncode;
        }
        group_gone_ = ::kill(-pid_, 0) != 0 && errno == ESRCH;
        return true;
    }

    // Returns: the child's reference to itself.
    std::shared_ptr<child> let_go() noexcept {
        watcher_.reset();
        pidfd_.reset();
        static_cast<loop_resource*>(this)->unlink();
        return std::move(self_);
    }

    // The loop ends: so does the child. When the loop runs on for a while, its end is reported as ever.
    void abandon() noexcept override {
        ::kill(-pid_, SIGKILL);
        if (!closing_.is_linked()) loop_.schedule(closing_);
    }

    // The loop was closed: nobody learns of the child's end, but no zombie stays. One that runs as another user by
    // now cannot be killed, and is not waited for.
    void die() noexcept {
        if (returncode_) return;
        if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0) == 0) {
            reap(0);
        } else {
            returncode_ = unknown_returncode;
        }
        const auto last = let_go();
        exited_ = nullptr;  // may hold the last reference to who wanted to know
    }

    // Learns that the loop was closed before it came to this.
    class closing final : public ready_node {
    public:
        explicit closing(child& owner) : owner_(owner) {}
        void run() override {}
        void discard() noexcept override { owner_.die(); }

    private:
        child& owner_;
    };

    static constexpr int unknown_returncode = 255;  // asyncio's value

    event_loop& loop_;
    pid_t pid_;
    unique_fd pidfd_;
    fd_watcher_ptr watcher_;
    std::optional<int> returncode_;
    function<void()> exited_;
    std::shared_ptr<child> self_;  // until it has been waited for
    bool group_gone_ = false;      // no process is in its group any more
    closing closing_{*this};
};

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/accept_loop.hpp: accepts connections on one listening socket and hands them on.
// A peer that has gone meanwhile does not stop it; when descriptors or memory run out it rests for a second.

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include <sys/socket.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/endpoint.hpp>

namespace aioxx {

/// Accepts on one socket while it is started.
class accept_loop final : private fd_handler, pinned {
public:
    using accepted_function = function<void(unique_fd, const endpoint&)>;

    /// Parameters: `listening` bound and non-blocking; `backlog` connections the system queues, and the most that
    /// are accepted in one turn; `accepted` gets each connection, non-blocking and close-on-exec.
    accept_loop(event_loop& loop, unique_fd listening, int backlog, accepted_function accepted)
        : loop_(loop),
          fd_(std::move(listening)),
          backlog_(backlog),
          accepted_(std::move(accepted)),
          local_(endpoint::local_of(fd_.get()).value_or(endpoint{})) {}
    ~accept_loop() { close(); }

    [[nodiscard]] const endpoint& local() const noexcept { return local_; }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Listens and accepts. Errors: broken_error when the system refuses to listen.
    void start() {
        if (::listen(fd_.get(), backlog_) != 0) throw_system_error(errno, "cannot listen on " + to_string(local_));
        watcher_ = loop_.system().watch(fd_.get(), *this);
        arm();
    }

    /// Accepts no more until resume(): connections wait in the system's queue. Nothing happens when it is closed.
    void pause() noexcept { paused_ = true; }
    void resume() {
        if (fd_ && std::exchange(paused_, false)) go_on();
    }

    /// Ends the listening at once. May be called from within the accepted function.
    void close() noexcept {
        paused_ = true;
        retry_.cancel();
        again_.cancel();
        watcher_.reset();  // before the number can be used again
        fd_.reset();
    }

private:
    static constexpr auto rest_after_exhaustion = std::chrono::seconds(1);

    void arm() {
        if (std::exchange(armed_, true)) return;
        watcher_->await_readable();
    }
    void go_on() {
        again_.cancel();
        again_ = loop_.call_soon([this] { accept_some(); });
    }

    void on_readable() override {
        armed_ = false;
        accept_some();
    }
    void on_writable() override {}

    void accept_some() {
        for (int taken = 0; !paused_ && !resting_; ++taken) {
            if (taken > backlog_) return go_on();
            sockaddr_storage peer{};
            socklen_t size = sizeof peer;
            unique_fd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (fd) {
                accepted_(std::move(fd), endpoint(reinterpret_cast<const sockaddr*>(&peer), size));
            } else if (!goes_on_after(errno)) {
                return;
            }
        }
    }

    bool goes_on_after(int code) {
        switch (code) {
            case EAGAIN:
                arm();
                return false;
            case EINTR:
            case ECONNABORTED:
            case EPROTO:
            case EPERM:
                return true;
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM:
                report(code, "accept rests for a second");
                resting_ = true;
                retry_ = loop_.call_later(rest_after_exhaustion, [this] {
                    resting_ = false;
                    accept_some();
                });
                return false;
            default:
                report(code, "accept failed");
                arm();
                return false;
        }
    }

    void report(int code, const char* what) {
        loop_.call_exception_handler(
            {what, std::make_exception_ptr(broken_error(std::error_code(code, std::system_category()), "accept")),
             "server on " + to_string(local_)});
    }

    event_loop& loop_;
    unique_fd fd_;
    int backlog_;
    accepted_function accepted_;
    endpoint local_;
    fd_watcher_ptr watcher_;
    handle retry_;
    handle again_;
    bool armed_ = false;
    bool paused_ = false;
    bool resting_ = false;  // until descriptors or memory may be there again
};

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/asio_backend.hpp: the backend contract on an asio::io_context, the loop's own or the user's.
// Asio drives, the loop rides: run_forever() runs the context, and a program that runs its context itself
// runs the loop with it.

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/core/asio_fd_watcher.hpp>
#include <aioxx/core/asio_signals.hpp>
#include <aioxx/core/backend.hpp>
#include <aioxx/core/event_loop.hpp>

namespace aioxx {

/// The system below a loop: Asio.
class asio_backend final : public backend {
public:
    /// On a context of its own, which knows that one thread runs it.
    asio_backend()
        : owned_(std::make_unique<asio::io_context>(ASIO_CONCURRENCY_HINT_UNSAFE_IO)),
          context_(*owned_),
          timer_(context_) {}

    /// On the user's context. Requires: the context outlives the loop, and one thread runs it.
    explicit asio_backend(asio::io_context& context) : context_(context), timer_(context) {}

    ~asio_backend() override {
        if (link_) link_->client = nullptr;
        while (detail::asio_fd_watcher* watcher = watchers_.front()) watcher->detach();
    }

    asio_backend(const asio_backend&) = delete;
    asio_backend& operator=(const asio_backend&) = delete;

    [[nodiscard]] asio::io_context& context() noexcept { return context_; }

    /// The context below a loop. Errors: invalid_state_error when the loop does not run on Asio.
    [[nodiscard]] static asio::io_context& context_of(event_loop& loop) {
        auto* self = dynamic_cast<asio_backend*>(&loop.system());
        if (self == nullptr) throw invalid_state_error("this event loop does not run on an asio::io_context");
        return self->context_;
    }

    void attach(backend_client& client) override { link_ = std::make_shared<link>(link{&client}); }

    [[nodiscard]] time_point now() const noexcept override { return clock::now(); }

    void request_turn() override { post_wake_up(); }
    void request_turn_threadsafe() override { post_wake_up(); }

    void hold() override {
        if (held_++ == 0) work_.emplace(context_.get_executor());
    }
    void release() noexcept override {
        if (--held_ == 0) work_.reset();
    }

    void arm(time_point deadline) override {
        timer_.expires_at(deadline);
        timer_.async_wait([to = link_](const asio::error_code& failure) {
            if (!failure && to->client != nullptr) to->client->on_wake_up();
        });
    }

    // On an own context a deadline that nobody needs any more does no harm; on the user's it would keep run()
    // from returning.
    void disarm() override {
        if (!owned_) timer_.cancel();
    }

    void run() override {
        const auto guard = asio::make_work_guard(context_);
        context_.restart();
        context_.run();
    }
    void stop() override { context_.stop(); }

    [[nodiscard]] fd_watcher_ptr watch(int fd, fd_handler& handler) override {
        detail::asio_fd_watcher* watcher = detail::new_fd_watcher(context_, *link_->client, fd, handler);
        watchers_.push_back(*watcher);
        return fd_watcher_ptr(watcher);
    }

    void set_signal_handler(int signal, function<void()> handler) override {
        if (!signals_) signals_ = std::make_unique<detail::asio_signals>(context_, *link_->client);
        signals_->set(signal, std::move(handler));
    }

    // The pipe through which Asio hears of signals must not be shared. The program tells a context of its own itself.
    void notify_fork(fork_stage stage) noexcept override {
        if (!owned_) return;
        static constexpr asio::execution_context::fork_event events[] = {
            asio::execution_context::fork_prepare, asio::execution_context::fork_parent,
            asio::execution_context::fork_child};
        try {
            context_.notify_fork(events[static_cast<int>(stage)]);
        } catch (const std::exception&) {  // the child could not make its copy work, which it does not need
        }
    }

private:
    // Outlives the backend in handlers that the context still holds.
    struct link {
        backend_client* client;
    };

    void post_wake_up() {
        asio::post(context_, [to = link_] {
            if (to->client != nullptr) to->client->on_wake_up();
        });
    }

    std::unique_ptr<asio::io_context> owned_;
    asio::io_context& context_;
    asio::steady_timer timer_;
    std::shared_ptr<link> link_;
    std::unique_ptr<detail::asio_signals> signals_;
    intrusive_list<detail::asio_fd_watcher, detail::watcher_tag> watchers_;  // not released yet
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;  // while held_ > 0
    std::size_t held_ = 0;
};

}  // namespace aioxx

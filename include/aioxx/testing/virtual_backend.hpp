// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/virtual_backend.hpp: the backend contract on virtual time, without Asio and without descriptors.
// When nothing is ready the clock jumps to the next deadline. When there is none either, nothing can ever run
// again, and that is an error here instead of a program that hangs.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/core/backend.hpp>
#include <aioxx/testing/virtual_clock.hpp>

namespace aioxx::testing {

/// Nothing can run any more although the end has not been reached, or it runs on without an end.
class stalled : public error {
    using error::error;
};

/// The system below a test loop.
class virtual_backend final : public backend {
public:
    static constexpr std::size_t default_turn_limit = 10'000'000;

    void attach(backend_client& client) override { client_ = &client; }

    [[nodiscard]] time_point now() const noexcept override { return clock_.now(); }
    [[nodiscard]] const virtual_clock& clock() const noexcept { return clock_; }

    /// Lets time pass as if the code that runs now had blocked for so long.
    void block(duration delay) noexcept { clock_.advance_to(add_saturated(clock_.now(), delay)); }

    void request_turn() override { turn_requested_ = true; }
    void request_turn_threadsafe() override {
        const std::scoped_lock lock(mutex_);
        remote_requested_ = true;
        remote_arrived_.notify_one();
    }

    // While a thread outside is expected to call in, the loop waits for it in real time and the clock stands still.
    void hold() override { ++held_; }
    void release() noexcept override { --held_; }

    void arm(time_point deadline) override { deadline_ = deadline; }
    void disarm() override { deadline_.reset(); }

    /// Runs until stop(), or until nothing is left to do up to the horizon.
    ///
    /// Errors: stalled when nothing can run any more and there is no horizon, or when the limit of turns is exceeded.
    void run() override {
        stopped_ = false;
        for (std::size_t turns = 0; !stopped_; ++turns) {
            if (turns == turn_limit_) throw stalled(still_running());
            if (!run_ready() && !run_next_deadline()) {
                if (!horizon_) throw stalled("nothing can run any more at " + to_text(clock_.elapsed()));
                clock_.advance_to(*horizon_);
                return;
            }
        }
    }
    void stop() override { stopped_ = true; }

    /// Makes run() return when everything up to a point in time is done; none makes it go on until stop().
    void set_horizon(std::optional<time_point> horizon) noexcept { horizon_ = horizon; }

    /// Sets how many turns one run() may take.
    void set_turn_limit(std::size_t turns) noexcept { turn_limit_ = turns; }

    /// Errors: invalid_state_error, always.
    [[nodiscard]] fd_watcher_ptr watch(int, fd_handler&) override {
        throw invalid_state_error("virtual time has no descriptors: use a memory link");
    }

    void set_signal_handler(int signal, function<void()> handler) override {
        signal_handlers_.erase(signal);
        if (handler) signal_handlers_.emplace(signal, std::make_shared<function<void()>>(std::move(handler)));
    }

    /// Delivers a signal to the handler that is installed for it, in a turn of its own.
    ///
    /// Errors: std::invalid_argument when there is none, since the default action would be the program's end.
    void raise_signal(int signal) {
        if (!signal_handlers_.contains(signal)) {
            throw std::invalid_argument("raise_signal: no handler is installed for signal " + std::to_string(signal));
        }
        raised_.push_back(signal);
    }

private:
    // Returns: whether there was something.
    bool run_ready() {
        if (take_requests()) {
            client_->on_wake_up();
            return true;
        }
        if (raised_.empty()) return false;
        const auto handler = signal_handlers_.find(raised_.front());
        raised_.pop_front();
        if (handler != signal_handlers_.end()) {
            const auto alive = handler->second;  // it may remove itself
            client_->on_signal(*alive);
        }
        return true;
    }

    // A request of another thread counts as much as one of the loop. Waits while such a one is certain to come.
    bool take_requests() {
        std::unique_lock lock(mutex_);
        if (held_ > 0 && !turn_requested_ && raised_.empty()) {
            remote_arrived_.wait(lock, [this] { return remote_requested_; });
        }
        const bool remote = std::exchange(remote_requested_, false);
        return std::exchange(turn_requested_, false) || remote;
    }

    bool run_next_deadline() {
        if (!deadline_ || *deadline_ == time_point::max() || (horizon_ && *deadline_ > *horizon_)) return false;
        if (*deadline_ > clock_.now()) clock_.advance_to(*deadline_);
        deadline_.reset();
        client_->on_wake_up();
        return true;
    }

    [[nodiscard]] std::string still_running() const {
        return "still running after " + std::to_string(turn_limit_) + " turns, at " + to_text(clock_.elapsed());
    }

    backend_client* client_ = nullptr;
    virtual_clock clock_;
    std::optional<time_point> deadline_;
    std::optional<time_point> horizon_;
    std::size_t turn_limit_ = default_turn_limit;
    std::map<int, std::shared_ptr<function<void()>>> signal_handlers_;
    std::deque<int> raised_;
    int held_ = 0;
    bool turn_requested_ = false;
    bool stopped_ = false;

    std::mutex mutex_;  // guards the one below
    std::condition_variable remote_arrived_;
    bool remote_requested_ = false;
};

}  // namespace aioxx::testing

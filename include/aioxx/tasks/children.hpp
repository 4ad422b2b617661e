// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/children.hpp: waiting for several tasks and futures at once: what gather and wait have in common.
// Each of them has a node in the waiting coroutine, which hangs in the list of those who wait for it: a thousand
// children cost one allocation beside their own, and each of them one more entry in a batch. Those who own their
// children, as all and race do, are task groups.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <utility>
#include <vector>

#include <aioxx/core/future_base.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx::detail {

class children_wait;

// One of those waited for, without its type. Its run() reports with ended().
class awaited_child : public wait_node {
protected:
    awaited_child() = default;
    ~awaited_child() = default;

    void ended(std::exception_ptr failure);

private:
    friend class children_wait;

    children_wait* wait_ = nullptr;
    future_base* awaited_ = nullptr;
    awaited_child* next_ = nullptr;
};

// Waits until enough of its children have ended.
class children_wait : public waiter {
public:
    enum class until : unsigned char { all_ended, one_ended, failure };

    // Parameters: `cancels` whether a cancellation of the wait is one of the children, for whose end it then waits.
    children_wait(until enough, bool cancels, const char* name) noexcept
        : enough_(enough), cancels_(cancels), name_(name) {}

    // Parameters: `failure` gives what it has ended with, or null. Called when it has already.
    // Errors: invalid_state_error for one that could never end the wait: of another loop, or the present task.
    template <class State, class Failure>
    void add(awaited_child& child, State& awaited, Failure failure) {
        const bool done = awaited.done();
        if (!done) awaited.require_awaitable_here();
        child.wait_ = this;
        child.awaited_ = &awaited;
        *end_ = &child;
        end_ = &child.next_;
        ++pending_;
        if (done) {
            child_ended(failure());
        } else {
            awaited.add_waiter(child);
        }
    }

    [[nodiscard]] bool await_ready() const noexcept {
        return pending_ == 0 || failure_ || (enough_ == until::one_ended && one_ended_);
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        this->suspend(coroutine);
    }
    void await_resume() {
        if (this->cancelled()) give_up();
        this->throw_if_cancelled();
    }

    // Errors that nobody will ask for count as seen, also those that are still to come.
    void give_up() noexcept {
        if (!cancels_) return;
        for (awaited_child* child = children_; child != nullptr; child = child->next_) child->awaited_->mark_retrieved();
    }

    // Throws the failure that ended the wait.
    void throw_failure() const {
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    friend class awaited_child;

    void child_ended(std::exception_ptr failure) {
        --pending_;
        one_ended_ = true;
        if (failure && enough_ == until::failure && !failure_) failure_ = std::move(failure);
        if (await_ready()) wake();
    }

    // From here on nothing but the end of all children matters.
    void cancel_wait() noexcept override {
        if (!cancels_) return this->wake_cancelled();
        this->set_cancelled();
        enough_ = until::all_ended;
        for (awaited_child* child = children_; child != nullptr; child = child->next_) {
            child->awaited_->cancel(this->cancel_message());
        }
    }
    const char* waits_for() const noexcept override { return name_; }
    std::vector<const future_base*> awaited() const override {
        std::vector<const future_base*> pending;
        for (awaited_child* child = children_; child != nullptr; child = child->next_) {
            if (!child->awaited_->done()) pending.push_back(child->awaited_);
        }
        return pending;
    }

    awaited_child* children_ = nullptr;  // the first one
    awaited_child** end_ = &children_;   // where the next one is linked
    std::size_t pending_ = 0;
    std::exception_ptr failure_;
    until enough_;
    bool cancels_;
    bool one_ended_ = false;
    const char* name_;
};

inline void awaited_child::ended(std::exception_ptr failure) { wait_->child_ended(std::move(failure)); }

}  // namespace aioxx::detail

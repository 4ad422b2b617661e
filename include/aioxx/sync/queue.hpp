// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/queue.hpp: a bounded FIFO between tasks.
//
// An item is handed over to a task in get(): it stays in the queue until the task resumes and takes it, so a
// cancellation in between moves nothing: the next task gets it, and the order of items never changes. A task in put()
// keeps its item until there is room; whoever makes room moves the item in, so that one batch of the loop fills what
// another one has emptied.

#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/ring_buffer.hpp>
#include <aioxx/sync/wait_queue.hpp>

namespace aioxx {

/// Passes items from tasks that put to tasks that get (asyncio: Queue).
///
/// Fair: items go out in the order they came in, to tasks in the order they asked; nobody overtakes a task that
/// waits. Items need only be movable. Allocates only while it grows to the most items it ever held.
/// Parameters: `Store` what keeps the items and decides which is next: push, pop, size, clear.
/// Concurrency: one loop. Other threads put through call_soon_threadsafe.
/// Asyncio: qsize() and empty() do not count items that are on their way to a task which was woken for them.
/// Example:
///     aioxx::queue<std::string> lines(100);
///     aioxx::coro<> produce() { co_await lines.put("hello"); }
///     aioxx::coro<> consume() { std::string line = co_await lines.get(); lines.task_done(); }
template <class T, class Store = ring_buffer<T>>
class queue : pinned {
public:
    using value_type = T;
    class put_awaiter;
    class get_awaiter;
    class join_awaiter;

    /// Parameters: `maxsize` the most items it holds; zero means no limit.
    explicit queue(std::size_t maxsize = 0) noexcept : maxsize_(maxsize) {}

    [[nodiscard]] std::size_t maxsize() const noexcept { return maxsize_; }
    /// How many items get_nowait could take.
    [[nodiscard]] std::size_t qsize() const noexcept { return items_.size() - getters_.handed(); }
    [[nodiscard]] bool empty() const noexcept { return qsize() == 0; }
    /// Whether put_nowait would be refused for want of room; never without a limit.
    [[nodiscard]] bool full() const noexcept {
        return maxsize_ != 0 && items_.size() >= maxsize_;
    }

    /// Adds an item, waiting for room while the queue is full.
    ///
    /// Errors: queue_shut_down, also for those who wait when shutdown() is called; the item is dropped.
    /// Cancellation: safe. A cancelled put has added nothing: once its item is in the queue, the put succeeds and the
    /// cancellation is put off to the next suspension.
    /// Asyncio: adds the item only when the task resumes, so a put may be cancelled although there was room.
    [[nodiscard]] put_awaiter put(T item) { return put_awaiter(*this, std::move(item)); }

    /// Takes the next item, waiting for one while the queue is empty.
    ///
    /// Errors: queue_shut_down when shutdown() was called and nothing is left.
    /// Cancellation: safe. A cancelled get has taken nothing, and the item goes to the next task.
    [[nodiscard]] get_awaiter get() noexcept { return get_awaiter(*this); }

    /// Adds an item. Errors: queue_full; queue_shut_down.
    void put_nowait(T item) {
        if (shut_down_) throw queue_shut_down();
        if (full()) throw queue_full();
        add(std::move(item));
    }

    /// Takes the next item. Errors: queue_empty; queue_shut_down when it is empty for good.
    T get_nowait() {
        if (!empty()) return take();
        if (shut_down_) throw queue_shut_down();
        throw queue_empty();
    }

    /// Adds an item if there is room. Returns: whether it did; if not, the item is left as it was.
    ///
    /// Errors: queue_shut_down.
    [[nodiscard]] bool try_put(T&& item) {
        if (shut_down_) throw queue_shut_down();
        if (full()) return false;
        add(std::move(item));
        return true;
    }

    /// Takes the next item if there is one. Returns: nothing when the queue is empty, shut down or not.
    [[nodiscard]] std::optional<T> try_get() {
        if (empty()) return std::nullopt;
        return std::optional<T>(take());
    }

    /// Says that an item which was taken has been dealt with. The last one wakes those in join().
    ///
    /// Errors: std::logic_error when it is called more often than items were put.
    void task_done() {
        if (unfinished_ == 0) throw std::logic_error("task_done: called more often than items were put");
        if (--unfinished_ == 0) joiners_.wake_all();
    }

    /// How many items were put and not reported with task_done yet.
    [[nodiscard]] std::size_t unfinished() const noexcept { return unfinished_; }

    /// Waits until every item that was put has been reported with task_done; does not suspend if that is so.
    ///
    /// Cancellation: safe. Nothing changes.
    [[nodiscard]] join_awaiter join() noexcept { return join_awaiter(*this); }

    /// Ends the queue: put fails from now on, get fails once the queue is empty. Those who wait in vain are woken.
    ///
    /// Parameters: `immediate` drops the items that are left, each as if task_done had been called for it, and so
    /// lets join() end once the items taken before are reported. Repeating the call is harmless.
    void shutdown(bool immediate = false) noexcept {
        shut_down_ = true;
        putters_.wake_all();
        if (immediate) drop_items();
        getters_.wake_all();
    }

    [[nodiscard]] bool is_shut_down() const noexcept { return shut_down_; }

private:
    void add(T item) {
        items_.push(std::move(item));
        ++unfinished_;
        pass_item_on();
    }

    T take() {
        T item = items_.pop();
        while (!putters_.empty() && !full()) static_cast<put_awaiter*>(putters_.front())->move_in();
        return item;
    }

    void drop_items() noexcept {
        getters_.revoke();
        const std::size_t dropped = items_.size();
        items_.clear();
        unfinished_ -= dropped;
        if (dropped != 0 && unfinished_ == 0) joiners_.wake_all();
    }

    void pass_item_on() noexcept { getters_.hand_over(); }

    std::size_t maxsize_;
    std::size_t unfinished_ = 0;
    bool shut_down_ = false;
    Store items_;          // getters_.handed() of them are spoken for
    wait_queue getters_;   // somebody waits only while every item is spoken for
    wait_queue putters_;   // somebody waits only while the queue is full
    wait_queue joiners_;
};

template <class T, class Store>
class queue<T, Store>::put_awaiter final : public wait_queue::entry {
public:
    put_awaiter(queue& owner, T item) : entry(owner.putters_), owner_(owner), item_(std::move(item)) {}

    [[nodiscard]] bool await_ready() const noexcept { return owner_.shut_down_ || !owner_.full(); }
    void await_resume() {
        if (moved_in_) {
            if (this->cancelled()) [[unlikely]] this->postpone_cancellation();
            return;
        }
        this->throw_if_cancelled();
        if (failure_) [[unlikely]] std::rethrow_exception(failure_);
        if (owner_.shut_down_) [[unlikely]] throw queue_shut_down();
        owner_.add(std::move(item_));
    }

private:
    friend class queue;

    // There is room. An error of the store is this task's and not that of the one who made room.
    void move_in() noexcept {
        owner_.putters_.wake_front();
        try {
            owner_.add(std::move(item_));
            moved_in_ = true;
        } catch (...) {
            failure_ = std::current_exception();
        }
    }
    const char* waits_for() const noexcept override { return "room in a queue"; }

    queue& owner_;
    T item_;
    bool moved_in_ = false;
    std::exception_ptr failure_;
};

template <class T, class Store>
class queue<T, Store>::get_awaiter final : public wait_queue::handed_entry<queue, &queue::pass_item_on> {
    using base = wait_queue::handed_entry<queue, &queue::pass_item_on>;

public:
    explicit get_awaiter(queue& owner) noexcept : base(owner.getters_, owner) {}

    [[nodiscard]] bool await_ready() const noexcept { return this->owner().shut_down_ || !this->owner().empty(); }
    T await_resume() {
        this->base::take();
        if (this->owner().empty()) throw queue_shut_down();
        return this->owner().take();
    }

private:
    const char* waits_for() const noexcept override { return "an item of a queue"; }
};

template <class T, class Store>
class queue<T, Store>::join_awaiter final : public wait_queue::entry {
public:
    explicit join_awaiter(queue& owner) noexcept : entry(owner.joiners_), owner_(owner) {}

    [[nodiscard]] bool await_ready() const noexcept { return owner_.unfinished_ == 0; }
    void await_resume() const { throw_if_cancelled(); }

private:
    const char* waits_for() const noexcept override { return "the items of a queue"; }

    queue& owner_;
};

}  // namespace aioxx

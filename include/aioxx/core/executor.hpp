// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/executor.hpp: blocking calls on worker threads, with a future on the loop for each result.
// One pool for a loop, made when it is first used. Threads are started on demand, wait for work until the loop
// is closed, and are joined then.
//
// Two lists and one mutex: the loop's thread appends to waiting_, a worker takes from it, runs, and appends to
// finished_, which the loop's thread empties. Futures and all memory of jobs belong to the loop's thread; a
// worker touches the function and its outcome only.

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/future.hpp>

namespace aioxx {

namespace detail {

struct job_tag;

// One blocking call. Made and destroyed on the loop's thread.
class worker_job : public list_node<job_tag>, public pool_allocated {
public:
    virtual ~worker_job() = default;
    // On a worker.
    virtual void execute() noexcept = 0;
    // On the loop's thread.
    virtual void deliver() = 0;

    std::uint64_t number = 0;  // of submission: ascending in the list of those that wait
};

template <class Function, class T>
class blocking_call final : public worker_job {
public:
    blocking_call(Function function, future<T> destination)
        : function_(std::move(function)), destination_(std::move(destination)) {}

    void execute() noexcept override {
        try {
            if constexpr (std::is_void_v<T>) {
                function_();
                outcome_.set_value();
            } else {
                outcome_.set_value(function_());
            }
        } catch (...) {
            outcome_.set_exception(std::current_exception());
        }
    }

    void deliver() override {
        if (destination_.done()) return;  // cancelled meanwhile: the outcome is dropped
        if (outcome_.has_exception()) {
            destination_.set_exception(outcome_.exception());
        } else if constexpr (std::is_void_v<T>) {
            destination_.set_result();
        } else {
            destination_.set_result(outcome_.take_value());
        }
    }

private:
    Function function_;
    future<T> destination_;
    result<T> outcome_;
};

// The worker threads of one loop.
class worker_pool : pinned {
public:
    explicit worker_pool(event_loop& loop) noexcept : loop_(loop) {}

    // The loop is closed: calls that have not started are dropped, those that have are waited for.
    ~worker_pool() {
        {
            const std::scoped_lock lock(mutex_);
            ending_ = true;
        }
        work_arrived_.notify_all();
        for (std::thread& thread : threads_) thread.join();
        drop(waiting_);
        drop(finished_);
    }

    void set_limit(std::size_t threads) noexcept { limit_ = threads; }

    // Returns: the job's number.
    std::uint64_t submit(std::unique_ptr<worker_job> job) {
        const std::scoped_lock lock(mutex_);
        loop_.system().hold();
        job->number = ++submitted_;
        waiting_.push_back(*job.release());
        ++waiting_count_;
        if (waiting_count_ <= idle_ || threads_.size() == limit_) {
            work_arrived_.notify_one();
        } else {
            start_thread();
        }
        return submitted_;
    }

    // Takes a call back unless it has started.
    void withdraw(std::uint64_t number) noexcept {
        std::unique_ptr<worker_job> withdrawn;
        const std::scoped_lock lock(mutex_);
        worker_job* job = waiting_.front();
        while (job != nullptr && job->number < number) job = waiting_.next(*job);
        if (job == nullptr || job->number != number) return;
        withdrawn.reset(job);
        job->unlink();
        --waiting_count_;
        loop_.system().release();
    }

private:

    void start_thread() {
        try {
            threads_.emplace_back([this] { work(); });
        } catch (...) {
            if (threads_.empty()) throw;  // else one of the others does it in time
        }
    }

    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            ++idle_;
            work_arrived_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
            --idle_;
            if (ending_) return;
            worker_job* job = waiting_.pop_front();
            --waiting_count_;
            lock.unlock();
            job->execute();
            lock.lock();
            hand_in(*job);
        }
    }

    // The first one since the loop looked tells it.
    void hand_in(worker_job& job) noexcept {
        const bool first = finished_.empty();
        finished_.push_back(job);
        if (!first) return;
        try {
            loop_.call_soon_threadsafe([this] { deliver_finished(); });
        } catch (...) {
            // The loop was closed: the destructor clears up.
        }
    }

    void deliver_finished() {
        intrusive_list<worker_job, job_tag> arrived;
        {
            const std::scoped_lock lock(mutex_);
            arrived.splice_back(finished_);
        }
        while (worker_job* job = arrived.pop_front()) {
            const std::unique_ptr<worker_job> owner(job);
            loop_.system().release();
            loop_.guarded([&] { job->deliver(); }, "exception while the outcome of a blocking call was delivered");
        }
    }

    void drop(intrusive_list<worker_job, job_tag>& jobs) noexcept {
        while (worker_job* job = jobs.pop_front()) {
            delete job;
            loop_.system().release();
        }
    }

    event_loop& loop_;
    std::vector<std::thread> threads_;
    std::size_t limit_ = std::min<std::size_t>(32, std::thread::hardware_concurrency() + 4);

    std::mutex mutex_;  // guards what follows
    std::condition_variable work_arrived_;
    intrusive_list<worker_job, job_tag> waiting_;
    intrusive_list<worker_job, job_tag> finished_;
    std::uint64_t submitted_ = 0;
    std::size_t waiting_count_ = 0;
    std::size_t idle_ = 0;  // threads that wait for work, including those that were notified
    bool ending_ = false;
};

}  // namespace detail

/// Sets how many worker threads a loop may start; those that run stay. The default is asyncio's, the number of
/// processors plus four, 32 at most.
///
/// Errors: std::invalid_argument for zero.
inline void set_worker_limit(event_loop& loop, std::size_t threads) {
    if (threads == 0) throw std::invalid_argument("set_worker_limit: expected at least one thread, got 0");
    loop.extension<detail::worker_pool>().set_limit(threads);
}

/// Calls a function on a worker thread (asyncio: loop.run_in_executor with the default executor).
///
/// Parameters: `function` takes nothing; it, its captures and its result must bear to be used on another thread.
/// Returns: a future of the running loop with what the function returns or throws.
/// Errors: invalid_state_error when the loop is closed.
/// Cancellation: cancelling the future before the function has started takes the call back; later the function
/// runs to its end and its outcome is dropped.
/// Lifetime: closing the loop waits for functions that have started.
template <class Function>
auto run_in_executor(event_loop& loop, Function function) {
    using value = std::invoke_result_t<Function&>;
    loop.require_open("run_in_executor");
    future<value> outcome(loop);
    auto& pool = loop.extension<detail::worker_pool>();
    const auto number =
        pool.submit(std::make_unique<detail::blocking_call<Function, value>>(std::move(function), outcome));
    outcome.add_done_callback([&pool, number] { pool.withdraw(number); });
    return outcome;
}

/// As above, on the running loop.
template <class Function>
auto run_in_executor(Function function) {
    return run_in_executor(get_running_loop(), std::move(function));
}

/// Calls a function with arguments on a worker thread and waits for it (asyncio: to_thread).
///
/// Returns: what the function returns; throws what it throws.
/// Cancellation: as run_in_executor: ends at once; a function that has started runs to its end unobserved.
/// Example:
///     std::string text = co_await aioxx::to_thread(read_whole_file, std::filesystem::path("notes.txt"));
template <class Function, class... Args>
coro<std::invoke_result_t<Function, Args...>> to_thread(Function function, Args... args) {
    auto call = [function = std::move(function), packed = std::tuple<Args...>(std::move(args)...)]() mutable
        -> std::invoke_result_t<Function, Args...> { return std::apply(std::move(function), std::move(packed)); };
    co_return co_await run_in_executor(std::move(call));
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/worker_pool.hpp: the worker threads of a loop.
// One pool for a loop, made when it is first used. Threads are started on demand, wait for work until the loop
// is closed or the pool is shut down, and are joined then.
//
// Two lists and one mutex: the loop's thread appends to waiting_, a worker takes from it, runs, and appends to
// finished_, which the loop's thread empties. Futures and all memory of jobs belong to the loop's thread; a
// worker touches what a job executes only.

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/thread_gate.hpp>

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
        join();
        drop(waiting_);
        drop(finished_);
        if (is_retired() && !gone_.done()) loop_.system().release();
    }

    void set_limit(std::size_t threads) noexcept { limit_ = threads; }

    // Returns: the job's number. Errors: invalid_state_error when the pool was shut down.
    std::uint64_t submit(std::unique_ptr<worker_job> job) {
        if (is_retired()) throw invalid_state_error("run_in_executor: the default executor was shut down");
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

    // Takes a call back unless it has started. Returns: whether it did.
    bool withdraw(std::uint64_t number) noexcept {
        std::unique_ptr<worker_job> withdrawn;
        const std::scoped_lock lock(mutex_);
        worker_job* job = waiting_.front();
        while (job != nullptr && job->number < number) job = waiting_.next(*job);
        if (job == nullptr || job->number != number) return false;
        withdrawn.reset(job);
        job->unlink();
        --waiting_count_;
        loop_.system().release();
        return true;
    }

    // Takes no more calls; the threads leave when those that it has are done. Returns: done when they have left.
    const future<>& retire() {
        if (is_retired()) return gone_;
        gone_ = future<>(loop_);
        loop_.system().hold();
        {
            const std::scoped_lock lock(mutex_);
            retiring_ = true;
        }
        work_arrived_.notify_all();
        if (threads_.empty()) finish_retirement();
        return gone_;
    }

    // How many threads have not left.
    [[nodiscard]] std::size_t threads() const noexcept { return threads_.size(); }

private:
    [[nodiscard]] bool is_retired() const noexcept { return static_cast<bool>(gone_); }

    void start_thread() {
        try {
            threads_.emplace_back([this, number = threads_.size() + 1] {
                AIOXX_NAME_THREAD(("aioxx-" + std::to_string(number)).c_str());
                work();
            });
            ++present_;
        } catch (...) {
            if (threads_.empty()) throw;  // else one of the others does it in time
        }
    }

    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            ++idle_;
            work_arrived_.wait(lock, [this] { return ending_ || retiring_ || !waiting_.empty(); });
            --idle_;
            if (ending_) return;
            if (waiting_.empty()) return leave();
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
        if (first) tell_loop([this] { deliver_finished(); });
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

    // The last one tells the loop.
    void leave() noexcept {
        if (--present_ == 0) tell_loop([this] { finish_retirement(); });
    }

    template <class Function>
    void tell_loop(Function function) noexcept {
        try {
            loop_.call_soon_threadsafe(std::move(function));
        } catch (...) {
            // The loop was closed: the destructor clears up.
        }
    }

    void finish_retirement() {
        join();
        loop_.system().release();
        gone_.set_result();
    }

    void join() noexcept {
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
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
    future<> gone_;  // empty until the pool is shut down

    std::mutex mutex_;  // guards what follows
    std::condition_variable work_arrived_;
    intrusive_list<worker_job, job_tag> waiting_;
    intrusive_list<worker_job, job_tag> finished_;
    std::uint64_t submitted_ = 0;
    std::size_t waiting_count_ = 0;
    std::size_t idle_ = 0;  // threads that wait for work, including those that were notified
    std::size_t present_ = 0;  // threads that have not left
    bool retiring_ = false;    // the threads leave when there is no more work
    bool ending_ = false;      // they leave at once
};

}  // namespace detail

}  // namespace aioxx

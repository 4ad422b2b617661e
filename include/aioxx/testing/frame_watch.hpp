// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/frame_watch.hpp: counts what is taken from the frame pool and not given back: coroutine frames, tasks,
// futures and callbacks. What nobody can reach any more, because two of them hold each other, shows here at once,
// and not only in a leak checker at the end of the program.

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/frame_pool.hpp>

namespace aioxx::testing {

/// Something was taken from the frame pool and not given back.
class lost_frames : public error {
    using error::error;
};

/// Watches the frame pool of this thread until the end of the scope. Meanwhile the pool keeps nothing.
///
/// Concurrency: what other threads take does not count, and what they give back of this one's counts as lost.
/// Lifetime: scopes nest; what is alive at the end of an inner one counts for the outer one.
class frame_watch : pinned {
public:
    /// Parameters: `before_each` is called with the size before each allocation, and may make it fail by throwing.
    explicit frame_watch(function<void(std::size_t)> before_each = {})
        : before_each_(std::move(before_each)), former_(std::exchange(present_, this)) {
        if (former_ == nullptr) take_over();
    }
    ~frame_watch() {
        present_ = former_;
        if (former_ == nullptr) {
            give_back();
        } else {
            former_->blocks_.merge(blocks_);
        }
    }

    /// How many blocks were taken since the beginning and are not given back.
    [[nodiscard]] std::size_t alive() const noexcept { return blocks_.size(); }

    /// Errors: lost_frames, with the sizes, when something is alive.
    void require_none_alive() const {
        if (blocks_.empty()) return;
        std::map<std::size_t, std::size_t> sizes;
        for (const auto& [block, size] : blocks_) ++sizes[size];
        std::string text = "never given back to the frame pool:";
        for (const auto& [size, count] : sizes) {
            text += ' ' + std::to_string(count) + " of " + std::to_string(size) + " bytes,";
        }
        throw lost_frames(text + " which are coroutines, tasks, futures or callbacks that nobody ends or that hold each other");
    }

private:
    static void* allocate(std::size_t size) {
        for (frame_watch* each = present_; each != nullptr; each = each->former_) {
            if (each->before_each_) each->before_each_(size);
        }
        void* block = source_.allocate(size);
        if (present_ != nullptr) present_->blocks_.emplace(block, size);
        return block;
    }
    static void deallocate(void* block, std::size_t size) noexcept {
        for (frame_watch* each = present_; each != nullptr && each->blocks_.erase(block) == 0;) each = each->former_;
        source_.deallocate(block, size);
    }

    // A pool that keeps nothing asks its source for every block.
    void take_over() {
#if !defined(AIOXX_NO_FRAME_POOL)
        aioxx::detail::deallocate_frame(aioxx::detail::allocate_frame(1), 1);  // the thread's pool exists from here on
        kept_ = std::exchange(aioxx::detail::free_frames, {});
#endif
        source_ = std::exchange(aioxx::detail::frame_source, frame_memory{allocate, deallocate});
    }
    void give_back() noexcept {
        set_frame_memory(source_);
#if !defined(AIOXX_NO_FRAME_POOL)
        aioxx::detail::free_frames = kept_;
#endif
    }

    static inline thread_local frame_watch* present_ = nullptr;
    static inline frame_memory source_{};  // below the watch

    function<void(std::size_t)> before_each_;
    frame_watch* former_;
    std::unordered_map<void*, std::size_t> blocks_;
#if !defined(AIOXX_NO_FRAME_POOL)
    aioxx::detail::frame_lists kept_{};  // by the pool, before the watch
#endif
};

/// Calls a function that makes its loops itself, and checks that it gave back every frame.
///
/// Errors: what the function throws; lost_frames.
/// Example:
///     explore(1000, [](std::uint64_t) {
///         check_frames([] {
///             test_loop loop;
///             loop.run(serve_one_client());
///         });
///     });
template <class Function>
void check_frames(Function&& function) {
    const frame_watch watch;
    std::forward<Function>(function)();
    watch.require_none_alive();
}

}  // namespace aioxx::testing

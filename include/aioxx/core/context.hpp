// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/context.hpp: the values of context variables that a task, a callback or a thread sees.
// A context is an immutable set of values behind one counted pointer: starting a task copies that pointer, and
// setting a variable replaces the set. Programs that use no variable never allocate one.

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace aioxx {

/// The values of all context variables at one moment (asyncio: contextvars.Context). Cheap to copy.
///
/// Concurrency: copies may be used on any thread.
class context {
public:
    context() noexcept = default;
    context(const context& other) noexcept : values_(other.values_) {
        if (values_ != nullptr) values_->references.fetch_add(1, std::memory_order_relaxed);
    }
    context(context&& other) noexcept : values_(std::exchange(other.values_, nullptr)) {}
    context& operator=(context other) noexcept {
        std::swap(values_, other.values_);
        return *this;
    }
    ~context() {
        if (values_ != nullptr && values_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete values_;
    }

    /// Whether no variable is set.
    [[nodiscard]] bool empty() const noexcept { return values_ == nullptr; }

    friend void swap(context& a, context& b) noexcept { std::swap(a.values_, b.values_); }

    // ---- for context_var ----

    /// The value of a variable, which its address stands for; null when it has none.
    [[nodiscard]] const std::shared_ptr<const void>* find(const void* variable) const noexcept {
        if (values_ == nullptr) return nullptr;
        for (const auto& entry : values_->entries) {
            if (entry.first == variable) return &entry.second;
        }
        return nullptr;
    }

    /// Sets the value of a variable, or takes it out with a null one.
    void replace(const void* variable, std::shared_ptr<const void> value) {
        auto next = std::make_unique<set>();
        if (values_ != nullptr) {
            std::copy_if(values_->entries.begin(), values_->entries.end(), std::back_inserter(next->entries),
                         [variable](const auto& entry) { return entry.first != variable; });
        }
        if (value) next->entries.emplace_back(variable, std::move(value));
        context replaced;
        if (!next->entries.empty()) replaced.values_ = next.release();
        *this = std::move(replaced);
    }

private:
    struct set {
        std::atomic<int> references = 1;
        std::vector<std::pair<const void*, std::shared_ptr<const void>>> entries;
    };

    set* values_ = nullptr;
};

namespace detail {

// Of the task or callback that runs, else of the thread.
inline context& current_context() noexcept;

// The context of code that no loop runs.
inline context& thread_context() {
    static thread_local context own;
    return own;
}

}  // namespace detail

}  // namespace aioxx

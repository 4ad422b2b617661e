// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/acquire.hpp: what lock and semaphore have in common: waiting until one is handed over, and holding it for
// a scope. An owner has a queue, bool try_acquire() and void hand_on() noexcept, and names itself in `kind`.

#include <tuple>
#include <utility>

#include <aioxx/sync/wait_queue.hpp>

namespace aioxx {

/// Holds a lock, or one unit of a semaphore, until the end of the scope. Moved, not copied.
///
/// Parameters: `Key` what the owner knows the holder by, when it keeps a list of them.
template <class Owner, class... Key>
class [[nodiscard]] held {
public:
    explicit held(Owner& owner, Key... key) noexcept : owner_(&owner), key_(key...) {}
    held(held&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(other.key_) {}
    held& operator=(held other) noexcept {
        std::swap(owner_, other.owner_);
        std::swap(key_, other.key_);
        return *this;
    }
    ~held() { release(); }

    /// Gives it back now. Nothing happens when that was done before.
    void release() noexcept {
        if (owner_ == nullptr) return;
        Owner& owner = *std::exchange(owner_, nullptr);
        std::apply([&owner](Key... key) { owner.hand_on(key...); }, key_);
    }

    /// Whether it still holds.
    explicit operator bool() const noexcept { return owner_ != nullptr; }

private:
    Owner* owner_;
    [[no_unique_address]] std::tuple<Key...> key_;
};

namespace detail {

template <class Owner>
class acquire_awaiter : public wait_queue::handed_entry<Owner, &Owner::hand_on> {
public:
    explicit acquire_awaiter(wait_queue& queue, Owner& owner) noexcept
        : wait_queue::handed_entry<Owner, &Owner::hand_on>(queue, owner) {}

    [[nodiscard]] bool await_ready() const noexcept { return this->owner().try_acquire(); }
    void await_resume() { this->take(); }

private:
    const char* waits_for() const noexcept override { return Owner::kind; }
};

template <class Owner>
class scoped_awaiter final : public acquire_awaiter<Owner> {
public:
    using acquire_awaiter<Owner>::acquire_awaiter;

    held<Owner> await_resume() {
        this->take();
        return held<Owner>(this->owner());
    }
};

}  // namespace detail

}  // namespace aioxx

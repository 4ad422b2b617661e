// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/channel_core.hpp: the part of a channel that does not know what an item is: who holds an end, who waits, and
// what is promised to whom. The items are in channel.hpp.
//
// An item that is sent while somebody waits for one is promised to the one who has waited longest: it stays
// in the channel until that task resumes and takes it. A task that is cancelled or destroyed before that gives
// the promise back, and the item goes to the next one, or stays as the first to be taken. An item that has no
// room waits in the frame of its sender, and is taken from there when its turn has come: the send is complete
// from that moment, whatever happens to the sending task.
//
// So tasks wait for an item only while every item is promised, and tasks wait for room only while as many as
// fit are not promised: never both.

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

/// What a channel holds and who uses it, for reports.
struct channel_statistics {
    std::size_t items;  ///< that are there to be taken; not those promised to a task which was woken for them
    std::size_t capacity;
    std::size_t open_senders;
    std::size_t open_receivers;
    std::size_t waiting_senders;    ///< tasks that wait for room
    std::size_t waiting_receivers;  ///< tasks that wait for an item, alone or in a select
};

namespace detail {

struct channel_tag;
class channel_offer;
class channel_place;
class channel_taker;

[[noreturn]] AIOXX_COLD inline void throw_end_closed(const char* operation) {
    throw closed_error(std::string(operation) + ": this end of the channel is closed");
}

/// A channel without its items. Counted by reference: each end has a share, and each wait.
class channel_core : public pool_allocated {
public:
    channel_core(const channel_core&) = delete;
    channel_core& operator=(const channel_core&) = delete;

    void add_reference() noexcept { ++references_; }
    void drop_reference() noexcept {
        if (--references_ == 0) delete this;
    }

    // ---- ends: each has a number, by which those who wait through it are known ----

    std::uint64_t add_sender() noexcept {
        ++senders_;
        return ++ends_;
    }
    std::uint64_t add_receiver() noexcept {
        ++receivers_;
        return ++ends_;
    }
    void remove_sender(std::uint64_t number) noexcept;
    void remove_receiver(std::uint64_t number) noexcept;

    // ---- sending ----

    [[nodiscard]] bool has_receivers() const noexcept { return receivers_ != 0; }
    void require_receivers() const {
        if (!has_receivers()) [[unlikely]] throw_broken();
    }
    /// Whether an item is accepted at once.
    [[nodiscard]] bool has_room() const noexcept { return free_ < capacity_ || !receiving_.empty(); }
    void wait_for_room(channel_offer& offer);

    // ---- receiving ----

    /// Whether there is something to be said at once: an item, or that none will come.
    [[nodiscard]] bool is_ready() const noexcept { return free_ != 0 || !sending_.empty() || is_ended(); }
    void wait_for_item(channel_place& place) noexcept;
    /// Errors: invalid_state_error when tasks of another loop wait for an item.
    void require_same_loop() const;
    /// An item that was promised will not be taken by that task.
    void give_back() noexcept {
        ++free_;
        promise_oldest();
        end_promise();
    }

    [[nodiscard]] channel_statistics statistics() const noexcept {
        return {free_, capacity_, senders_, receivers_, sending_.size(), receiving_.size()};
    }

    std::uint64_t last_selected = 0;  // when a select last took from it, in a time that only selects know

protected:
    explicit channel_core(std::size_t capacity) noexcept : capacity_(capacity) {}
    virtual ~channel_core() = default;

    [[nodiscard]] channel_offer* oldest_offer() const noexcept;

    /// One item more, which nobody was promised: promises it to the one who has waited longest.
    void promise_oldest() noexcept;
    void end_promise() noexcept {
        --promised_;
        tell_the_end();
    }

    const std::size_t capacity_;
    std::size_t free_ = 0;  // items that are not promised

private:
    // Nothing comes any more. An item that is promised may still be given back: it is not the end before that.
    [[nodiscard]] bool is_ended() const noexcept { return senders_ == 0 && free_ == 0 && promised_ == 0; }
    void tell_the_end() noexcept;
    virtual void drop_items() noexcept = 0;
    static void refuse_other_loop(const waiter& oldest);
    [[noreturn]] AIOXX_COLD static void throw_broken() {
        throw broken_error(std::make_error_code(std::errc::broken_pipe), "send: no receiver is left");
    }

    std::size_t promised_ = 0;  // items that belong to tasks which were woken for them
    std::size_t senders_ = 0;
    std::size_t receivers_ = 0;
    std::uint64_t ends_ = 0;  // so far
    std::size_t references_ = 0;
    intrusive_list<channel_place, channel_tag> receiving_;  // somebody only while no item is free
    wait_list sending_;  // channel_offers; somebody only while there is no room
};

/// The place of a task in the line of one channel, and the item that it was promised there.
class channel_place : public list_node<channel_tag> {
public:
    channel_place() noexcept = default;
    ~channel_place() { give_back(); }

    /// Chooses the channel. One whose end is closed is as none.
    template <class Receiver>
    void watch(const Receiver& receiver) noexcept {
        core_ = state_ptr<channel_core>(receiver.state_.get());
        end_ = receiver.number_;
    }
    /// Whether there is a channel.
    explicit operator bool() const noexcept { return static_cast<bool>(core_); }
    [[nodiscard]] channel_core& core() const noexcept { return *core_; }
    [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

    void join(channel_taker& taker) noexcept {
        taker_ = &taker;
        core_->wait_for_item(*this);
    }
    [[nodiscard]] channel_taker& taker() const noexcept { return *taker_; }

    void promise() noexcept { promised_ = true; }
    void give_back() noexcept {
        if (std::exchange(promised_, false)) core_->give_back();
    }
    [[nodiscard]] bool is_promised() const noexcept { return promised_; }
    /// What was promised has been taken.
    void fulfil() noexcept { promised_ = false; }

private:
    state_ptr<channel_core> core_;
    channel_taker* taker_ = nullptr;
    std::uint64_t end_ = 0;
    bool promised_ = false;
};

/// Base of awaiters that take one item from one of some channels.
class channel_taker : public waiter {
public:
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        for (const channel_place& place : places_) {
            if (place) place.core().require_same_loop();
        }
        for (channel_place& place : places_) {
            if (place) place.join(*this);
        }
        this->suspend(coroutine);
    }

    /// The channel of a place has an item for it, or has ended.
    void serve(channel_place& place) noexcept {
        leave();
        chosen_ = &place;
        wake();
    }
    /// The end that a place belongs to was closed.
    void lose(channel_place& place) noexcept {
        place.unlink();
        for (const channel_place& other : places_) {
            if (other.is_linked()) return;
        }
        wake();
    }

protected:
    channel_taker() = default;
    ~channel_taker() = default;

    /// What await_resume begins with. Returns: the place to take from.
    channel_place& served(const char* operation) {
        if (cancelled()) [[unlikely]] {
            if (chosen_ != nullptr) chosen_->give_back();
            throw_if_cancelled();
        }
        if (chosen_ == nullptr) [[unlikely]] throw_end_closed(operation);
        return *chosen_;
    }

    std::span<channel_place> places_;
    channel_place* chosen_ = nullptr;  // where an item was promised, or the end has come

private:
    void leave() noexcept {
        for (channel_place& place : places_) place.unlink();
    }
    void cancel_wait() noexcept override {
        leave();
        wake_cancelled();
    }
};

/// Base of awaiters that send an item.
class channel_offer : public waiter {
public:
    /// The item has been taken over.
    void accept() noexcept {
        accepted_ = true;
        wake();
    }
    /// The end that it is sent through was closed.
    void close() noexcept {
        closed_ = true;
        wake();
    }
    [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

protected:
    explicit channel_offer(std::uint64_t end) noexcept : end_(end) {}
    ~channel_offer() = default;

    /// What await_resume begins with. Returns: whether the item has been taken over.
    bool is_accepted() {
        if (accepted_) {
            if (cancelled()) [[unlikely]] postpone_cancellation();
            return true;
        }
        throw_if_cancelled();
        if (closed_) [[unlikely]] throw_end_closed("send");
        return false;
    }

private:
    const char* waits_for() const noexcept override { return "room in a channel"; }

    std::uint64_t end_;
    bool accepted_ = false;
    bool closed_ = false;
};

// ---- definitions ----

inline void channel_core::remove_sender(std::uint64_t number) noexcept {
    --senders_;
    for (auto* node = sending_.front(); node != nullptr;) {
        auto& offer = static_cast<channel_offer&>(*node);
        node = sending_.next(*node);
        if (offer.end() != number) continue;
        static_cast<list_node<wait_tag>&>(offer).unlink();
        offer.close();
    }
    tell_the_end();
}

inline void channel_core::remove_receiver(std::uint64_t number) noexcept {
    --receivers_;
    for (channel_place* each = receiving_.front(); each != nullptr;) {
        channel_place& place = *each;
        each = receiving_.next(place);
        if (place.end() == number) place.taker().lose(place);
    }
    tell_the_end();
}

inline void channel_core::tell_the_end() noexcept {
    if (is_ended()) {
        while (channel_place* place = receiving_.front()) place->taker().serve(*place);
    }
    if (receivers_ != 0) return;
    while (wait_node* node = sending_.pop_front()) static_cast<channel_offer*>(node)->wake();
    if (promised_ != 0 || free_ == 0) return;
    free_ = 0;
    drop_items();
}

inline void channel_core::promise_oldest() noexcept {
    channel_place* const oldest = receiving_.front();
    if (oldest == nullptr) return;
    --free_;
    ++promised_;
    oldest->promise();
    oldest->taker().serve(*oldest);
}

inline channel_offer* channel_core::oldest_offer() const noexcept {
    return static_cast<channel_offer*>(sending_.front());
}

inline void channel_core::wait_for_room(channel_offer& offer) {
    if (const channel_offer* oldest = oldest_offer()) refuse_other_loop(*oldest);
    sending_.push_back(offer);
}

inline void channel_core::require_same_loop() const {
    if (const channel_place* oldest = receiving_.front()) refuse_other_loop(oldest->taker());
}

inline void channel_core::wait_for_item(channel_place& place) noexcept { receiving_.push_back(place); }

inline void channel_core::refuse_other_loop(const waiter& oldest) {
    if (oldest.loop() != running_loop) [[unlikely]] {
        throw invalid_state_error("channel: tasks of another event loop wait for it");
    }
}

}  // namespace detail

}  // namespace aioxx

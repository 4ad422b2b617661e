// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/channel.hpp: passes items from the holders of one end to the holders of the other, and tells each side
// when nobody is left on the other.
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
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/ring_buffer.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/sync/units.hpp>

namespace aioxx {

template <class T>
struct channel;

namespace detail {
template <class T>
class channel_state;
class channel_place;
}  // namespace detail

/// The capacity of a channel whose senders never wait.
inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

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

[[noreturn]] AIOXX_COLD inline void throw_end_closed(const char* operation) {
    throw closed_error(std::string(operation) + ": this end of the channel is closed");
}

/// What both ends have in common: a share of the channel, given up by closing.
template <class T>
class channel_end {
public:
    using value_type = T;

    [[nodiscard]] bool is_closed() const noexcept { return !state_; }
    /// Errors: closed_error.
    [[nodiscard]] channel_statistics statistics() const { return open_state("statistics").statistics(); }

protected:
    channel_end(state_ptr<channel_state<T>> state, std::uint64_t number) noexcept
        : state_(std::move(state)), number_(number) {}
    channel_end(channel_end&&) noexcept = default;
    ~channel_end() = default;

    [[nodiscard]] channel_state<T>& open_state(const char* operation) const {
        if (!state_) [[unlikely]] throw_end_closed(operation);
        return *state_;
    }

    void swap(channel_end& other) noexcept {
        std::swap(state_, other.state_);
        std::swap(number_, other.number_);
    }

    state_ptr<channel_state<T>> state_;  // null when closed
    std::uint64_t number_;               // of this end in its channel: who waits through it is known by it
};

}  // namespace detail

/// The end of a channel that items are put into (AnyIO: MemoryObjectSendStream).
///
/// Moved, not copied; clone() makes another one. When the last one is closed or destroyed, those who receive
/// are told that nothing comes after what is there.
/// Concurrency: any number of tasks of one loop.
template <class T>
class channel_sender : public detail::channel_end<T> {
public:
    class send_awaiter;

    channel_sender(channel_sender&&) noexcept = default;
    channel_sender& operator=(channel_sender other) noexcept {
        this->swap(other);
        return *this;
    }
    ~channel_sender() { close(); }

    /// Sends an item: waits while the channel is full or, when it holds none, until somebody receives.
    ///
    /// Errors: broken_error when no receiver is left, also for those who wait then; closed_error, also when
    /// this end is closed meanwhile. The item is dropped.
    /// Cancellation: safe. A cancelled send has sent nothing: once its item was accepted, the send succeeds and
    /// the cancellation is put off to the next suspension.
    /// Ordering: items are accepted in the order of the calls.
    /// Asyncio: AnyIO may raise the cancellation although the item was accepted.
    [[nodiscard]] send_awaiter send(T item) {
        return send_awaiter(this->open_state("send"), this->number_, std::move(item));
    }

    /// Sends an item at once. Errors: queue_full when it would have to wait; broken_error; closed_error.
    void send_nowait(T item) {
        if (!try_send(std::move(item))) throw queue_full();
    }

    /// Sends an item if it need not wait. Returns: whether it did; if not, the item is left as it was.
    ///
    /// Errors: broken_error and closed_error, which leave the item as it was, too.
    [[nodiscard]] bool try_send(T&& item) {
        auto& state = this->open_state("send");
        state.require_receivers();
        if (!state.has_room()) return false;
        state.add(std::move(item));
        return true;
    }

    /// Another end of the same kind for the same channel. Errors: closed_error.
    [[nodiscard]] channel_sender clone() const { return channel_sender(this->open_state("clone")); }

    /// Gives this end up. Tasks that wait through it get closed_error. Repeating the call is harmless.
    void close() noexcept {
        if (const auto state = std::exchange(this->state_, {})) state->remove_sender(this->number_);
    }

private:
    template <class Item>
    friend channel<Item> open_channel(std::size_t capacity);

    explicit channel_sender(detail::channel_state<T>& state) noexcept
        : detail::channel_end<T>(state_ptr(&state), state.add_sender()) {}
};

/// The end of a channel that items come out of (AnyIO: MemoryObjectReceiveStream).
///
/// Moved, not copied; clone() makes another one, and each item goes to one of them. When the last one is
/// closed or destroyed, what is left in the channel is dropped, and sending fails.
/// Concurrency: any number of tasks of one loop.
template <class T>
class channel_receiver : public detail::channel_end<T> {
public:
    class receive_awaiter;

    channel_receiver(channel_receiver&&) noexcept = default;
    channel_receiver& operator=(channel_receiver other) noexcept {
        this->swap(other);
        return *this;
    }
    ~channel_receiver() { close(); }

    /// Takes the next item, waiting for one while there is none.
    ///
    /// Returns: nothing when all senders are closed and every item has been taken.
    /// Errors: closed_error, also when this end is closed meanwhile.
    /// Cancellation: safe. A cancelled receive has taken nothing: an item that was promised to it goes to the
    /// next task, or stays the first to be taken, if need be beyond the capacity.
    /// Ordering: items go out in the order they were accepted, to tasks in the order they asked.
    /// Asyncio: AnyIO raises EndOfStream at the end.
    [[nodiscard]] receive_awaiter receive() {
        static_cast<void>(this->open_state("receive"));
        return receive_awaiter(*this);
    }

    /// Takes the next item at once. Returns: nothing at the end, as receive().
    ///
    /// Errors: queue_empty when it would have to wait; closed_error.
    std::optional<T> receive_nowait() {
        auto& state = this->open_state("receive");
        if (!state.is_ready()) throw queue_empty();
        return state.take();
    }

    /// Takes the next item if there is one. Returns: nothing when there is none, at the end or not yet.
    ///
    /// Errors: closed_error.
    [[nodiscard]] std::optional<T> try_receive() { return this->open_state("receive").take(); }

    /// Another end of the same kind for the same channel. Errors: closed_error.
    [[nodiscard]] channel_receiver clone() const { return channel_receiver(this->open_state("clone")); }

    /// Gives this end up. Tasks that wait through it get closed_error. Repeating the call is harmless.
    void close() noexcept {
        if (const auto state = std::exchange(this->state_, {})) state->remove_receiver(this->number_);
    }

private:
    template <class Item>
    friend channel<Item> open_channel(std::size_t capacity);
    friend class detail::channel_place;

    explicit channel_receiver(detail::channel_state<T>& state) noexcept
        : detail::channel_end<T>(state_ptr(&state), state.add_receiver()) {}
};

/// Both ends of a new channel.
template <class T>
struct channel {
    channel_sender<T> sender;
    channel_receiver<T> receiver;
};

/// Opens a channel: a bounded FIFO with two kinds of ends (AnyIO: create_memory_object_stream).
///
/// Parameters: `capacity` the most items that it holds while nobody waits for one; zero means that each send
/// waits for somebody who receives; `unbounded` that none waits.
/// Errors: std::invalid_argument for a negative number.
/// Example:
///     aioxx::coro<> produce(aioxx::channel_sender<std::string> lines) {
///         co_await lines.send("hello");
///     }  // the end of the last sender is the end of the stream
///     aioxx::coro<> consume(aioxx::channel_receiver<std::string> lines) {
///         while (std::optional<std::string> line = co_await lines.receive()) use(*line);
///     }
///     auto [sender, receiver] = aioxx::open_channel<std::string>(10);
template <class T>
[[nodiscard]] channel<T> open_channel(std::size_t capacity);

// ---- definitions ----

namespace detail {

struct channel_tag;
class channel_taker;
class channel_offer;

/// The part of a channel that does not know what an item is: who holds an end, who waits, what is promised.
/// Counted by reference: each end has a share, and each wait.
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
    template <class T>
    void watch(const channel_receiver<T>& receiver) noexcept {
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
    /// Takes what was promised, or what is there. Returns: nothing at the end.
    template <class T>
    std::optional<T> take() {
        auto& state = static_cast<channel_state<T>&>(*core_);
        if (!promised_) return state.take();
        std::optional<T> item = state.take_promised();
        promised_ = false;
        return item;
    }

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

/// A channel and its items.
template <class T>
class channel_state final : public channel_core {
public:
    explicit channel_state(std::size_t capacity) noexcept : channel_core(capacity) {}

    /// Requires: a receiver is left, and there is room.
    void add(T item) {
        items_.push(std::move(item));
        ++free_;
        promise_oldest();
    }

    /// Takes the first item, when not all are promised. Returns: nothing otherwise.
    std::optional<T> take() {
        channel_offer* const oldest = oldest_offer();
        if (free_ == 0 && oldest == nullptr) return std::nullopt;
        if (items_.empty()) return accept(*oldest);
        const bool refill = oldest != nullptr && free_ <= capacity_;
        std::optional<T> item(items_.pop());
        if (refill) {
            items_.push(accept(*oldest));  // into the memory that has just become free
        } else {
            --free_;
        }
        return item;
    }

    std::optional<T> take_promised() {
        std::optional<T> item(items_.pop());
        end_promise();
        return item;
    }

private:
    static T accept(channel_offer& offer);
    void drop_items() noexcept override { const ring_buffer<T> dropped = std::move(items_); }

    ring_buffer<T> items_;  // free_ and those promised
};

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

template <class T>
class channel_sender<T>::send_awaiter final : public detail::channel_offer {
public:
    send_awaiter(detail::channel_state<T>& state, std::uint64_t end, T item)
        : channel_offer(end), state_(&state), item_(std::move(item)) {}

    [[nodiscard]] bool await_ready() const noexcept { return !state_->has_receivers() || state_->has_room(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        state_->wait_for_room(*this);
        this->suspend(coroutine);
    }
    void await_resume() {
        if (this->is_accepted()) return;
        state_->require_receivers();
        state_->add(std::move(item_));
    }

private:
    friend class detail::channel_state<T>;

    const state_ptr<detail::channel_state<T>> state_;
    T item_;
};

template <class T>
class channel_receiver<T>::receive_awaiter final : public detail::channel_taker {
public:
    explicit receive_awaiter(const channel_receiver& receiver) noexcept {
        place_.watch(receiver);
        places_ = {&place_, 1};
    }

    [[nodiscard]] bool await_ready() noexcept {
        if (place_.core().is_ready()) chosen_ = &place_;
        return chosen_ != nullptr;
    }
    std::optional<T> await_resume() { return this->served("receive").template take<T>(); }

private:
    const char* waits_for() const noexcept override { return "an item of a channel"; }

    detail::channel_place place_;
};

template <class T>
inline T detail::channel_state<T>::accept(channel_offer& offer) {
    auto& sending = static_cast<typename channel_sender<T>::send_awaiter&>(offer);
    T item = std::move(sending.item_);
    static_cast<list_node<wait_tag>&>(sending).unlink();
    sending.channel_offer::accept();
    return item;
}

template <class T>
inline channel<T> open_channel(std::size_t capacity) {
    if (capacity != unbounded) capacity = detail::checked_units("the capacity of a channel", 0, capacity);
    const state_ptr state(new detail::channel_state<T>(capacity));
    return {channel_sender<T>(*state), channel_receiver<T>(*state)};
}

}  // namespace aioxx

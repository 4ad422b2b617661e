// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/channel.hpp: passes items from the holders of one end to the holders of the other, and tells each side
// when nobody is left on the other. Who waits, and who is promised what, is decided in channel_core.hpp.

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/ring_buffer.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/sync/channel_core.hpp>
#include <aioxx/sync/units.hpp>

namespace aioxx {

template <class T>
struct channel;

namespace detail {
template <class T>
class channel_state;
}  // namespace detail

/// The capacity of a channel whose senders never wait.
inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

namespace detail {

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

    /// Takes what was promised to a place in the line of such a channel, or what is there. Returns: nothing at the end.
    static std::optional<T> take_at(channel_place& place) {
        auto& state = static_cast<channel_state&>(place.core());
        if (!place.is_promised()) return state.take();
        std::optional<T> item = state.take_promised();
        place.fulfil();
        return item;
    }

private:
    std::optional<T> take_promised() {
        std::optional<T> item(items_.pop());
        end_promise();
        return item;
    }
    static T accept(channel_offer& offer);
    void drop_items() noexcept override { const ring_buffer<T> dropped = std::move(items_); }

    ring_buffer<T> items_;  // free_ and those promised
};

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
    std::optional<T> await_resume() { return detail::channel_state<T>::take_at(this->served("receive")); }

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

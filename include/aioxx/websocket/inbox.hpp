// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/inbox.hpp: what has arrived on a connection and was not taken: bytes that were not looked at, a message that
// was found, and messages that wait in a queue. It decides when there are too many, and where their memory is.
//
// A message is found when somebody asks, in the block that the bytes were received into, and is handed out from there.
// What nobody asks for until the end of the turn is put into the queue, so that a connection keeps no block, and control
// frames behind it are not late. In all of that a message is copied at most once.
//
// The oldest first:
//   lent      what a task looks at; it keeps its memory until the next is asked for
//   queue     whole messages, and parts of the one that is being streamed
//   partial   the beginning of a message, which was found for a stream that has not taken it
//   found     the latest event, which may refer to the block
//   input     given to the endpoint, which may refer to the block until it has found nothing more

#include <array>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/ring_buffer.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/websocket/message.hpp>
#include <aioxx/websocket/proto/endpoint.hpp>
#include <aioxx/websocket/spare_buffers.hpp>

namespace aioxx::websocket::detail {

/// What find() looks for.
enum class wanted : bool { message, part };

/// The receiving half of a connection. Who calls find() or stow() gives a function for the events that are no message.
class inbox : pinned {
public:
    /// Parameters: `high` messages in the queue are too many, 0: never; then `low` are few again.
    inbox(endpoint& from, std::size_t high, std::size_t low) noexcept
        : endpoint_(from), high_(high == 0 ? std::numeric_limits<std::size_t>::max() : high), low_(low) {}

    // ---- what arrives ----

    /// Memory to receive into, which all connections of the thread share until something is in it.
    [[nodiscard]] static mutable_bytes_view lend() {
        if (receive_block.capacity() != largest_spare) receive_block = take_spare(largest_spare);
        return receive_block.prepare(largest_spare);
    }

    /// Bytes have arrived in that memory.
    void received(std::size_t count) {
        // A block that is nearly empty is not worth keeping, and copying is cheap then.
        if (count <= small_batch) return feed(bytes_view(receive_block.data(), count));
        receive_block.commit(count);
        feed_block(std::exchange(receive_block, bytearray()));
    }

    /// Bytes have arrived elsewhere.
    void feed(bytes_view data) {
        bytearray block = take_spare(data.size());
        block.append(data);
        feed_block(std::move(block));
    }

    void feed_eof() {
        endpoint_.feed_eof();
        has_input_ = true;
    }

    // ---- who takes ----

    /// Looks for the next message, or the next part of one. Returns: whether there is one.
    template <class OnEvent>
    bool find(wanted what, OnEvent&& on_event) {
        deliver_parts(what == wanted::part);
        if (!queue_.empty() || (partial_ && what == wanted::part)) return true;
        while (has_event() || find_input(on_event)) {
            if (what == wanted::part || is_whole(*now_->found)) return true;
            keep_found();
            if (!queue_.empty()) return true;
        }
        rest();
        return false;
    }

    /// Whether find() has found something that is still there.
    [[nodiscard]] bool has_found(wanted what) const noexcept {
        return has_event() || !queue_.empty() || (partial_ && what == wanted::part);
    }

    /// What find() has found.
    [[nodiscard]] message_view peek() noexcept {
        if (!queue_.empty()) return {queue_.front().content.is_text, queue_.front().content.data};
        if (partial_) return {partial_->is_text, partial_->data};
        return {now_->found->kind == event_kind::text, now_->found->payload};
    }

    /// Takes the message that find() has found.
    [[nodiscard]] message take() {
        take_back();
        return queue_.empty() ? take_found() : queue_.pop().content;
    }

    /// Shows it, or the part, where it lies. Lifetime: until take_back().
    [[nodiscard]] message_view look() {
        take_back();
        lent_ = true;
        if (!queue_.empty() || partial_ || !lies_in_block(now_->found->payload)) return look_at_copy();
        lent_in_block_ = true;
        std::optional<event>& found = now_->found;
        streaming_ = !found->ends;
        const message_view shown{found->kind == event_kind::text, found->payload};
        found.reset();
        return shown;
    }

    /// Shows it as look() does, and with it the whole messages behind it that lie in the same block. Lifetime: as of look().
    template <class OnEvent>
    [[nodiscard]] std::span<const message_view> look_at_batch(OnEvent&& on_event) {
        const message_view first = look();
        if (!now_->shown) now_->shown = std::make_unique<batch>();
        batch& shown = *now_->shown;
        shown.views[0] = first;
        std::size_t count = 1;
        while (lent_in_block_ && count != shown.views.size() && find_input(on_event)) {
            std::optional<event>& found = now_->found;
            if (!is_whole(*found) || !lies_in_block(found->payload)) break;
            shown.views[count++] = {found->kind == event_kind::text, found->payload};
            found.reset();
        }
        return std::span(shown.views).first(count);
    }

    /// What was looked at is done with.
    void take_back() noexcept {
        if (!std::exchange(lent_, false)) return;
        give_spare(std::move(now_->lent));
        if (std::exchange(lent_in_block_, false) && !has_input_) drop_block();
    }

    /// Whether parts of a message were looked at, and others have not been.
    [[nodiscard]] bool is_streaming() const noexcept { return streaming_; }

    /// Nobody wants the other parts: they are dropped, also those that will arrive.
    void end_stream() {
        if (!std::exchange(streaming_, false)) return;
        while (!queue_.empty() && !queue_.front().begins) static_cast<void>(queue_.pop());
        if (has_event() && !now_->found->begins) now_->found.reset();
    }

    // ---- the queue ----

    /// Puts what has been found and what can be found into the queue, until that is full.
    ///
    /// Parameters: `drop_rest` when the queue is full the others are dropped.
    template <class OnEvent>
    void stow(bool drop_rest, OnEvent&& on_event) {
        deliver_parts(false);
        while (has_event() || ((drop_rest || !is_full()) && find_input(on_event))) {
            if (!drop_rest || !is_full()) {
                keep_found();
            } else {
                now_->found.reset();
            }
        }
        if (has_input_) release_block();
        rest();
    }

    /// Puts all that can be found into the queue, also beyond its limit: nothing more will arrive.
    template <class OnEvent>
    void stow_all(OnEvent&& on_event) {
        deliver_parts(false);
        while (has_event() || find_input(on_event)) keep_found();
    }

    /// Gives back what the endpoint keeps for the next message. For connections that have gone quiet.
    void release_memory() {
        if (!has_loose_ends() && !streaming_) endpoint_.release_memory();
    }

    [[nodiscard]] bool is_full() const noexcept { return queue_.size() >= high_; }
    [[nodiscard]] bool is_low() const noexcept { return queue_.size() <= low_; }
    /// Whether there is something that stow() would move.
    [[nodiscard]] bool has_loose_ends() const noexcept { return has_event() || has_input_; }

private:
    struct entry {
        message content;
        bool begins = true;
        bool ends = true;
    };

    struct batch : public pool_allocated {
        std::array<message_view, 64> views;
    };

    // What there is only while something is being done: most connections wait.
    struct activity : public pool_allocated {
        ~activity() {
            give_spare(std::move(block));
            give_spare(std::move(lent));
        }

        bytearray block;  // what the endpoint's input lies in
        bytearray lent;   // what the message lies in that is looked at, unless it is the block
        std::optional<event> found;
        std::unique_ptr<batch> shown;  // in answer to look_at_batch()
    };
    activity& now() {
        if (!now_) now_ = std::make_unique<activity>();
        return *now_;
    }
    void rest() noexcept {
        if (!has_loose_ends() && !lent_) now_.reset();
    }
    [[nodiscard]] bool has_event() const noexcept { return now_ && now_->found; }

    [[nodiscard]] static bool is_whole(const event& found) noexcept { return found.begins && found.ends; }

    // ---- input ----

    void deliver_parts(bool on) noexcept {
        if (parts_ != on) endpoint_.deliver_parts(parts_ = on);
    }

    // Looks for a message, or a part, behind those in the queue.
    template <class OnEvent>
    bool find_input(OnEvent& on_event) {
        if (!has_input_) return false;
        std::optional<event>& found = now().found;
        while (has_input_) {
            // Made in place: the copy of an assignment has to wait for the stores that it reads, half the time of it all.
            ::new (static_cast<void*>(&found)) std::optional<event>(endpoint_.next_event());
            if (!found) {
                end_input();
            } else if (found->kind != event_kind::text && found->kind != event_kind::binary) {
                on_event(*found);
            } else if (found->begins || streaming_ || partial_) {  // else nobody wants it any more
                return true;
            }
        }
        found.reset();
        return false;
    }

    void feed_block(bytearray block) {
        if (has_event()) keep_found();  // the endpoint may move it
        if (has_input_) {          // the endpoint copies both
            release_block();
            endpoint_.feed(block);
            endpoint_.retain_input();
            give_spare(std::move(block));
            return;
        }
        drop_block();
        bytearray& kept = now().block;
        kept = std::move(block);
        endpoint_.feed_in_place(mutable_bytes_view(kept.data(), kept.size()));
        has_input_ = true;
    }

    void end_input() {
        has_input_ = false;
        drop_block();
        if (std::exchange(endpoint_keeps_, false)) endpoint_.release_memory();
    }

    // The endpoint is to keep what it has not looked at in memory of its own.
    void release_block() {
        endpoint_.retain_input();
        endpoint_keeps_ = true;
        drop_block();
    }

    // Nobody refers to the block any more, except who looks at a message in it.
    void drop_block() noexcept {
        if (!now_) return;
        if (std::exchange(lent_in_block_, false)) {
            now_->lent = std::move(now_->block);
        } else {
            give_spare(std::move(now_->block));
        }
    }

    [[nodiscard]] bool lies_in_block(bytes_view payload) const noexcept {
        const std::less_equal<> not_after;
        const bytes_view block = std::as_const(now_->block).view();
        return !block.empty() && not_after(block.data(), payload.data()) &&
               not_after(payload.data() + payload.size(), block.data() + block.size());
    }

    // ---- messages ----

    message take_found() {
        const event taken = *std::exchange(now_->found, std::nullopt);
        const bool is_text = taken.kind == event_kind::text;
        // A small one is copied also out of the endpoint's memory, which collects the next one then.
        if (!lies_in_block(taken.payload) && taken.payload.size() > small_batch) {
            return {is_text, endpoint_.take_payload(taken.payload)};
        }
        bytearray data;
        if (taken.payload.size() > bytearray::inline_size) data = take_spare(taken.payload.size());
        data.append(taken.payload);
        return {is_text, std::move(data)};
    }

    // The oldest message or part.
    message take_next() {
        if (!queue_.empty()) {
            entry oldest = queue_.pop();
            streaming_ = !oldest.ends;
            return std::move(oldest.content);
        }
        streaming_ = partial_ || !now_->found->ends;
        if (partial_) return std::move(*std::exchange(partial_, nullptr));
        return take_found();
    }

    AIOXX_NOINLINE message_view look_at_copy() {
        message shown = take_next();
        now().lent = std::move(shown.data);
        return {shown.is_text, now_->lent};
    }

    void keep_found() {
        const bool begins = now_->found->begins;
        const bool ends = now_->found->ends;
        message content = take_found();
        if (partial_) {
            partial_->data.append(content.data);
            if (ends) queue_.push({std::move(*std::exchange(partial_, nullptr))});
        } else if (begins && !ends) {
            partial_ = std::make_unique<message>(std::move(content));
        } else {
            queue_.push({std::move(content), begins, ends});
        }
    }

    static_assert(std::is_trivially_destructible_v<std::optional<event>>);
    static constexpr std::size_t small_batch = 4096;
    static inline thread_local bytearray receive_block;

    endpoint& endpoint_;
    std::unique_ptr<activity> now_;
    ring_buffer<entry> queue_;
    std::unique_ptr<message> partial_;
    std::size_t high_;
    std::size_t low_;
    bool has_input_ = false;       // the endpoint may have more
    bool lent_ = false;            // somebody looks at a message
    bool lent_in_block_ = false;   // which lies in the block
    bool endpoint_keeps_ = false;  // input in memory of its own
    bool parts_ = false;           // the endpoint delivers parts
    bool streaming_ = false;
};

}  // namespace aioxx::websocket::detail

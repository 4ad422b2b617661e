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
//   run       messages that lie in the block one behind the other, found together because that costs least
//   found     what was found instead, which may refer to the block
//   input     given to the endpoint, which may refer to the block until it has found nothing more

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
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
    [[nodiscard]] mutable_bytes_view lend() {
        const std::size_t size = floods_ ? large_block : usual_block;
        if (receive_block.capacity() != size) {
            give_spare(std::move(receive_block));
            receive_block = take_spare(size);
        }
        return receive_block.prepare(size);
    }

    /// Bytes have arrived in that memory.
    void received(std::size_t count) {
        floods_ = count >= usual_block;
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
        if (has_run() || !queue_.empty() || (partial_ && what == wanted::part)) return true;
        while (has_event() || find_input(on_event)) {
            if (has_run() || what == wanted::part || is_whole(*now_->found)) return true;
            keep_found();
            if (!queue_.empty()) return true;
        }
        rest();
        return false;
    }

    /// Whether messages lie in the block that were found and not taken: then find() is not needed.
    [[nodiscard]] bool has_run() const noexcept { return run_left_ != 0; }

    /// Whether find() has found something that is still there.
    [[nodiscard]] bool has_found(wanted what) const noexcept {
        return has_run() || has_event() || !queue_.empty() || (partial_ && what == wanted::part);
    }

    /// What find() has found.
    [[nodiscard]] message_view peek() noexcept {
        if (has_run()) return *next_in_run();
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
        if (has_run()) {
            lend_block();
            return take_from_run();
        }
        if (!queue_.empty() || partial_ || !lies_in_block(now_->found->payload)) return look_at_copy();
        lend_block();
        now_->run_end = nullptr;
        const event shown = *std::exchange(now_->found, std::nullopt);
        streaming_ = !shown.ends;
        return {shown.kind == event_kind::text, shown.payload};
    }

    /// Whether there is another in the run that the one shown is from. Then nobody waits for a message, and the queue is empty.
    [[nodiscard]] bool shows_run() const noexcept { return has_run() && lent_in_block_; }

    /// Shows it as look() does. Requires: shows_run().
    [[nodiscard]] message_view look_at_next() noexcept { return take_from_run(); }

    /// Shows it as look() does, and with it what else is in the run. Lifetime: as of look().
    [[nodiscard]] std::span<const message_view> look_at_batch() {
        if (!has_run()) {
            const message_view only = look();
            return std::span(std::construct_at(views_in(now_->shown), only), 1);
        }
        if (!lent_in_block_) lend_block();
        const std::span<const message_view> all(next_in_run(), run_left_);
        run_left_ = 0;
        std::swap(now_->run, now_->shown);  // the next run is not to be written over it
        return all;
    }

    /// Room for the head of a frame with this payload, directly in front of it: where the head lay that it was received with,
    /// so that it can be sent on in one piece.
    ///
    /// Parameters: `size` of the head, without a masking key. Requires: what is received is masked.
    /// Returns: null unless the payload is that of the message shown last. Lifetime: of the message.
    [[nodiscard]] std::byte* room_before(bytes_view payload, std::size_t size) const noexcept {
        if (!lent_in_block_ || now_->run_end == nullptr) return nullptr;
        const bytes_view shown = next_in_run()[-1].data;
        if (payload.data() != shown.data() || payload.size() > shown.size()) return nullptr;
        return const_cast<std::byte*>(payload.data()) - size;  // of the block, which is not const
    }

    /// What was looked at is done with.
    void take_back() noexcept {
        if (!std::exchange(lent_, false)) return;
        if (!std::exchange(lent_in_block_, false)) give_spare(std::move(now_->lent));
    }

    /// Whether parts of a message were looked at, and others have not been.
    [[nodiscard]] bool is_streaming() const noexcept { return streaming_; }

    /// Nobody wants the other parts: they are dropped, also those that will arrive.
    void end_stream() {
        if (!std::exchange(streaming_, false)) return;
        while (!queue_.empty() && !queue_.front().begins) static_cast<void>(queue_.pop());
        if (has_event() && !has_run() && !now_->found->begins) now_->found.reset();
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
                run_left_ = 0;
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

    // As many as are found together. Those that are not taken within the turn go into the queue.
    static constexpr std::size_t longest_run = 16;
    struct several_views : public pool_allocated {
        several_views() noexcept {}
        union {  // not initialised
            std::array<message_view, longest_run> all;
        };
    };
    static message_view* views_in(std::unique_ptr<several_views>& kept) {
        if (!kept) kept = std::make_unique<several_views>();
        return kept->all.data();
    }

    // What there is only while something is being done: most connections wait.
    struct activity : public pool_allocated {
        activity() noexcept {}
        ~activity() {
            give_spare(std::move(block));
            give_spare(std::move(lent));
        }

        bytearray block;  // what the endpoint's input lies in
        bytearray lent;   // what the message lies in that is looked at, unless it is the block
        std::optional<event> found;
        std::unique_ptr<several_views> run;
        const message_view* run_end = nullptr;  // null when what is shown in the block is not from a run
        std::unique_ptr<several_views> shown;  // in answer to look_at_batch()
    };
    activity& now() {
        if (!now_) now_ = spare_activity ? std::move(spare_activity) : std::make_unique<activity>();
        return *now_;
    }
    void rest() noexcept {
        if (now_ && !has_loose_ends() && !lent_) spare_activity = std::move(now_);
    }
    [[nodiscard]] bool has_event() const noexcept { return has_run() || (now_ && now_->found); }

    [[nodiscard]] static bool is_whole(const event& found) noexcept { return found.begins && found.ends; }

    // ---- input ----

    void deliver_parts(bool on) noexcept {
        if (parts_ != on) endpoint_.deliver_parts(parts_ = on);
    }

    // Looks for messages, or a part of one, behind those in the queue.
    template <class OnEvent>
    bool find_input(OnEvent& on_event) {
        while (has_input_) {
            if (endpoint_.is_drained()) {
                end_input();
                break;
            }
            if (!endpoint_keeps_ && find_run()) [[likely]] return true;
            std::optional<event>& found = now().found;
            found = endpoint_.next_event();
            if (!found) {
                end_input();
            } else if (found->kind != event_kind::text && found->kind != event_kind::binary) {
                on_event(*std::exchange(found, std::nullopt));
            } else if (found->begins || streaming_ || partial_) {  // else nobody wants it any more
                return true;
            }
        }
        return false;
    }

    // No more than there is room for in the queue.
    bool find_run() {
        const std::size_t room = is_full() ? longest_run : std::min(longest_run, high_ - queue_.size());
        message_view* const views = views_in(now().run);
        run_left_ = static_cast<std::uint8_t>(endpoint_.next_messages(std::span(views, room)));
        if (!has_run()) return false;
        now_->run_end = views + run_left_;
        return true;
    }
    // The count is all that changes from message to message.
    [[nodiscard]] const message_view* next_in_run() const noexcept { return now_->run_end - run_left_; }
    message_view take_from_run() noexcept {
        const message_view* const next = next_in_run();
        --run_left_;
        return *next;
    }

    void feed_block(bytearray block) {
        while (has_event()) keep_found();  // the endpoint may move it
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
        if (has_run()) return copy_of(take_from_run());
        const event taken = *std::exchange(now_->found, std::nullopt);
        const message_view content{taken.kind == event_kind::text, taken.payload};
        // A small one is copied also out of the endpoint's memory, which collects the next one then.
        if (lies_in_block(content.data) || content.data.size() <= small_batch) return copy_of(content);
        return {content.is_text, endpoint_.take_payload(content.data)};
    }
    static message copy_of(const message_view& content) {
        bytearray data;
        if (content.data.size() > bytearray::inline_size) data = take_spare(content.data.size());
        data.append(content.data);
        return {content.is_text, std::move(data)};
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

    void lend_block() noexcept {
        take_back();
        lent_ = lent_in_block_ = true;
    }
    AIOXX_NOINLINE message_view look_at_copy() {
        take_back();
        lent_ = true;
        message shown = take_next();
        now().lent = std::move(shown.data);
        return {shown.is_text, now_->lent};
    }

    void keep_found() {
        if (has_run()) return queue_.push({take_found()});
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

    static constexpr std::size_t small_batch = 4096;
    static constexpr std::size_t usual_block = 64 * 1024;
    static constexpr std::size_t large_block = 256 * 1024;  // for those who fill the usual one: a fourth of the calls
    static inline thread_local bytearray receive_block;
    static inline thread_local std::unique_ptr<activity> spare_activity;

    endpoint& endpoint_;
    std::unique_ptr<activity> now_;
    ring_buffer<entry> queue_;
    std::unique_ptr<message> partial_;
    std::size_t high_;
    std::size_t low_;
    std::uint8_t run_left_ = 0;    // messages of the run that were not taken
    bool has_input_ = false;       // the endpoint may have more
    bool lent_ = false;            // somebody looks at a message
    bool lent_in_block_ = false;   // which lies in the block
    bool endpoint_keeps_ = false;  // input in memory of its own
    bool parts_ = false;           // the endpoint delivers parts
    bool floods_ = false;          // more had arrived than the usual block holds
    bool streaming_ = false;
};

}  // namespace aioxx::websocket::detail

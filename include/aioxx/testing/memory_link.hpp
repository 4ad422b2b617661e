// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/memory_link.hpp: a connection in memory that behaves as badly as a network: latency, jitter,
// bandwidth, small pieces, lost segments, stalls, resets. It shows what TCP shows of them: bytes come late
// and cut anywhere, but none is missing and none overtakes another. Time is the loop's, chance comes from a
// seed: a run can be repeated. Without options it is the link of transports/memory.hpp.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/testing/seed_scope.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_channel.hpp>

namespace aioxx::testing {

/// What happens when one direction of a link has carried all that it may.
enum class link_break {
    reset,  ///< both ends find the connection reset
    stall,  ///< nothing more passes, and nobody is told, as with a pulled cable; resume() goes on
    eof     ///< the receiver sees the end of the stream; what is sent beyond it vanishes
};

/// How one direction of a link behaves. Sizes are in bytes and at least 1.
struct link_options {
    static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

    duration latency{};           ///< from one end to the other
    duration jitter{};            ///< up to so much more for each segment, by chance
    std::uint64_t bandwidth = 0;  ///< bytes per second; 0: no limit

    std::size_t largest_send = unlimited;     ///< one attempt takes no more, and then looks full for a moment
    std::size_t largest_receive = unlimited;  ///< one attempt gives no more
    std::size_t capacity = 64 * 1024;         ///< on their way or not read yet, before the sender has to wait
    std::size_t segment = 1460;               ///< what travels together, and is lost together

    double loss = 0;  ///< the share of segments that is lost each time they are sent, from 0 to below 1
    duration retransmission = std::chrono::milliseconds(200);  ///< after which a lost one is sent again

    std::optional<std::uint64_t> breaks_at = std::nullopt;  ///< as soon as so many bytes have arrived
    link_break breaks_by = link_break::reset;

    std::uint64_t seed = detail::present_seed;  ///< of jitter and loss; that of explore, inside of it
};

class link_channel;

/// One direction of a link: what the test can see of it, and do to it by hand.
class link_direction final : timer_node {
public:
    /// Errors: std::invalid_argument naming an option that makes no sense.
    link_direction(event_loop& loop, const link_options& options)
        : loop_(loop), options_(options), random_(options.seed) {
        require_options();
    }

    /// Holds back everything that has not arrived, the end and a reset included, until resume().
    void stall() noexcept {
        stalled_ = true;
        loop_.unschedule(*this);
    }
    /// Ends a stall. Ordering: what is due arrives at once, in order; the ends are told by the loop.
    void resume() {
        stalled_ = false;
        deliver();
    }
    [[nodiscard]] bool is_stalled() const noexcept { return stalled_; }

    /// Bytes that the sender has handed over and that have come to the other end; losses of segments.
    [[nodiscard]] std::uint64_t bytes_sent() const noexcept { return sent_; }
    [[nodiscard]] std::uint64_t bytes_arrived() const noexcept { return arrived_; }
    [[nodiscard]] std::uint64_t segments_lost() const noexcept { return lost_; }

private:
    friend class link_channel;
    friend class memory_link;

    struct segment {
        enum class kind { bytes, eof, reset };
        kind what;
        time_point arrives;
        bytearray data;
    };

    void require_options() const;
    [[nodiscard]] duration time_to_send(std::size_t size) const;
    [[nodiscard]] duration some_jitter();
    [[nodiscard]] bool is_lost();

    [[nodiscard]] std::size_t room() const noexcept { return options_.capacity - used_; }
    [[nodiscard]] bool readable() const noexcept { return !held_.empty() || ended_; }
    void send(bytes_view data);
    void put_on_way(segment::kind what, bytes_view data);
    void announce(segment::kind what) {
        put_on_way(what, {});
        deliver();
    }
    void run() override { deliver(); }
    void deliver();
    void land(segment&& landed);
    void land_bytes(bytearray&& data);
    void break_off(bytearray&& rest);
    void make_room(std::size_t size) noexcept;
    void reset_ends() noexcept;
    void give_up() noexcept {
        on_way_.clear();
        loop_.unschedule(*this);
    }

    event_loop& loop_;
    const link_options options_;
    std::mt19937_64 random_;
    std::deque<segment> on_way_;  // in the order of sending: nobody overtakes the first, even when due before
    bytearray held_;              // arrived, not read yet
    std::size_t used_ = 0;        // of the capacity
    time_point line_free_{};      // when the last segment has left
    std::uint64_t sent_ = 0;
    std::uint64_t arrived_ = 0;
    std::uint64_t lost_ = 0;
    link_channel* sender_ = nullptr;    // null when that end is closed
    link_channel* receiver_ = nullptr;  // likewise
    bool stalled_ = false;
    bool broken_ = false;  // breaks_at was reached
    bool ended_ = false;   // the receiver has come to the end
};

/// One end of a link.
class link_channel final : public stream_channel, pinned {
public:
    link_channel(event_loop& loop, std::shared_ptr<link_direction> in, std::shared_ptr<link_direction> out)
        : readiness_(loop), in_(std::move(in)), out_(std::move(out)) {
        in_->receiver_ = this;
        out_->sender_ = this;
    }
    ~link_channel() override { close(); }

    void attach(fd_handler& handler) override { readiness_.attach(handler); }
    [[nodiscard]] bool can_receive() const noexcept override { return true; }
    [[nodiscard]] bool can_send() const noexcept override { return true; }
    [[nodiscard]] bool can_half_close() const noexcept override { return true; }

    transfer receive(std::span<std::byte> buffer) noexcept override;
    transfer send(std::span<const bytes_view> pieces) noexcept override;

    void await_readable() override { readiness_.await_readable(in_->readable() || reset_); }
    void await_writable() override { readiness_.await_writable(out_->room() != 0 || reset_); }

    void shutdown_send() noexcept override {
        if (reset_ || std::exchange(eof_sent_, true)) return;
        out_->announce(link_direction::segment::kind::eof);
    }
    void close() noexcept override;

    [[nodiscard]] bool query_extra_info(extra_info_query&) const override { return false; }
    [[nodiscard]] std::string describe() const override { return "memory link"; }

private:
    friend class link_direction;

    static transfer failed(std::errc code) noexcept {
        return {0, std::make_error_code(code), transfer::rest::nothing};
    }
    // What has arrived can still be read.
    void be_reset() noexcept {
        reset_ = true;
        in_->give_up();
        out_->give_up();
        readiness_.notify_readable();
        readiness_.notify_writable();
    }

    aioxx::detail::memory_readiness readiness_;
    std::shared_ptr<link_direction> in_;
    std::shared_ptr<link_direction> out_;
    bool eof_sent_ = false;
    bool reset_ = false;
    bool closed_ = false;
};

/// A connected pair of channels, `a` and `b`, with a network between them.
///
/// What travels is cut into segments. Each leaves when the bandwidth allows, and arrives after the latency;
/// one that is lost arrives by so many retransmission times later, and those behind it wait for it. Bytes
/// that are on their way when an end closes still arrive. An end that is closed answers bytes that reach it
/// with a reset, and so does one that closes with unread bytes; the reset takes its time as well. A reader who
/// does not read stops the writer; that he reads again is known at the other end at once.
/// Errors: std::invalid_argument naming an option that makes no sense.
/// Lifetime: the loop outlives it and its channels. The channels outlive it where they like.
/// Example:
///     testing::memory_link link(loop, {.latency = 40ms, .bandwidth = 125'000, .loss = 0.01});
///     std::make_shared<stream_transport>(loop, std::move(link.a), client)->start();
///     std::make_shared<stream_transport>(loop, std::move(link.b), server)->start();
///     ...
///     link.forth().stall();  // from now on nothing that the client sends arrives
class memory_link {
public:
    /// Both directions behave alike, and not the same: each has a seed of its own.
    explicit memory_link(event_loop& loop, const link_options& both = {})
        : memory_link(loop, both, reseeded(both)) {}
    /// Parameters: `forth` from a to b; `back` from b to a.
    memory_link(event_loop& loop, const link_options& forth, const link_options& back)
        : forth_(std::make_shared<link_direction>(loop, forth)),
          back_(std::make_shared<link_direction>(loop, back)) {
        auto first = std::make_unique<link_channel>(loop, back_, forth_);
        auto second = std::make_unique<link_channel>(loop, forth_, back_);
        a = std::move(first);
        b = std::move(second);
    }

    /// The ends, to be moved from here into transports.
    std::unique_ptr<stream_channel> a;
    std::unique_ptr<stream_channel> b;

    /// From a to b, and from b to a.
    [[nodiscard]] link_direction& forth() noexcept { return *forth_; }
    [[nodiscard]] link_direction& back() noexcept { return *back_; }

    /// Breaks the connection: both ends find it reset, at once, stalled or not. What is on its way is lost.
    void reset() noexcept { forth_->reset_ends(); }

private:
    static link_options reseeded(link_options options) {
        ++options.seed;
        return options;
    }

    std::shared_ptr<link_direction> forth_;
    std::shared_ptr<link_direction> back_;
};

// ---- definitions ----

inline void link_direction::require_options() const {
    const auto require = [](bool holds, const char* expected, const std::string& got) {
        if (!holds) {
            throw std::invalid_argument(std::string("memory_link: expected ") + expected + ", got " + got);
        }
    };
    require(options_.latency >= duration::zero(), "a latency of zero or more", to_text(options_.latency));
    require(options_.jitter >= duration::zero(), "a jitter of zero or more", to_text(options_.jitter));
    require(options_.largest_send != 0, "a largest_send of at least 1 byte", "0");
    require(options_.largest_receive != 0, "a largest_receive of at least 1 byte", "0");
    require(options_.capacity != 0, "a capacity of at least 1 byte", "0");
    require(options_.segment != 0, "a segment of at least 1 byte", "0");
    require(options_.loss >= 0 && options_.loss < 1, "a loss from 0 to below 1",
            std::to_string(options_.loss));
    require(options_.retransmission >= duration::zero(), "a retransmission of zero or more",
            to_text(options_.retransmission));
}

inline duration link_direction::time_to_send(std::size_t size) const {
    if (options_.bandwidth == 0) return duration::zero();
    const auto seconds = static_cast<long double>(size) / static_cast<long double>(options_.bandwidth);
    return to_duration(std::chrono::round<duration>(std::chrono::duration<long double>(seconds)));
}

// The distributions of the standard library are not the same everywhere; its generators are.
inline duration link_direction::some_jitter() {
    if (options_.jitter == duration::zero()) return duration::zero();
    return duration(
        static_cast<duration::rep>(random_() % (static_cast<std::uint64_t>(options_.jitter.count()) + 1)));
}

inline bool link_direction::is_lost() {
    constexpr double to_one = 0x1p-53;
    return options_.loss > 0 && static_cast<double>(random_() >> 11U) * to_one < options_.loss;
}

inline void link_direction::send(bytes_view data) {
    used_ += data.size();
    sent_ += data.size();
    for (; !data.empty(); data.remove_prefix(options_.segment)) {
        put_on_way(segment::kind::bytes, data.first(options_.segment));
    }
    deliver();
}

inline void link_direction::put_on_way(segment::kind what, bytes_view data) {
    line_free_ = add_saturated(std::max(line_free_, loop_.time()), time_to_send(data.size()));
    time_point arrives = add_saturated(add_saturated(line_free_, options_.latency), some_jitter());
    while (is_lost()) {
        ++lost_;
        arrives = add_saturated(arrives, options_.retransmission);
    }
    on_way_.push_back({what, arrives, bytearray(data)});
}

inline void link_direction::deliver() {
    while (!stalled_ && !on_way_.empty() && on_way_.front().arrives <= loop_.time()) {
        segment due = std::move(on_way_.front());
        on_way_.pop_front();
        land(std::move(due));
    }
    if (!stalled_ && !on_way_.empty() && !is_armed() && !is_linked()) {
        loop_.schedule_at(*this, on_way_.front().arrives);
    }
}

inline void link_direction::land(segment&& landed) {
    if (landed.what == segment::kind::bytes) return land_bytes(std::move(landed.data));
    if (receiver_ == nullptr) return;
    if (landed.what == segment::kind::reset) return receiver_->be_reset();
    ended_ = true;
    receiver_->readiness_.notify_readable();
}

inline void link_direction::land_bytes(bytearray&& data) {
    if (receiver_ == nullptr) {  // they still count: who is not there makes no room
        if (sender_ != nullptr) sender_->in_->announce(segment::kind::reset);
        return;
    }
    if (ended_) return make_room(data.size());
    const std::uint64_t left =
        broken_ || !options_.breaks_at ? link_options::unlimited : *options_.breaks_at - arrived_;
    const bytes_view passed =
        data.view().first(static_cast<std::size_t>(std::min<std::uint64_t>(left, data.size())));
    held_.append(passed);
    arrived_ += passed.size();
    receiver_->readiness_.notify_readable();
    if (passed.size() < left) return;
    data.consume(passed.size());
    break_off(std::move(data));
}

// Parameters: `rest` of the segment that reached breaks_at.
inline void link_direction::break_off(bytearray&& rest) {
    broken_ = true;
    switch (options_.breaks_by) {
        case link_break::reset:
            return reset_ends();
        case link_break::stall:
            if (!rest.empty()) on_way_.push_front({segment::kind::bytes, loop_.time(), std::move(rest)});
            return stall();
        case link_break::eof:
            ended_ = true;
            return make_room(rest.size());
    }
}

inline void link_direction::make_room(std::size_t size) noexcept {
    used_ -= size;
    if (sender_ != nullptr) sender_->readiness_.notify_writable();
}

inline void link_direction::reset_ends() noexcept {
    if (sender_ != nullptr) sender_->be_reset();
    if (receiver_ != nullptr) receiver_->be_reset();
}

inline transfer link_channel::receive(std::span<std::byte> buffer) noexcept {
    link_direction& in = *in_;
    const std::size_t count = std::min({buffer.size(), in.options_.largest_receive, in.held_.size()});
    if (count == 0) {
        if (reset_) return failed(std::errc::connection_reset);
        return in.ended_ ? transfer{} : failed(std::errc::operation_would_block);
    }
    std::memcpy(buffer.data(), in.held_.data(), count);
    in.held_.consume(count);
    in.make_room(count);
    return {count, {}, in.readable() || reset_ ? transfer::rest::unknown : transfer::rest::nothing};
}

inline transfer link_channel::send(std::span<const bytes_view> pieces) noexcept {
    if (reset_) return failed(std::errc::connection_reset);
    const std::size_t most = std::min(out_->room(), out_->options_.largest_send);
    bytearray taken;
    for (const bytes_view& piece : pieces) taken.append(piece.first(most - taken.size()));
    if (taken.empty()) return failed(std::errc::operation_would_block);
    out_->send(taken);
    return {taken.size(), {}, transfer::rest::unknown};
}

// As with a socket: bytes that nobody read make the end a reset for the peer.
inline void link_channel::close() noexcept {
    if (std::exchange(closed_, true)) return;
    readiness_.stop();
    in_->receiver_ = nullptr;
    out_->sender_ = nullptr;
    if (reset_) return;
    if (!in_->held_.empty()) {
        out_->announce(link_direction::segment::kind::reset);
    } else if (!std::exchange(eof_sent_, true)) {
        out_->announce(link_direction::segment::kind::eof);
    }
}

}  // namespace aioxx::testing

// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/tls.hpp: a secure layer as a channel over another channel: over a socket, a memory link, or another
// such layer. The life cycle, the water marks and the protocol are stream_transport's, as for every channel, so
// secure connections behave as all others. What TLS is, is tls/engine.hpp; this file says when.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/tls/engine.hpp>
#include <aioxx/transports/stream_channel.hpp>

namespace aioxx {

namespace tls {

/// How a connection is secured.
struct connection_options {
    /// Whom a client wants to talk to. The facades take the host that they connect to; empty switches the check off.
    std::optional<std::string> server_hostname = {};
    duration handshake_timeout = std::chrono::seconds(60);
    /// For the peer's answer to our close_notify; the connection is cut off then.
    duration shutdown_timeout = std::chrono::seconds(30);
    /// Takes the end of a connection without a close_notify for a clean one, as Python does. An attacker can cut off
    /// data then without being noticed.
    bool suppress_ragged_eofs = false;
    /// start_tls refuses bytes that had come before it, instead of taking them for the beginning of the handshake. They
    /// may be commands that somebody has slipped in.
    bool refuse_received = false;

    connection_options() = default;  // no aggregate: g++ 12 destroys such twice inside of a co_await expression

    /// Errors: std::invalid_argument for a time that is not positive, and for a client that names no host to check.
    void check(const context& settings) const {
        require_positive("handshake_timeout", handshake_timeout);
        require_positive("shutdown_timeout", shutdown_timeout);
        engine::require_host(settings, server_hostname);
    }

private:
    static void require_positive(const char* name, duration value) {
        if (value > duration::zero()) return;
        throw std::invalid_argument("tls: " + std::string(name) + " must be a positive time, got " +
                                    std::to_string(std::chrono::duration<double>(value).count()) + " s");
    }
};

}  // namespace tls

namespace extra_info {

/// "TLSv1.3".
inline constexpr extra_info_key<std::string> tls_version{"tls_version"};
/// "TLS_AES_256_GCM_SHA384". Asyncio: the first part of "cipher".
inline constexpr extra_info_key<std::string> cipher{"cipher"};
/// What was negotiated by ALPN. Asyncio: ssl_object.selected_alpn_protocol().
inline constexpr extra_info_key<std::string> alpn_protocol{"alpn_protocol"};
/// The name that the client asked for.
inline constexpr extra_info_key<std::string> server_name{"server_name"};
/// The certificate that the peer has shown. Asyncio: "peercert".
inline constexpr extra_info_key<tls::certificate> peer_certificate{"peercert"};
inline constexpr extra_info_key<bool> tls_session_reused{"tls_session_reused"};
/// OpenSSL's connection. It stays the transport's.
inline constexpr extra_info_key<SSL*> ssl_object{"ssl_object"};

}  // namespace extra_info

/// A secure layer over a channel.
class tls_channel final : public stream_channel, private fd_handler, private tls::wire, pinned {
public:
    /// Parameters: `lower` is left where it is when this throws; `received` bytes that were read from it before and
    /// belong to the handshake.
    /// Errors: as tls::engine, and as connection_options::check.
    tls_channel(event_loop& loop, std::unique_ptr<stream_channel>&& lower, tls::context context,
                tls::connection_options options, bytearray received = {})
        : loop_(loop),
          early_(std::move(received)),
          handshake_timeout_((options.check(context), options.handshake_timeout)),
          shutdown_timeout_(options.shutdown_timeout),
          suppress_ragged_eofs_(options.suppress_ragged_eofs),
          engine_(std::move(context), *this, std::move(options.server_hostname)) {
        lower->attach(*this);  // or throws, and it stays the caller's
        lower_ = std::move(lower);
    }
    ~tls_channel() override { timer_.cancel(); }

    void attach(fd_handler& handler) override {
        handler_ = &handler;
        upper_reads_ = upper_writes_ = false;
    }

    transfer open() noexcept override {
        if (timed_out_) return failed(tls::tls_errc::handshake_timeout);
        if (!timer_) limit(handshake_timeout_);
        if (const transfer below = lower_->open(); below.error) {
            if (below.would_block()) upper_reads_ = upper_writes_ = true;
            return below.would_block() ? below : failed_below(below, "connect");
        }
        lower_left_ = transfer::rest::unknown;
        const tls::progress made = engine_.handshake();
        flush();
        if (made == tls::progress::again) {
            if (lower_failure_) return failed_below(*lower_failure_, "connect");
            return wait_for_peer();
        }
        if (made != tls::progress::done) return failed_engine();
        end_limit();
        return {};
    }

    [[nodiscard]] bool can_receive() const noexcept override { return true; }
    [[nodiscard]] bool can_send() const noexcept override { return true; }
    /// TLS 1.2 knows no half-closed connections, and peers do not expect them in 1.3 either.
    [[nodiscard]] bool can_half_close() const noexcept override { return false; }

    transfer receive(std::span<std::byte> buffer) noexcept override {
        lower_left_ = transfer::rest::unknown;
        std::size_t count = 0;
        const tls::progress made = engine_.read(buffer, count);
        flush();
        switch (made) {
            case tls::progress::done:
                if (engine_.has_pending()) lower_left_ = transfer::rest::unknown;
                drained_ = lower_left_ != transfer::rest::unknown;
                return {count, {}, lower_left_};
            case tls::progress::again:
                if (lower_failure_) return failed_below(*lower_failure_, "receive");
                drained_ = true;
                return {0, std::make_error_code(std::errc::operation_would_block), transfer::rest::nothing};
            case tls::progress::closed: return {0, {}, transfer::rest::nothing};
            case tls::progress::truncated:
                if (lower_failure_) return failed_below(*lower_failure_, "receive");
                if (suppress_ragged_eofs_) return {0, {}, transfer::rest::nothing};
                return failed(tls::tls_errc::truncated);
            case tls::progress::failed: break;
        }
        return failed_engine();
    }

    transfer send(std::span<const bytes_view> pieces) noexcept override {
        flush();
        std::size_t taken = 0;
        while (!lower_is_full_ && taken < most_at_once) {
            std::array<std::byte, record_size> joined;
            const bytes_view next = next_record(pieces, taken, joined);
            if (next.empty()) break;
            for (bytes_view rest = next; !rest.empty();) {
                std::size_t count = 0;
                if (engine_.write(rest, count) != tls::progress::done) return failed_engine();
                rest.remove_prefix(count);
            }
            taken += next.size();
            if (unsent_.size() >= flush_size) flush();
        }
        flush();
        if (lower_failure_) return failed_below(*lower_failure_, "send");
        if (taken == 0 && pending() != 0) {
            return {0, std::make_error_code(std::errc::operation_would_block), transfer::rest::nothing};
        }
        return {taken, {}, transfer::rest::unknown};
    }
    [[nodiscard]] std::size_t pending() const noexcept override { return unsent_.size() + lower_->pending(); }

    void await_readable() override {
        upper_reads_ = true;
        if (drained_) return watch_reading();
        // The handshake has read on: there may be data already.
        again_ = loop_.call_soon([this] { tell_readable(); });
    }
    void await_writable() override {
        upper_writes_ = true;
        if (lower_is_full_) return watch_writing();
        // It has just had its turn.
        more_ = loop_.call_soon([this] { tell_writable(); });
    }

    void shutdown_send() noexcept override {}

    transfer finish() noexcept override {
        if (timed_out_) return failed(tls::tls_errc::shutdown_timeout);
        if (!timer_) limit(shutdown_timeout_);
        lower_left_ = transfer::rest::unknown;
        const tls::progress made = engine_.shut_down();
        flush();
        if (lower_failure_) return {};  // there is nobody to take leave of any more
        if (made == tls::progress::failed) return failed_engine();
        if (made == tls::progress::again) return wait_for_peer();
        if (pending() != 0) {
            upper_writes_ = true;
            return {0, std::make_error_code(std::errc::operation_would_block), transfer::rest::nothing};
        }
        end_limit();
        const transfer below = lower_->finish();
        if (below.would_block()) upper_reads_ = upper_writes_ = true;
        return below.error && !below.would_block() ? failed_below(below, "close") : below;
    }
    void close() noexcept override {
        end_limit();
        again_.cancel();
        more_.cancel();
        lower_->close();
    }

    [[nodiscard]] std::exception_ptr failure_of(const transfer&, const char*) const override { return failure_; }

    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        return query.answer_with(extra_info::tls_version, [this] { return engine_.version_name(); }) ||
               query.answer_with(extra_info::cipher, [this] { return engine_.cipher(); }) ||
               query.answer_with(extra_info::alpn_protocol, [this] { return engine_.alpn_protocol(); }) ||
               query.answer_with(extra_info::server_name, [this] { return engine_.server_name(); }) ||
               query.answer_with(extra_info::peer_certificate, [this] { return engine_.peer_certificate(); }) ||
               query.answer(extra_info::tls_session_reused, engine_.session_reused()) ||
               query.answer(extra_info::ssl_object, engine_.native_handle()) || lower_->query_extra_info(query);
    }
    [[nodiscard]] std::string describe() const override { return "tls over " + lower_->describe(); }

private:
    // The most that fits into a record (RFC 8446, 5.1).
    static constexpr std::size_t record_size = 16 * 1024;
    // Ciphertext that leaves with one send: two records save every other system call; four leave the caches (measured).
    static constexpr std::size_t flush_size = 2 * record_size;
    // After so much plaintext other connections have their turn.
    static constexpr std::size_t most_at_once = 256 * 1024;

    // ---- tls::wire ----

    pulled pull(std::span<std::byte> into) noexcept override {
        if (!early_.empty()) {
            const std::size_t count = std::min(into.size(), early_.size());
            std::memcpy(into.data(), early_.data(), count);
            early_.consume(count);
            return {count, false};
        }
        if (lower_failure_ || lower_left_ != transfer::rest::unknown) return {0, lower_failure_.has_value()};
        const transfer got = lower_->receive(into);
        if (got.would_block()) return {};
        if (got.error) {
            lower_failure_ = got;
            return {0, true};
        }
        lower_left_ = got.left;
        return {got.count, got.count == 0};
    }
    void push(bytes_view ciphertext) override {
        if (unsent_.empty() && unsent_.capacity() < spare().capacity()) std::swap(unsent_, spare());
        unsent_.append(ciphertext);
    }

    // ---- fd_handler, for the lower channel ----

    void on_readable() override {
        lower_reads_ = false;
        tell_readable();
    }
    void tell_readable() {
        if (std::exchange(upper_reads_, false)) handler_->on_readable();
    }
    void on_writable() override {
        lower_writes_ = false;
        flush();
        tell_writable();
    }
    void tell_writable() {
        if (std::exchange(upper_writes_, false)) handler_->on_writable();
    }

    void watch_reading() {
        if (!std::exchange(lower_reads_, true)) lower_->await_readable();
    }
    void watch_writing() {
        if (!std::exchange(lower_writes_, true)) lower_->await_writable();
    }
    transfer wait_for_peer() {
        upper_reads_ = true;
        watch_reading();
        return {0, std::make_error_code(std::errc::operation_would_block), transfer::rest::nothing};
    }

    // Passes on what is encrypted, as much as the lower channel takes.
    void flush() {
        lower_is_full_ = false;
        if (pending() == 0 || lower_failure_) return;
        const bytes_view all(unsent_);
        const transfer sent = lower_->send(std::span<const bytes_view>(&all, all.empty() ? 0 : 1));
        unsent_.consume(sent.count);
        if (sent.error && !sent.would_block()) {
            lower_failure_ = sent;  // told by the next call of the owner, who is woken if it waits
        } else if (pending() != 0) {
            lower_is_full_ = true;
            watch_writing();
        }
        hand_over_block();
    }

    // A block for ciphertext, which the connections of a thread lend each other: most of them are idle.
    static bytearray& spare() noexcept {
        static thread_local bytearray block;
        return block;
    }
    // Keeps no more memory than what is left needs.
    void hand_over_block() noexcept {
        if (unsent_.capacity() == bytearray::inline_size || unsent_.size() > unsent_.capacity() / 4) return;
        try {
            bytearray left(unsent_.view());
            unsent_.clear();
            if (spare().capacity() < unsent_.capacity()) std::swap(unsent_, spare());
            unsent_ = std::move(left);
        } catch (const std::bad_alloc&) {  // it keeps the block
        }
    }

    // The next plaintext to encrypt: a large piece as it is, small ones joined. Parameters: `skip` bytes are done.
    static bytes_view next_record(std::span<const bytes_view> pieces, std::size_t skip,
                                  std::span<std::byte, record_size> joined) {
        std::size_t size = 0;
        for (std::size_t index = 0; index < pieces.size(); ++index) {
            bytes_view piece = pieces[index];
            const std::size_t skipped = std::min(skip, piece.size());
            skip -= skipped;
            piece.remove_prefix(skipped);
            if (piece.empty()) continue;
            if (size == 0 && (piece.size() >= record_size || index + 1 == pieces.size())) {
                return piece.first(std::min(piece.size(), record_size));
            }
            const std::size_t count = std::min(piece.size(), record_size - size);
            std::memcpy(joined.data() + size, piece.data(), count);
            size += count;
            if (size == record_size) break;
        }
        return {joined.data(), size};
    }

    // ---- limits of time ----

    void limit(duration most) {
        timer_ = loop_.call_later(most, [this] {
            timed_out_ = true;
            handler_->on_readable();
        });
    }
    void end_limit() noexcept {
        timer_.cancel();
        timer_ = {};
    }

    // ---- failures ----

    transfer failed(tls::tls_errc reason) noexcept {
        failure_ = std::make_exception_ptr(tls::tls_error(reason, describe()));
        return {0, reason, transfer::rest::nothing};
    }
    transfer failed_engine() noexcept {
        failure_ = engine_.failure();
        if (!failure_) return failed(tls::tls_errc::truncated);
        return {0, std::make_error_code(std::errc::protocol_error), transfer::rest::nothing};
    }
    transfer failed_below(const transfer& below, const char* operation) noexcept {
        failure_ = lower_->failure_of(below, operation);
        return below;
    }

    event_loop& loop_;
    bytearray early_;   // of the peer, from before the layer
    bytearray unsent_;  // ciphertext
    duration handshake_timeout_;  // of the options, what is needed later
    duration shutdown_timeout_;
    bool suppress_ragged_eofs_;
    tls::engine engine_;
    std::unique_ptr<stream_channel> lower_;
    fd_handler* handler_ = nullptr;
    std::optional<transfer> lower_failure_;
    std::exception_ptr failure_;
    handle timer_;  // of the handshake or the shutdown
    handle again_;  // on_readable without an event below
    handle more_;   // on_writable likewise
    transfer::rest lower_left_ = transfer::rest::unknown;
    bool upper_reads_ = false;   // the owner waits for on_readable
    bool upper_writes_ = false;  // the owner waits for on_writable
    bool lower_reads_ = false;   // an on_readable of the lower channel is outstanding
    bool lower_writes_ = false;
    bool lower_is_full_ = false;
    bool drained_ = false;  // the last receive has taken all there was
    bool timed_out_ = false;
};

}  // namespace aioxx

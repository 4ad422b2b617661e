// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/stream_channel.hpp: what a byte transport needs from its medium: non-blocking receive and send,
// and a call when they may be tried again. A socket, a pipe and a memory link implement it; the life cycle,
// the write queue and the flow control are written once, in stream_transport.hpp.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/backend.hpp>
#include <aioxx/io/extra_info.hpp>

namespace aioxx {

/// What one attempt to receive or send did.
struct transfer {
    std::size_t count = 0;  ///< bytes moved; 0 without an error is the end of the stream (receive only)
    std::error_code error;  ///< std::errc::operation_would_block: try again after the next call of the handler

    /// How sure it is that another attempt would block.
    enum class rest : unsigned char {
        unknown,  ///< more may be there
        nothing   ///< it would block, or it is at its end
    };
    rest left = rest::unknown;

    [[nodiscard]] bool would_block() const noexcept {
        if (!error) return false;  // to compare it takes virtual calls
        return error == std::errc::operation_would_block || error == std::errc::resource_unavailable_try_again;
    }
    /// Whether the system cannot do this at all, however often it is tried.
    [[nodiscard]] bool is_unsupported() const noexcept {
        return error == std::errc::invalid_argument || error == std::errc::function_not_supported ||
               error == std::errc::operation_not_supported;
    }
};

/// A medium for bytes in one or both directions. Owned by one transport, used on the loop's thread only.
class stream_channel {
public:
    virtual ~stream_channel() = default;

    /// Names the receiver of readiness calls; called before anything else. Called again by a layer that takes its
    /// place: what was asked for before is forgotten then.
    virtual void attach(fd_handler& handler) = 0;

    /// Prepares it, as the handshake of a secure layer does. Called first, and again from each readiness call, which it
    /// asks for by itself, until it would not block any more. The others wait until then, but for close.
    virtual transfer open() noexcept { return {}; }

    /// Which halves exist.
    [[nodiscard]] virtual bool can_receive() const noexcept = 0;
    [[nodiscard]] virtual bool can_send() const noexcept = 0;
    /// Whether the sending half can end while the receiving half goes on.
    [[nodiscard]] virtual bool can_half_close() const noexcept = 0;

    /// Whether nothing can follow the end of the stream. After one that is not final the next call of on_readable comes
    /// for what follows it.
    [[nodiscard]] virtual bool end_is_final() const noexcept { return true; }

    /// Receives what is there, at most the buffer's size. Never blocks.
    virtual transfer receive(std::span<std::byte> buffer) noexcept = 0;
    /// Sends from the pieces in order, as much as fits. Never blocks.
    virtual transfer send(std::span<const bytes_view> pieces) noexcept = 0;
    /// Bytes that send has taken and that have not left yet, in a channel that keeps some. They leave with the next send,
    /// which may be one without pieces; when they cannot leave any more they still count, and that send says why.
    [[nodiscard]] virtual std::size_t pending() const noexcept { return 0; }

    /// Whether send_file works.
    [[nodiscard]] virtual bool sends_files() const noexcept { return false; }
    /// Sends bytes of a file without taking them through the program, as much as fits; 0 without an error is the end of
    /// the file. Parameters: `offset` in the file; `most` bytes.
    virtual transfer send_file(int, std::uint64_t, std::size_t) noexcept {
        return {0, std::make_error_code(std::errc::operation_not_supported), transfer::rest::nothing};
    }

    /// Whether the system can move bytes between it and a pipe: splice_to and splice_from work.
    [[nodiscard]] virtual bool splices() const noexcept { return false; }
    /// As receive, into a pipe that is non-blocking and empty. Parameters: `most` bytes.
    virtual transfer splice_to(int, std::size_t) noexcept {
        return {0, std::make_error_code(std::errc::operation_not_supported), transfer::rest::nothing};
    }
    /// As send, from a pipe. Parameters: `most` bytes, which it has.
    virtual transfer splice_from(int, std::size_t) noexcept {
        return {0, std::make_error_code(std::errc::operation_not_supported), transfer::rest::nothing};
    }

    /// Asks for one on_readable, which may come without a reason. Requires: none is outstanding.
    virtual void await_readable() = 0;
    /// Asks for one on_writable, which may come without a reason. Requires: none is outstanding.
    virtual void await_writable() = 0;

    /// Tells the peer that no more bytes come.
    virtual void shutdown_send() noexcept = 0;
    /// Takes leave of the peer in good order, when everything is sent. Called before close, and again from each readiness
    /// call, which it asks for by itself, until it would not block any more.
    virtual transfer finish() noexcept { return {}; }
    /// For a medium that only sends: whether on_readable comes when the receiver goes away.
    [[nodiscard]] virtual bool watches_receiver() const noexcept { return false; }
    /// For such a medium: whether the receiver is gone. Called from on_readable.
    [[nodiscard]] virtual bool receiver_gone() const noexcept { return false; }
    /// Ends both halves; no handler call follows. Idempotent.
    virtual void close() noexcept = 0;

    /// What a failed attempt means to the user. Parameters: `operation` its name.
    [[nodiscard]] virtual std::exception_ptr failure_of(const transfer& failed, const char* operation) const {
        return std::make_exception_ptr(broken_error(failed.error, operation));
    }

    /// Answers for get_extra_info.
    [[nodiscard]] virtual bool query_extra_info(extra_info_query& query) const = 0;
    /// Text that names the medium in reports: "tcp 127.0.0.1:80".
    [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace aioxx

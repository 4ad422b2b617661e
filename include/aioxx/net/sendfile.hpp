// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/sendfile.hpp: the content of a file goes out over a transport or a socket, by the system itself where it can
// (sendfile), else by reading on a worker thread and writing.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/sendfile.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/to_thread.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/net/sock_ops.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx {

/// Which part of a file is sent, and how.
struct sendfile_options {
    std::uint64_t offset = 0;                    ///< of the first byte
    std::optional<std::uint64_t> count = {};     ///< bytes; none goes on to the end of the file
    bool fallback = true;                        ///< read and write where the system cannot send files
};

namespace detail {

// Puts the file's position behind what was sent, whatever happened.
class file_position : pinned {
public:
    file_position(int file, std::uint64_t offset) noexcept : sent(offset), file_(file) {}
    ~file_position() { static_cast<void>(::lseek(file_, static_cast<off_t>(sent), SEEK_SET)); }

    std::uint64_t sent;

private:
    int file_;
};

// Returns: null, or the reason for which not all has been sent.
inline coro<std::exception_ptr> send_file_natively(stream_transport& over, int file, sendfile_options options,
                                                   file_position& position) {
    const future<std::exception_ptr> ended = create_future<std::exception_ptr>();
    bool told = false;
    over.send_file(file, options.offset, options.count, [&](std::uint64_t sent, std::exception_ptr reason) {
        told = true;
        position.sent += sent;
        if (!ended.done()) ended.set_result(std::move(reason));
    });
    // After a cancellation, and when the loop is closed and this ends where it stands: the callback refers to it.
    const scope_exit stop([&] {
        if (!told) position.sent += over.cancel_file();
    });
    co_return co_await ended;
}

// Errors: what the connection was lost with is told to its protocol; here it is a connection_reset.
inline coro<> wait_until_sent(stream_transport& over) {
    const future<> passed_on = create_future();
    over.when_sent([passed_on] {
        if (!passed_on.done()) passed_on.set_result();
    });
    co_await passed_on;
    if (over.is_closing()) throw broken_error(std::make_error_code(std::errc::connection_reset), "sendfile");
}

// Errors: broken_error.
inline bytearray read_part(int file, std::uint64_t offset, std::size_t most) {
    bytearray part;
    part.resize(most);
    const ssize_t count =
        uninterrupted([&] { return ::pread(file, part.data(), most, static_cast<off_t>(offset)); });
    if (count < 0) throw_system_error(errno, "sendfile: cannot read the file");
    part.resize(static_cast<std::size_t>(count));
    return part;
}

// Hands the parts of a file on, one after the other. Parameters: `take` a coroutine function that takes a bytearray.
template <class Take>
coro<> read_and_hand_on(int file, sendfile_options options, file_position& position, Take take) {
    constexpr std::uint64_t part_size = 64 * 1024;
    std::uint64_t left = options.count.value_or(std::numeric_limits<std::uint64_t>::max());
    while (left != 0) {
        const auto most = static_cast<std::size_t>(std::min(left, part_size));
        bytearray part = co_await to_thread(read_part, file, position.sent, most);
        if (part.empty()) break;
        const std::size_t size = part.size();
        co_await take(std::move(part));
        position.sent += size;
        left -= size;
    }
}

inline void require_range(const sendfile_options& options, const char* operation) {
    if (options.count && *options.count == 0) {
        throw std::invalid_argument(std::string(operation) + ": expected a positive count, got 0");
    }
}

// Whether the system cannot send this file, or not over this.
inline bool is_unsupported(const std::exception_ptr& reason) {
    try {
        std::rethrow_exception(reason);
    } catch (const broken_error& failure) {
        return failure.code() == std::errc::invalid_argument || failure.code() == std::errc::operation_not_supported ||
               failure.code() == std::errc::function_not_supported || failure.code() == std::errc::bad_file_descriptor;
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace detail

/// Sends a file, or a part of it, over a transport (asyncio: loop.sendfile).
///
/// It follows what was written before; writing meanwhile throws invalid_state_error while the system itself sends, and
/// mixes with the file's bytes otherwise. The position of the file is behind what was sent afterwards.
/// Parameters: `over` a byte transport of the library; `file` open for reading, it stays the caller's.
/// Returns: the number of bytes sent, 0 for an empty file.
/// Errors: std::invalid_argument for a count of 0 and another kind of transport; closed_error; invalid_state_error while
/// another file is sent; broken_error when the file cannot be read, when the system cannot send it and options.fallback
/// is off, and when the connection is lost.
/// Cancellation: partial: what has been sent is told by the position of the file. The transport can be used on.
inline coro<std::uint64_t> sendfile(std::shared_ptr<transport> over, int file, sendfile_options options = {}) {
    auto* known = dynamic_cast<stream_transport*>(over.get());
    if (known == nullptr) throw std::invalid_argument("sendfile: expected a byte transport of the library");
    detail::require_range(options, "sendfile");
    if (known->is_closing()) throw closed_error("sendfile: the connection is closed");
    detail::file_position position(file, options.offset);
    if (known->sends_files()) {
        const std::exception_ptr reason = co_await detail::send_file_natively(*known, file, options, position);
        if (!reason) co_return position.sent - options.offset;
        const bool nothing_sent = position.sent == options.offset;
        if (!nothing_sent || !options.fallback || !detail::is_unsupported(reason)) std::rethrow_exception(reason);
    } else if (!options.fallback) {
        throw broken_error(std::make_error_code(std::errc::operation_not_supported),
                           "sendfile: " + known->describe() + " cannot send files by itself");
    }
    auto write = [known](bytearray part) -> coro<> {
        if (known->is_closing()) throw broken_error(std::make_error_code(std::errc::connection_reset), "sendfile");
        known->write(std::move(part));
        co_await detail::wait_until_sent(*known);
    };
    co_await detail::read_and_hand_on(file, options, position, write);
    co_return position.sent - options.offset;
}

/// Likewise over a socket of the program (asyncio: loop.sock_sendfile). Requires: as sock_sendall.
/// Cancellation: as above.
inline coro<std::uint64_t> sock_sendfile(int socket, int file, sendfile_options options = {}) {
    detail::require_range(options, "sock_sendfile");
    detail::socket_use used(socket, "sock_sendfile");
    detail::ignore_broken_pipe_signal();
    detail::file_position position(file, options.offset);
    std::uint64_t left = options.count.value_or(std::numeric_limits<std::uint64_t>::max());
    while (left != 0) {
        constexpr std::uint64_t at_once = 1024 * 1024;
        auto at = static_cast<off_t>(position.sent);
        const ssize_t count = detail::uninterrupted(
            [&] { return ::sendfile(socket, file, &at, static_cast<std::size_t>(std::min(left, at_once))); });
        if (count == 0) break;
        if (count > 0) {
            position.sent += static_cast<std::uint64_t>(count);
            left -= static_cast<std::uint64_t>(count);
        } else if (detail::would_block(errno)) {
            co_await used.until(readiness::writable);
        } else if (position.sent == options.offset && options.fallback && (errno == EINVAL || errno == ENOSYS)) {
            auto send = [socket](bytearray part) -> coro<> { co_await sock_sendall(socket, part); };
            co_await detail::read_and_hand_on(file, options, position, send);
            break;
        } else {
            throw_system_error(errno, "sock_sendfile");
        }
    }
    co_return position.sent - options.offset;
}

}  // namespace aioxx

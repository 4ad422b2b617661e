// SPDX-License-Identifier: BSL-1.0
#pragma once

// files/async_file.hpp: files whose operations run on worker threads, for there is no readiness to wait for.
// A call that has started is waited for, also by a task that is cancelled: nothing of ours touches the file after the
// operation, and the next one finds it in a known state.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/to_thread.hpp>
#include <aioxx/io/busy_guard.hpp>
#include <aioxx/transports/fd_channel.hpp>

namespace aioxx {

/// Where seek counts from (Python: os.SEEK_SET, SEEK_CUR, SEEK_END).
enum class seek_from { start, current, end };

namespace detail {

inline constexpr std::size_t file_part = 256 * 1024;  // bytes between two looks at a stop token

// What a worker thread uses; it outlives the handles while a call is under way.
struct open_file_state {
    open_file_state(unique_fd opened, std::string name) : file(std::move(opened)), path(std::move(name)) {}

    unique_fd file;
    std::string path;  // for reports
    busy_flag busy;

    // Errors: closed_error naming the operation.
    [[nodiscard]] int descriptor(const char* operation) const {
        if (!file) throw closed_error(std::string(operation) + ": the file \"" + path + "\" is closed");
        return file.get();
    }
    [[noreturn]] void fail(const char* operation) const {
        throw_system_error(errno, std::string(operation) + " \"" + path + "\"");
    }
};

// The flags of open(2) for the letters of fopen and of Python. Errors: std::invalid_argument.
inline int open_flags(std::string_view mode) {
    const auto refuse = [mode] {
        throw std::invalid_argument("open_file: the mode must be one of r, w, a, x, with + for both directions and b if "
                                    "one likes, got \"" + std::string(mode) + "\"");
    };
    char kind = 0;
    bool both = false;
    bool binary = false;
    for (const char letter : mode) {
        if (std::string_view("rwax").find(letter) != std::string_view::npos && kind == 0) {
            kind = letter;
        } else if (letter == '+' && !both) {
            both = true;
        } else if (letter == 'b' && !binary) {
            binary = true;
        } else {
            refuse();
        }
    }
    if (kind == 0) refuse();
    const int direction = both ? O_RDWR : kind == 'r' ? O_RDONLY : O_WRONLY;
    const int making = kind == 'r'   ? 0
                       : kind == 'w' ? O_CREAT | O_TRUNC
                       : kind == 'a' ? O_CREAT | O_APPEND
                                     : O_CREAT | O_EXCL;
    return direction | making | O_CLOEXEC;
}

inline std::size_t read_part_of(const open_file_state& from, std::byte* into, std::size_t most) {
    const int file = from.descriptor("read");
    const ssize_t count = uninterrupted([&] { return ::read(file, into, most); });
    if (count < 0) from.fail("read");
    return static_cast<std::size_t>(count);
}

// Returns: at most so many bytes; at least one, or none at the end.
inline bytearray read_once(const open_file_state& from, std::size_t most) {
    bytearray bytes;
    bytes.resize(most);
    bytes.resize(read_part_of(from, bytes.data(), most));
    return bytes;
}

// Returns: everything to the end, or as much as there is when it is asked to stop.
inline bytearray read_to_end(const open_file_state& from, const std::stop_token& stop) {
    bytearray bytes;
    while (!stop.stop_requested()) {
        const std::size_t before = bytes.size();
        bytes.resize(before + file_part);
        const std::size_t count = read_part_of(from, bytes.data() + before, file_part);
        bytes.resize(before + count);
        if (count == 0) break;
    }
    return bytes;
}

inline void write_whole(const open_file_state& into, bytes_view bytes, const std::stop_token& stop) {
    const int file = into.descriptor("write");
    while (!bytes.empty() && !stop.stop_requested()) {
        const std::size_t part = std::min(bytes.size(), file_part);
        const ssize_t count = uninterrupted([&] { return ::write(file, bytes.data(), part); });
        if (count < 0) into.fail("write");
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

}  // namespace detail

/// An open file (AnyIO: AsyncFile). Copies refer to the same one; it is closed with the last of them.
///
/// A source and a destination of bytes: buffered_reader reads lines from it, pump copies it.
/// Concurrency: one loop, one operation at a time; a second one throws busy_error.
class async_file {
public:
    /// Adopts an open descriptor, which is closed with the file.
    ///
    /// Parameters: `path` for reports. Errors: std::invalid_argument without a descriptor.
    explicit async_file(unique_fd file, std::string path = {})
        : state_(std::make_shared<detail::open_file_state>(std::move(file), std::move(path))) {
        if (!state_->file) throw std::invalid_argument("async_file needs an open descriptor, got none");
    }

    /// Reads into the caller's memory. Returns: the number of bytes; 0 at the end of the file.
    ///
    /// Errors: broken_error naming the file. Lifetime: `into` is written before it returns, not by the thread.
    /// Cancellation: waits for the call; what it read is lost.
    [[nodiscard]] coro<std::size_t> read_some(mutable_bytes_view into) const { return read_some(state_, into); }

    /// Reads at most a number of bytes; none at the end of the file. As read_some.
    ///
    /// Cancellation: as read_some.
    [[nodiscard]] coro<bytearray> read(std::size_t at_most) const {
        return run(state_, "read", [at_most](detail::open_file_state& file, const std::stop_token&) {
            return detail::read_once(file, at_most);
        });
    }

    /// Reads everything from the position to the end.
    ///
    /// Errors: broken_error. Cancellation: ends after the part under way; what was read is lost.
    [[nodiscard]] coro<bytearray> read() const {
        return run(state_, "read", [](detail::open_file_state& file, const std::stop_token& stop) {
            return detail::read_to_end(file, stop);
        });
    }

    /// Writes all of it.
    ///
    /// Lifetime: a copy is written, the caller's bytes are free at once. Errors: broken_error, with a part written.
    /// Cancellation: ends after the part under way (256 KiB).
    [[nodiscard]] coro<> send(bytes_view data) const {
        return run(state_, "write", [bytes = bytearray(data)](detail::open_file_state& file, const std::stop_token& stop) {
            detail::write_whole(file, bytes, stop);
        });
    }

    /// Moves the position. Returns: where it is then, in bytes from the start.
    ///
    /// Errors: broken_error, also for a position before the start and what has none. Cancellation: safe.
    [[nodiscard]] coro<std::uint64_t> seek(std::int64_t offset, seek_from whence = seek_from::start) const {
        return run(state_, "seek", [offset, whence](detail::open_file_state& file, const std::stop_token&) {
            const int from = whence == seek_from::start     ? SEEK_SET
                             : whence == seek_from::current ? SEEK_CUR
                                                            : SEEK_END;
            const off_t position = ::lseek(file.descriptor("seek"), static_cast<off_t>(offset), from);
            if (position < 0) file.fail("seek");
            return static_cast<std::uint64_t>(position);
        });
    }
    /// The position. Errors and cancellation: as seek.
    [[nodiscard]] coro<std::uint64_t> tell() const { return seek(0, seek_from::current); }

    /// The size in bytes. Errors: broken_error. Cancellation: safe.
    [[nodiscard]] coro<std::uint64_t> size() const {
        return run(state_, "size", [](detail::open_file_state& file, const std::stop_token&) {
            struct stat found {};
            if (::fstat(file.descriptor("size"), &found) != 0) file.fail("stat");
            return static_cast<std::uint64_t>(found.st_size);
        });
    }

    /// Sets the size: cuts the end off, or fills up with zeros. The position stays.
    ///
    /// Errors: broken_error. Cancellation: waits for the call.
    [[nodiscard]] coro<> truncate(std::uint64_t size) const {
        return run(state_, "truncate", [size](detail::open_file_state& file, const std::stop_token&) {
            if (::ftruncate(file.descriptor("truncate"), static_cast<off_t>(size)) != 0) file.fail("truncate");
        });
    }

    /// Returns when what was written is on the disk (Python: os.fsync). Errors: broken_error.
    /// Cancellation: waits for the call.
    [[nodiscard]] coro<> sync() const {
        return run(state_, "sync", [](detail::open_file_state& file, const std::stop_token&) {
            if (::fsync(file.descriptor("sync")) != 0) file.fail("fsync");
        });
    }

    /// Closes the file; later operations throw closed_error. Again is harmless.
    ///
    /// Errors: broken_error when the system could not keep what was written. Cancellation: waits for the call.
    [[nodiscard]] coro<> close() const {
        return run(state_, "close", [](detail::open_file_state& file, const std::stop_token&) {
            if (file.file && ::close(file.file.release()) != 0) file.fail("close");
        });
    }
    [[nodiscard]] bool is_closed() const noexcept { return !state_->file; }

    /// The descriptor, for sendfile and its like; -1 when it is closed. It stays the file's.
    [[nodiscard]] int fileno() const noexcept { return state_->file.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return state_->path; }

private:
    using state_type = std::shared_ptr<detail::open_file_state>;

    // Calls a function of the file on a worker thread.
    template <class Call>
    static auto run(state_type state, const char* name, Call call)
        -> coro<std::invoke_result_t<Call&, detail::open_file_state&, const std::stop_token&>> {
        const busy_guard in_use(state->busy, name);
        // Takes a stop token, so that a cancelled task waits for its end.
        auto job = [state, call = std::move(call)](const std::stop_token& stop) mutable { return call(*state, stop); };
        auto running = to_thread(std::move(job));
        co_return co_await std::move(running);
    }

    static coro<std::size_t> read_some(state_type state, mutable_bytes_view into) {
        const std::size_t most = std::min(into.size(), detail::file_part);
        const async_file file(std::move(state));
        const bytearray bytes = co_await file.read(most);
        std::copy(bytes.begin(), bytes.end(), into.begin());
        co_return bytes.size();
    }

    explicit async_file(state_type state) noexcept : state_(std::move(state)) {}

    state_type state_;
};

/// Opens a file on a worker thread (Python: open, AnyIO: open_file).
///
/// Parameters: `mode` the letters of Python: r reads, w empties or makes it, a appends, x makes it and fails when it is
/// there, + for both directions; b changes nothing. `permissions` of a file that is made, less the umask.
/// Errors: std::invalid_argument naming a bad mode; broken_error naming the file and the reason.
/// Cancellation: safe.
/// Example:
///     aioxx::buffered_reader lines(co_await aioxx::open_file("access.log"));
///     while (auto line = co_await lines.next_line()) count(*line);
[[nodiscard]] inline coro<async_file> open_file(std::filesystem::path path, std::string_view mode = "r",
                                                mode_t permissions = 0666) {
    const int flags = detail::open_flags(mode);
    auto open = [path, flags, permissions](const std::stop_token&) {
        unique_fd opened(::open(path.c_str(), flags, permissions));
        if (!opened) throw_system_error(errno, "open_file \"" + path.string() + "\"");
        return opened;
    };
    auto opening = to_thread(std::move(open));
    unique_fd file = co_await std::move(opening);
    co_return async_file(std::move(file), path.string());
}

/// The whole content of a file (Python: Path.read_bytes). Errors and cancellation: as open_file and read.
[[nodiscard]] inline coro<bytearray> read_bytes(std::filesystem::path path) {
    const async_file file = co_await open_file(std::move(path));
    co_return co_await file.read();
}

/// Makes a file with a content, in place of another one (Python: Path.write_bytes).
///
/// Lifetime: `content` is copied when this is called. Errors and cancellation: as open_file and send.
[[nodiscard]] inline coro<> write_bytes(std::filesystem::path path, bytes_view content) {
    return [](std::filesystem::path into, bytearray bytes) -> coro<> {
        const async_file file = co_await open_file(std::move(into), "w");
        co_await file.send(bytes);
        co_await file.close();
    }(std::move(path), bytearray(content));
}

}  // namespace aioxx

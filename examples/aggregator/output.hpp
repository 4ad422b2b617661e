// SPDX-License-Identifier: BSL-1.0
#pragma once

// aggregator/output.hpp: our standard output and standard error. Everything of a turn is written together; a slow
// reader makes the producers wait instead of filling the memory, and never stops the loop.

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aioxx/aioxx.hpp>

namespace aggregator {

/// Writes text to a descriptor of this process. Its task runs from start() to finish().
class output {
public:
    explicit output(int fd) : fd_(fd) {}

    void start() { task_ = aioxx::create_task(write_all(), "output " + std::to_string(fd_)); }

    /// Where the lines go; call more() after appending.
    [[nodiscard]] std::string& text() noexcept { return pending_; }
    void more() {
        if (!pending_.empty()) changed_.set();
    }

    [[nodiscard]] bool has_room() const noexcept { return pending_.size() <= limit || broken_; }

    /// Waits until there is room for more. Cancellation: safe.
    aioxx::coro<> room() {
        while (!has_room()) {
            taken_.clear();
            co_await taken_.wait();
        }
    }

    /// Writes what is left, for as long as it takes: a reader that does not read is waited for, until abandon().
    /// Cancellation: partial.
    aioxx::coro<> finish() {
        ended_ = true;
        changed_.set();
        co_await task_;
    }

    /// Drops what has not been written, and lets go of a reader that does not read.
    void abandon() {
        broken_ = true;
        if (writer_) writer_->abort();
        taken_.set();
    }

    /// Whether the reader has gone: what is written after that is dropped.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

private:
    static constexpr std::size_t limit = 1024 * 1024;

    aioxx::coro<> write_all() {
        if (!is_file()) writer_ = co_await open();
        std::string now;
        while (!ended_ || !pending_.empty()) {
            if (pending_.empty()) {
                changed_.clear();
                co_await changed_.wait();
                continue;
            }
            now.clear();
            std::swap(now, pending_);
            taken_.set();
            if (broken_) continue;
            try {
                if (writer_) {
                    co_await writer_->send(now);
                } else {
                    write_to_file(now);
                }
            } catch (const aioxx::error&) {
                broken_ = true;
            }
        }
        if (!writer_) co_return;
        writer_->close();
        co_await writer_->wait_closed();
    }

    [[nodiscard]] bool is_file() const {
        struct stat found {};
        return ::fstat(fd_, &found) != 0 || S_ISREG(found.st_mode);
    }

    aioxx::coro<aioxx::stream_writer> open() {
        aioxx::unique_fd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 3));
        auto made = co_await aioxx::connect_write_pipe(
            [] { return std::make_shared<aioxx::stream_protocol>(aioxx::stream_reader::default_limit); },
            std::move(copy));
        co_return aioxx::make_stream(made.protocol).writer;
    }

    // A file never makes a writer wait for a reader.
    void write_to_file(std::string_view text) {
        while (!text.empty()) {
            const ssize_t count = ::write(fd_, text.data(), text.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) aioxx::throw_system_error(errno, "cannot write");
            text.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    int fd_;
    std::optional<aioxx::stream_writer> writer_;
    std::string pending_;
    aioxx::event changed_;
    aioxx::event taken_;
    aioxx::task<> task_;
    bool ended_ = false;
    bool broken_ = false;
};

}  // namespace aggregator

// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/file_channel.hpp: a channel over a descriptor that cannot be watched, a regular file or a device: it is
// read and written on worker threads, from its present position on. One call is under way at a time.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

#include <aioxx/base/pinned.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/executor.hpp>
#include <aioxx/core/handle.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/stream_channel.hpp>

namespace aioxx {

/// One direction of a file.
class file_channel final : public stream_channel, pinned {
public:
    file_channel(event_loop& loop, unique_fd file, pipe_end end)
        : loop_(loop), work_(std::make_shared<work>()), end_(end) {
        work_->file = std::move(file);
        work_->owner = this;
    }
    ~file_channel() override { close(); }

    void attach(fd_handler& handler) override { handler_ = &handler; }
    [[nodiscard]] bool can_receive() const noexcept override { return end_ == pipe_end::read; }
    [[nodiscard]] bool can_send() const noexcept override { return end_ == pipe_end::write; }
    [[nodiscard]] bool can_half_close() const noexcept override { return end_ == pipe_end::write; }

    transfer receive(std::span<std::byte> buffer) noexcept override {
        if (work_->busy) return detail::failed_transfer(EAGAIN);
        if (!ready_.empty()) {
            const std::size_t count = std::min(buffer.size(), ready_.size());
            std::memcpy(buffer.data(), ready_.data(), count);
            ready_.consume(count);
            return {count, {}, ready_.empty() ? transfer::rest::nothing : transfer::rest::unknown};
        }
        if (failure_ != 0) return detail::failed_transfer(failure_);
        return ended_ ? transfer{} : detail::failed_transfer(EAGAIN);
    }
    transfer send(std::span<const bytes_view> pieces) noexcept override {
        if (failure_ != 0) return detail::failed_transfer(failure_);
        if (work_->busy) return detail::failed_transfer(EAGAIN);
        std::size_t count = 0;
        for (const bytes_view& piece : pieces) {
            const bytes_view taken = piece.first(std::min(piece.size(), at_once - count));
            work_->bytes.append(taken);
            count += taken.size();
        }
        if (!work_->bytes.empty()) start();
        return {count, {}, transfer::rest::unknown};
    }
    [[nodiscard]] std::size_t pending() const noexcept override {
        return end_ == pipe_end::write ? pending_ : 0;
    }

    void await_readable() override {
        waits_ = true;
        if (work_->busy) return;
        if (!ready_.empty() || ended_ || failure_ != 0) {
            tell_soon();
        } else {
            start();
        }
    }
    void await_writable() override {
        waits_ = true;
        if (!work_->busy) tell_soon();
    }

    void shutdown_send() noexcept override { close(); }
    /// Closes the file, after the call that is under way.
    void close() noexcept override {
        soon_.cancel();
        work_->owner = nullptr;
        if (!work_->busy) work_->file.reset();
    }

    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        return query.answer(extra_info::pipe, work_->file.get());
    }
    [[nodiscard]] std::string describe() const override {
        return (end_ == pipe_end::read ? "file to read " : "file to write ") + std::to_string(work_->file.get());
    }

private:
    static constexpr std::size_t at_once = 64 * 1024;

    // What a thread uses, which outlives the channel when that is closed meanwhile.
    struct work {
        unique_fd file;
        bytearray bytes;  // that were read, or are to be written
        int failure = 0;
        bool busy = false;
        file_channel* owner = nullptr;  // null when it is closed
    };

    // On a worker thread.
    static void read_some(work& job) noexcept {
        job.bytes.resize(at_once);
        const ssize_t count =
            detail::uninterrupted([&] { return ::read(job.file.get(), job.bytes.data(), job.bytes.size()); });
        job.failure = count < 0 ? errno : 0;
        job.bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    }
    static void write_all(work& job) noexcept {
        job.failure = 0;
        while (!job.bytes.empty() && job.failure == 0) {
            const ssize_t count =
                detail::uninterrupted([&] { return ::write(job.file.get(), job.bytes.data(), job.bytes.size()); });
            if (count < 0) {
                job.failure = errno;
            } else {
                job.bytes.consume(static_cast<std::size_t>(count));
            }
        }
    }

    void start() {
        work_->busy = true;
        pending_ = work_->bytes.size();
        const bool reads = end_ == pipe_end::read;
        try {
            const future<> done = run_in_executor(loop_, [job = work_, reads] { reads ? read_some(*job) : write_all(*job); });
            done.add_done_callback([job = work_] {
                job->busy = false;
                if (job->owner != nullptr) {
                    job->owner->on_done();
                } else {
                    job->file.reset();
                }
            });
        } catch (const std::exception&) {  // no thread, or the executor was shut down
            work_->busy = false;
            failure_ = ECANCELED;
            if (waits_) tell_soon();
        }
    }

    void on_done() {
        failure_ = work_->failure;
        if (failure_ == 0) pending_ = 0;  // else the next send says why
        if (end_ == pipe_end::read) {
            ended_ = failure_ == 0 && work_->bytes.empty();
            ready_ = std::exchange(work_->bytes, {});
        } else {
            work_->bytes.clear();
        }
        tell();
    }
    void tell_soon() {
        soon_.cancel();
        soon_ = loop_.call_soon([this] { tell(); });
    }
    void tell() {
        if (!std::exchange(waits_, false)) return;
        end_ == pipe_end::read ? handler_->on_readable() : handler_->on_writable();
    }

    event_loop& loop_;
    std::shared_ptr<work> work_;
    pipe_end end_;
    fd_handler* handler_ = nullptr;
    bytearray ready_;  // was read and not received yet
    std::size_t pending_ = 0;
    int failure_ = 0;
    bool ended_ = false;
    bool waits_ = false;  // the owner wants to be called
    handle soon_;
};

}  // namespace aioxx

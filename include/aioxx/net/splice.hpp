// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/splice.hpp: the way from one transport to another that does not lead through the memory of the program: the system
// moves the bytes (splice), through a pipe that holds what the destination has not taken yet. A pipe at one of the ends does
// not make it superfluous: without it TCP to pipe costs 1.35 times the CPU time, pipe to TCP 2 times, pipe to pipe the same.

#include <cerrno>
#include <cstddef>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx::detail {

// Reading of the source is diverted while it lives. What it has taken from the source belongs to the destination at once,
// as if it had been written: nothing is lost with it.
class splice_path : pinned {
public:
    // What a step has done, and what comes next.
    struct step {
        enum class next {
            move,  // the next one, when the destination is not paused
            wait,  // until `arrived` is called, or the protocol is told of the end
            leave, // read and write: at the end, after a loss, and when others write as well
            never  // likewise, and do not come back: the system cannot do it between these two
        };
        std::size_t count;
        next then;
    };

    // Returns: null when the system cannot do it, or a descriptor cannot be had.
    static std::unique_ptr<splice_path> open(std::shared_ptr<stream_transport> from, std::shared_ptr<stream_transport> to,
                                             function<void()> arrived) {
        int ends[2];
        if (!from->splices() || !to->splices() || ::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
        std::unique_ptr<splice_path> made(new splice_path(std::move(from), std::move(to), ends));
        made->is_receiver_ = made->from_->divert_reading(std::move(arrived));
        return made->is_receiver_ ? std::move(made) : nullptr;
    }
    ~splice_path() {
        if (is_receiver_) from_->end_diversion();
    }

    // Moves what is there.
    step move() {
        if (!to_->is_free()) return {0, step::next::leave};
        const transfer taken = from_->splice_to(in_.get(), capacity);
        if (taken.would_block()) return {0, step::next::wait};
        if (taken.is_unsupported()) return {0, step::next::never};
        if (taken.error || taken.count == 0) return {0, step::next::leave};
        if (to_->splice_from(out_, taken.count)) return {taken.count, step::next::move};
        to_->write(read_out(taken.count));
        return {taken.count, step::next::never};
    }

private:
    // Of the pipe where the system allows it, and of a step. TCP to TCP costs 1.2 times as much through one of 64 KiB, and 0.9
    // through one of 1 MiB, of which a user may have 64 (pipe-user-pages-soft).
    static constexpr std::size_t capacity = 256 * 1024;

    splice_path(std::shared_ptr<stream_transport> from, std::shared_ptr<stream_transport> to, const int (&ends)[2])
        : from_(std::move(from)), to_(std::move(to)), out_(std::make_shared<const unique_fd>(ends[0])), in_(ends[1]) {
        static_cast<void>(::fcntl(in_.get(), F_SETPIPE_SZ, static_cast<int>(capacity)));
    }

    // What the destination does not take from a pipe.
    [[nodiscard]] bytearray read_out(std::size_t count) const {
        bytearray all;
        all.resize(count);
        for (std::size_t have = 0; have < count;) {
            const ssize_t some = uninterrupted([&] { return ::read(out_->get(), all.data() + have, count - have); });
            if (some <= 0) throw_system_error(errno, "pump: cannot read what the system has moved");
            have += static_cast<std::size_t>(some);
        }
        return all;
    }

    std::shared_ptr<stream_transport> from_;
    std::shared_ptr<stream_transport> to_;
    std::shared_ptr<const unique_fd> out_;  // the destination keeps it as long as there is something in the pipe
    unique_fd in_;
    bool is_receiver_ = false;
};

}  // namespace aioxx::detail

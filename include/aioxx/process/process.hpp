// SPDX-License-Identifier: BSL-1.0
#pragma once

// process/process.hpp: a child process with streams for its pipes.
// Each pipe is a stream of its own; waiting depends on the process's end only, not on who still holds a pipe.

#include <csignal>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/streams/writer.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/transports/child.hpp>

namespace aioxx {

namespace detail {

// What the copies of a process handle share. When the last goes, so does the child.
struct process_state : pinned {
    explicit process_state(std::shared_ptr<child> started)
        : running(std::move(started)), exited(std::make_shared<event>()) {}
    ~process_state() {
        if (!running->returncode()) running->signal_group(SIGKILL);
    }

    std::shared_ptr<child> running;
    std::shared_ptr<event> exited;  // outlives the handles: the child sets it
    std::optional<stream_writer> in;
    std::optional<stream_reader> out;
    std::optional<stream_reader> err;
};

}  // namespace detail

/// What communicate collected.
struct process_output {
    bytearray out;
    bytearray err;
};

/// A child process (asyncio: Process). Copies refer to the same one.
///
/// When the last copy goes while the process runs, it is killed with its descendants; it is waited for in any case.
/// Concurrency: one loop.
class process {
public:
    explicit process(std::shared_ptr<detail::process_state> state) noexcept : state_(std::move(state)) {}

    [[nodiscard]] int pid() const noexcept { return state_->running->pid(); }
    /// The exit status, or the negative number of the signal that ended it; nothing while it runs.
    [[nodiscard]] std::optional<int> returncode() const noexcept { return state_->running->returncode(); }

    /// The pipe to its standard input. Errors: invalid_state_error when that is not a pipe.
    [[nodiscard]] stream_writer& in() const { return require(state_->in, "standard input"); }
    /// The pipe from its standard output. Errors: as in().
    [[nodiscard]] stream_reader& out() const { return require(state_->out, "standard output"); }
    /// The pipe from its standard error. Errors: as in().
    [[nodiscard]] stream_reader& err() const { return require(state_->err, "standard error"); }

    /// Waits for its end. Returns: the return code. Any number of waiters.
    ///
    /// A child that writes into a pipe which nobody reads does not end: read, or use communicate().
    /// Cancellation: safe, the process is not touched. Asyncio: does not wait for the pipes (P1).
    [[nodiscard]] coro<int> wait() const { return wait(state_); }

    /// Sends input, closes the pipe, and collects both outputs until they end; then waits for the process.
    ///
    /// A process that does not read its input is no error. Parameters: `max_output` bytes of each output.
    /// Errors: limit_error when there is more; the process is left running.
    /// Cancellation: partial: what was collected is lost; the process is not touched.
    [[nodiscard]] coro<process_output> communicate(
        std::string input = {}, std::size_t max_output = std::numeric_limits<std::size_t>::max()) const {
        return communicate(state_, std::move(input), max_output);
    }

    /// Sends a signal to the process. Nothing happens when it has ended.
    void send_signal(int signal) const { state_->running->send_signal(signal); }
    /// SIGTERM: asks it to end.
    void terminate() const { send_signal(SIGTERM); }
    /// SIGKILL: ends it.
    void kill() const { send_signal(SIGKILL); }
    /// Sends a signal to the process and all its descendants that stayed in its process group.
    void kill_tree(int signal = SIGKILL) const { state_->running->signal_group(signal); }

private:
    using state_type = std::shared_ptr<detail::process_state>;

    template <class Stream>
    static Stream& require(std::optional<Stream>& pipe, const char* name) {
        if (!pipe) throw invalid_state_error(std::string(name) + " of the child process is not a pipe");
        return *pipe;
    }

    static coro<int> wait(state_type state) {
        const auto exited = state->exited;
        co_await exited->wait();
        co_return state->running->returncode().value();
    }

    static coro<> feed(state_type state, std::string input) {
        if (!state->in) co_return;
        try {
            if (!input.empty()) co_await state->in->send(input);
            state->in->close();
            co_await state->in->wait_closed();
        } catch (const broken_error&) {  // it did not want to hear everything
        }
    }

    static coro<bytearray> collect(std::optional<stream_reader> from, std::size_t most) {
        bytearray collected;
        if (!from) co_return collected;
        for (;;) {
            const bytes_view arrived = co_await from->read_view();
            if (arrived.empty()) co_return collected;
            if (arrived.size() > most - collected.size()) {
                throw limit_error("the child process wrote more than " + std::to_string(most) + " bytes",
                                  collected.size() + arrived.size());
            }
            collected.append(arrived);
        }
    }

    static coro<process_output> communicate(state_type state, std::string input, std::size_t most) {
        auto [fed, out, err] = co_await gather(feed(state, std::move(input)), collect(state->out, most),
                                               collect(state->err, most));
        static_cast<void>(fed);
        co_await wait(state);
        process_output output;
        output.out = std::move(out);
        output.err = std::move(err);
        co_return output;
    }

    state_type state_;
};

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// process/process.hpp: a child process with streams for its pipes.
// Each pipe is a stream of its own; waiting depends on the process's end only, not on who still holds a pipe.

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/streams/writer.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/transports/child.hpp>
#include <aioxx/transports/child_stdio.hpp>
#include <aioxx/transports/process.hpp>

namespace aioxx {

namespace detail {

// What the copies of a process handle share. When the last goes, so does the child.
struct process_state : pinned {
    explicit process_state(std::shared_ptr<child> started)
        : running(std::move(started)), exited(std::make_shared<event>()) {}
    ~process_state() {
        if (running->returncode()) return;
        kill_all_of(*running);
        if (in) in->abort();  // somebody else may hold the other end and never read
    }

    std::shared_ptr<child> running;
    std::shared_ptr<event> exited;  // outlives the handles: the child sets it
    std::optional<stream_writer> in;
    std::optional<stream_reader> out;
    std::optional<stream_reader> err;
};

// What was read from one of its outputs, and what happens when that is too much.
struct collected_output {
    collected_output(std::size_t at_most, bool drops) : most(at_most), drops_rest(drops) {}

    void add(bytes_view arrived) {
        const std::size_t room = most - bytes.size();
        if (arrived.size() > room) {
            if (!drops_rest) {
                throw limit_error("the child process wrote more than " + std::to_string(most) + " bytes",
                                  bytes.size() + arrived.size());
            }
            truncated = true;
        }
        bytes.append(arrived.first(std::min(arrived.size(), room)));
    }

    std::size_t most;
    bool drops_rest;
    bool truncated = false;
    bytearray bytes;
};

inline coro<int> wait_for_exit(std::shared_ptr<process_state> state) {
    const auto exited = state->exited;
    co_await exited->wait();
    co_return state->running->returncode().value();
}

inline coro<> feed(std::optional<stream_writer> to, std::string input) {
    if (!to) co_return;
    try {
        if (!input.empty()) co_await to->send(input);
        to->close();
        co_await to->wait_closed();
    } catch (const broken_error&) {  // it did not want to hear everything
    }
}

inline coro<> collect(std::optional<stream_reader> from, std::shared_ptr<collected_output> into) {
    if (!from) co_return;
    for (;;) {
        const bytes_view arrived = co_await from->read_view();
        if (arrived.empty()) co_return;
        into->add(arrived);
    }
}

// Everything that is said by a process until its end.
inline coro<> hear_out(std::shared_ptr<process_state> state, task<> reading_out, task<> reading_err) {
    co_await gather(reading_out, reading_err);
    co_await wait_for_exit(state);
    // Who has inherited the pipe may never read: what the process itself did not take is dropped.
    if (state->in) state->in->abort();
}

// Everything that is said to and by a process until its end. Each task can end the whole: a process that is not told
// all, or that nobody listens to, may not end.
inline coro<> converse(std::shared_ptr<process_state> state, std::string input, std::shared_ptr<collected_output> out,
                       std::shared_ptr<collected_output> err) {
    if (!input.empty() && !state->in) {
        throw invalid_state_error("there is input for the child process, but its standard input is not a pipe");
    }
    const task<> feeding = create_task(feed(state->in, std::move(input)), "child process input");
    const task<> reading_out = create_task(collect(state->out, std::move(out)), "child process output");
    const task<> reading_err = create_task(collect(state->err, std::move(err)), "child process errors");
    const task<> hearing_out = create_task(hear_out(state, reading_out, reading_err), "child process end");
    const scope_exit ended([&] {  // none of them goes on alone
        feeding.cancel();
        reading_out.cancel();
        reading_err.cancel();
        hearing_out.cancel();
    });
    co_await gather(feeding, hearing_out);
}

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

    [[nodiscard]] bool has_out() const noexcept { return state_->out.has_value(); }
    [[nodiscard]] bool has_err() const noexcept { return state_->err.has_value(); }

    /// Sets the size of its terminal, of which it is told (SIGWINCH).
    ///
    /// Errors: broken_error when its standard input is no terminal; as in().
    void set_terminal_size(terminal_size size) const {
        aioxx::set_terminal_size(in().get_extra_info(extra_info::pipe).value_or(-1), size);
    }

    /// Waits for its end. Returns: the return code. Any number of waiters.
    ///
    /// A child that writes into a pipe which nobody reads does not end: read, or use communicate().
    /// Cancellation: safe, the process is not touched. Asyncio: does not wait for the pipes (P1).
    [[nodiscard]] coro<int> wait() const { return detail::wait_for_exit(state_); }

    /// Sends input, closes the pipe, and collects both outputs until they end; then waits for the process.
    ///
    /// A process that does not read all of its input is no error; what it leaves is dropped.
    /// Parameters: `max_output` bytes of each output.
    /// Returns: what it wrote; nothing for an output that is not a pipe.
    /// Errors: limit_error when there is more; the process is left running, and the rest can be read.
    /// invalid_state_error for input without a pipe to send it through.
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

    static coro<process_output> communicate(state_type state, std::string input, std::size_t most) {
        auto out = std::make_shared<detail::collected_output>(most, false);
        auto err = std::make_shared<detail::collected_output>(most, false);
        co_await detail::converse(std::move(state), std::move(input), out, err);
        process_output output;
        output.out = std::move(out->bytes);
        output.err = std::move(err->bytes);
        co_return output;
    }

    state_type state_;
};

}  // namespace aioxx

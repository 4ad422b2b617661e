// SPDX-License-Identifier: BSL-1.0
#pragma once

// process/run_process.hpp: runs a program to its end and gives what it wrote. The form to use when nothing has to be
// said in between: it reads both outputs all the time, keeps a bounded part of them, and leaves nothing behind.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/process/create.hpp>
#include <aioxx/process/process.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/tasks/shield.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/transports/spawn.hpp>

namespace aioxx {

/// How to run a program. Not an aggregate: see websocket/options.hpp for the reason.
struct run_options : process_options {
    run_options() = default;

    std::string input;                            ///< for its standard input, which is then closed
    std::optional<duration> timeout;              ///< for the whole run; nothing: as long as it takes
    std::size_t max_output = 64 * 1024 * 1024;    ///< bytes kept of each output; the rest is read and dropped
    bool check = false;                           ///< another return code than 0 is an error
    duration kill_grace = std::chrono::seconds(5);  ///< between SIGTERM and SIGKILL
};

/// How a run ended.
struct run_result {
    int returncode = 0;      ///< the exit status, or the negative number of the signal that ended it
    bytearray output;        ///< what it wrote to its standard output
    bytearray error;         ///< what it wrote to its standard error
    bool truncated = false;  ///< there was more than max_output
};

/// A program that was run with `check` did not return 0 (asyncio: CalledProcessError).
class process_error : public error {
public:
    process_error(const std::string& what, run_result result) : error(what), result_(std::move(result)) {}

    [[nodiscard]] const run_result& result() const noexcept { return result_; }

private:
    run_result result_;
};

/// A program took longer than its timeout and was ended (asyncio: TimeoutExpired). Carries what it wrote until then.
class process_timeout_error : public timeout_error {
public:
    process_timeout_error(const std::string& what, run_result result)
        : timeout_error(what), result_(std::move(result)) {}

    [[nodiscard]] const run_result& result() const noexcept { return result_; }

private:
    run_result result_;
};

namespace detail {

// Whether a conversation has ended within a time. Errors: its own.
inline coro<bool> ends_within(task<> conversation, duration limit) {
    try {
        co_await wait_for(shield(conversation), limit);
    } catch (const timeout_error&) {
    }
    co_return conversation.done();
}

// Ends a process with its descendants, first politely. It is listened to all the while: a process that cannot write
// does not end. A descendant that has left the group may hold the pipes open for longer; that is not waited for.
inline coro<> end_tree(std::shared_ptr<process_state> state, task<> conversation, duration grace) {
    constexpr duration drain = std::chrono::seconds(1);
    state->running->signal_group(SIGTERM);
    const bool polite = co_await ends_within(conversation, grace);
    kill_all_of(*state->running);
    if (!polite) co_await ends_within(conversation, std::min(grace, drain));
    conversation.cancel();
    co_await wait_for_exit(state);
}

inline std::string describe_end(const std::string& program, int returncode) {
    const bool by_signal = returncode < 0;
    return "\"" + program + "\" " + (by_signal ? "was ended by signal " : "exited with status ") +
           std::to_string(by_signal ? -returncode : returncode);
}

inline coro<run_result> run_to_the_end(std::vector<std::string> arguments, run_options options) {
    if (!options.input.empty() && options.in.what() != stdio::kind::pipe) {
        throw std::invalid_argument("run_process: there is input, but standard input is not to be a pipe");
    }
    const std::string program = arguments.empty() ? std::string() : arguments.front();
    const auto state = co_await start_process(std::move(arguments), options, stream_reader::default_limit);
    const auto out = std::make_shared<collected_output>(options.max_output, true);
    const auto err = std::make_shared<collected_output>(options.max_output, true);
    const task<> conversation = create_task(converse(state, std::move(options.input), out, err), program);
    const scope_exit given_up([&] { conversation.cancel(); });  // it must not keep the process alive

    bool late = false;
    std::optional<cancelled_error> cancelled;
    try {
        co_await wait_for(shield(conversation), options.timeout);
    } catch (const timeout_error&) {
        late = true;
    } catch (const cancelled_error& request) {
        cancelled = request;
    }
    if (late || cancelled) co_await end_tree(state, conversation, options.kill_grace);
    if (cancelled) throw *cancelled;

    run_result result;
    result.returncode = state->running->returncode().value();
    result.output = std::move(out->bytes);
    result.error = std::move(err->bytes);
    result.truncated = out->truncated || err->truncated;
    if (late) throw process_timeout_error("\"" + program + "\" did not end in time", std::move(result));
    if (options.check && result.returncode != 0) {
        throw process_error(describe_end(program, result.returncode), std::move(result));
    }
    co_return result;
}

}  // namespace detail

/// Runs a program to its end and collects what it writes.
///
/// Parameters: `arguments` the program, looked up in PATH when it has no slash, and its arguments.
/// Returns: when the process has ended and its outputs have: a descendant that holds them open is waited for.
/// Errors: broken_error naming the program when it cannot be started; process_timeout_error after options.timeout;
/// process_error with options.check; std::invalid_argument for input without a pipe.
/// Cancellation: safe: as after a timeout, the process and its group get SIGTERM, after options.kill_grace SIGKILL,
/// and are waited for. They are killed at once by a second cancellation, or by one that comes during the start.
/// Asyncio: subprocess.run, which has no form that awaits.
/// Example:
///     run_options options;
///     options.input = "b\na\n";
///     options.timeout = 5s;
///     const run_result sorted = co_await run_process(std::vector<std::string>{"sort"}, options);
[[nodiscard]] inline coro<run_result> run_process(std::vector<std::string> arguments, run_options options = {}) {
    return detail::run_to_the_end(std::move(arguments), std::move(options));
}

/// Runs a command of the shell to its end. As run_process.
///
/// Cancellation: as run_process.
[[nodiscard]] inline coro<run_result> run_shell(std::string command, run_options options = {}) {
    return detail::run_to_the_end(detail::shell_command(std::move(command)), std::move(options));
}

}  // namespace aioxx

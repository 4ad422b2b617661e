// SPDX-License-Identifier: BSL-1.0
#pragma once

// process/create.hpp: starts child processes: with streams, and with a protocol.

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/io/process_protocol.hpp>
#include <aioxx/io/process_transport.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/process/process.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/process.hpp>
#include <aioxx/transports/spawn.hpp>

namespace aioxx {

/// A subprocess transport and its protocol, made together.
template <class Protocol>
struct subprocess {
    std::shared_ptr<subprocess_transport> transport;
    std::shared_ptr<Protocol> protocol;
};

/// Makes subprocess protocols: callable without arguments, gives a std::shared_ptr to one.
template <class Factory>
concept subprocess_protocol_factory =
    std::invocable<Factory&> &&
    std::convertible_to<std::invoke_result_t<Factory&>, std::shared_ptr<subprocess_protocol>>;

namespace detail {

inline coro<stream> open_pipe(unique_fd fd, pipe_end end, std::size_t limit) {
    auto channel = std::make_unique<pipe_channel>(get_running_loop(), std::move(fd), end);
    auto made = co_await establish(std::move(channel), std::make_shared<stream_protocol>(limit));
    co_return make_stream(made.protocol);
}

// When it throws or is cancelled, the state goes, and with it the child.
inline coro<std::shared_ptr<process_state>> start_process(std::vector<std::string> arguments, process_options options,
                                                          std::size_t limit) {
    event_loop& loop = get_running_loop();
    spawned_process started = spawn(arguments, options);
    auto state = std::make_shared<process_state>(std::make_shared<child>(loop, started.pid, std::move(started.pidfd)));
    state->running->start([exited = state->exited] { exited->set(); });
    if (started.pipes[0]) {
        const stream made = co_await open_pipe(std::move(started.pipes[0]), pipe_end::write, limit);
        state->in = made.writer;
    }
    if (started.pipes[1]) {
        const stream made = co_await open_pipe(std::move(started.pipes[1]), pipe_end::read, limit);
        state->out = made.reader;
    }
    if (started.pipes[2]) {
        const stream made = co_await open_pipe(std::move(started.pipes[2]), pipe_end::read, limit);
        state->err = made.reader;
    }
    co_return state;
}

inline coro<process> create_process(std::vector<std::string> arguments, process_options options, std::size_t limit) {
    auto state = co_await start_process(std::move(arguments), std::move(options), limit);
    co_return process(std::move(state));
}

inline std::vector<std::string> shell_command(std::string command) {
    std::vector<std::string> arguments;
    arguments.emplace_back("/bin/sh");
    arguments.emplace_back("-c");
    arguments.push_back(std::move(command));
    return arguments;
}

template <class Factory>
auto create_subprocess(Factory factory, std::vector<std::string> arguments, process_options options)
    -> coro<subprocess<typename std::invoke_result_t<Factory&>::element_type>> {
    auto served = factory();
    auto made = std::make_shared<process_transport>(get_running_loop(), spawn(arguments, options), served);
    const future<> connected = create_future();
    made->start([connected] {
        if (!connected.done()) connected.set_result();
    });
    try {
        co_await connected;
    } catch (...) {  // a cancellation: the child ends with it
        made->close();
        throw;
    }
    co_return subprocess<typename std::invoke_result_t<Factory&>::element_type>{std::move(made), std::move(served)};
}

}  // namespace detail

/// Starts a program with streams for its pipes; by default all three of its standard descriptors are pipes.
///
/// Parameters: `arguments` the program, looked up in PATH when it has no slash, and its arguments; `limit` the
/// longest line of the readers, in bytes.
/// Errors: broken_error naming the program and why it cannot be started.
/// Cancellation: safe, the process is killed and waited for.
/// Asyncio: create_subprocess_exec.
[[nodiscard]] inline coro<process> create_subprocess_exec(std::vector<std::string> arguments,
                                                          process_options options = {},
                                                          std::size_t limit = stream_reader::default_limit) {
    return detail::create_process(std::move(arguments), std::move(options), limit);
}

/// Starts a command of the shell. As create_subprocess_exec; asyncio: create_subprocess_shell.
///
/// kill() reaches the shell only; kill_tree() also what it has started.
/// Cancellation: safe, the process is killed and waited for.
[[nodiscard]] inline coro<process> create_subprocess_shell(std::string command, process_options options = {},
                                                           std::size_t limit = stream_reader::default_limit) {
    return detail::create_process(detail::shell_command(std::move(command)), std::move(options), limit);
}

/// Starts a program for a protocol of the factory. Returns: the pair, after connection_made was called.
///
/// Errors as create_subprocess_exec. Cancellation: safe, the process is killed. Asyncio: loop.subprocess_exec.
template <subprocess_protocol_factory Factory>
auto subprocess_exec(Factory factory, std::vector<std::string> arguments, process_options options = {}) {
    return detail::create_subprocess(std::move(factory), std::move(arguments), std::move(options));
}

/// Starts a command of the shell for a protocol. As subprocess_exec; asyncio: loop.subprocess_shell.
template <subprocess_protocol_factory Factory>
auto subprocess_shell(Factory factory, std::string command, process_options options = {}) {
    return detail::create_subprocess(std::move(factory), detail::shell_command(std::move(command)), std::move(options));
}

}  // namespace aioxx

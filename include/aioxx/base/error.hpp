// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/error.hpp: the exceptions of the library, sorted by whose fault it is.
// The sort decides what the caller does: fix the program, drop the connection, refuse the peer, retry.

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace aioxx {

/// Base of every exception that the library throws for a reason of its own.
class error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Something was used after the program itself closed it. Fix the program.
class closed_error : public error {
    using error::error;
};

/// Two tasks used an operation that has one user at a time. Fix the program.
class busy_error : public error {
    using error::error;
};

/// The call is not allowed in the present state (asyncio: InvalidStateError, RuntimeError). Fix the program.
class invalid_state_error : public error {
    using error::error;
};

/// The peer or the system ended it (asyncio: OSError, ConnectionError). Drop the connection.
class broken_error : public error {
public:
    /// Parameters: `code` the system's reason; `what` what was being done, without the reason's text.
    broken_error(std::error_code code, const std::string& what)
        : error(what.empty() ? code.message() : what + ": " + code.message()), code_(code) {}
    explicit broken_error(std::error_code code) : broken_error(code, {}) {}

    [[nodiscard]] const std::error_code& code() const noexcept { return code_; }

private:
    std::error_code code_;
};

/// The stream ended inside a unit (asyncio: IncompleteReadError).
class incomplete_read_error : public error {
public:
    /// Parameters: `partial` the bytes that did arrive; `expected` the number asked for, nothing when unknown.
    explicit incomplete_read_error(std::string partial, std::optional<std::size_t> expected = std::nullopt)
        : error(std::to_string(partial.size()) + " bytes read on a total of " +
                (expected ? std::to_string(*expected) : std::string("undefined")) + " expected bytes"),
          partial_(std::move(partial)),
          expected_(expected) {}

    [[nodiscard]] const std::string& partial() const noexcept { return partial_; }
    [[nodiscard]] std::optional<std::size_t> expected() const noexcept { return expected_; }

private:
    std::string partial_;
    std::optional<std::size_t> expected_;
};

/// A configured limit was exceeded (asyncio: LimitOverrunError). Refuse the peer.
class limit_error : public error {
public:
    /// Parameters: `what` names the limit and its value; `seen` how many bytes or items there were.
    limit_error(const std::string& what, std::size_t seen) : error(what), seen_(seen) {}

    [[nodiscard]] std::size_t seen() const noexcept { return seen_; }

private:
    std::size_t seen_;
};

/// Which end of a connection broke a protocol's rules.
enum class side { local, remote };

/// A protocol's rules were broken: by us (fix the program) or by the peer (close with a code).
class protocol_error : public error {
public:
    protocol_error(aioxx::side whose, const std::string& what) : error(what), side_(whose) {}

    [[nodiscard]] aioxx::side side() const noexcept { return side_; }

private:
    aioxx::side side_;
};

/// A deadline passed (asyncio: TimeoutError). Retry or report.
class timeout_error : public error {
public:
    timeout_error() : error("timed out") {}
    using error::error;
};

/// get_nowait on an empty queue (asyncio: QueueEmpty).
class queue_empty : public error {
public:
    queue_empty() : error("the queue is empty") {}
};

/// put_nowait on a full queue (asyncio: QueueFull).
class queue_full : public error {
public:
    queue_full() : error("the queue is full") {}
};

/// put on a queue that was shut down, or get on one that is also drained (asyncio: QueueShutDown).
class queue_shut_down : public error {
public:
    queue_shut_down() : error("the queue was shut down") {}
};

/// A barrier was reset or aborted by somebody while a task waited, or is broken (asyncio: BrokenBarrierError).
class broken_barrier_error : public error {
public:
    broken_barrier_error() : error("the barrier was reset or is broken") {}
};

/// A task was cancelled at its suspension point (asyncio: CancelledError).
///
/// It does not derive from std::exception, so that `catch (const std::exception&)` lets it pass. A
/// `catch (...)` must rethrow it.
class cancelled_error {
public:
    cancelled_error() = default;
    explicit cancelled_error(std::string message) : message_(std::move(message)) {}

    /// The text given to task::cancel, or an empty one.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }

private:
    std::string message_;
};

/// Throws the last system error (errno) as a broken_error.
///
/// Parameters: `what` what was being done and to which object.
[[noreturn]] inline void throw_system_error(int code, const std::string& what) {
    throw broken_error(std::error_code(code, std::system_category()), what);
}

}  // namespace aioxx

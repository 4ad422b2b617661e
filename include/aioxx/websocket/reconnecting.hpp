// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/reconnecting.hpp: a connection that is opened again and again, as a generator of connections.
// Delays and the choice of errors are those of Python's websockets, RFC 6455 section 7.2.3.

#include <algorithm>
#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tls/error.hpp>
#include <aioxx/websocket/connect.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/options.hpp>

namespace aioxx::websocket {

/// Decides whether another attempt can succeed where one has failed.
///
/// It can after errors of the network and time-outs, when the server or the proxy ended the connection
/// instead of answering, and after the HTTP status 500, 502, 503 or 504. It cannot after a certificate was
/// refused, or anything else.
/// Returns: null for another attempt; else the exception that ends the attempts.
[[nodiscard]] inline std::exception_ptr process_exception(std::exception_ptr failure) {
    const auto unless_temporary = [&](int status) {
        return status == 500 || (status >= 502 && status <= 504) ? nullptr : failure;
    };
    try {
        std::rethrow_exception(failure);
    } catch (const tls::certificate_error&) {
        return failure;
    } catch (const broken_error&) {
        return nullptr;
    } catch (const timeout_error&) {
        return nullptr;
    } catch (const handshake_incomplete&) {
        return nullptr;
    } catch (const invalid_status& refused) {
        return unless_temporary(refused.status());
    } catch (const invalid_proxy_status& refused) {
        return unless_temporary(refused.status());
    } catch (const std::exception&) {
        return failure;
    }
}

/// How often reconnecting() tries, and after what.
struct retry_options {
    retry_options() = default;

    std::chrono::milliseconds initial_delay{5'000};  // the first delay is random, from 0 to this
    std::chrono::milliseconds min_delay{3'100};      // the second one
    std::chrono::milliseconds max_delay{90'000};     // no delay is longer
    double factor = 1.618;                           // from one to the next, at least 1
    double jitter = 0;  // share of the later delays that is random, from 0 to 1: of 0.2, they are 80 to 100 %
    std::function<double()> random{};  // gives numbers from 0 to below 1; {}: that nobody can predict

    /// Looks at an exception of connect. Returns: null for another attempt, else the exception to throw.
    std::function<std::exception_ptr(std::exception_ptr)> process_exception = websocket::process_exception;
};

/// The delays between attempts that fail one after the other: random at first, then longer up to a limit.
class backoff {
public:
    /// Errors: std::invalid_argument naming an option that makes no sense.
    explicit backoff(const retry_options& options) : options_(options) {
        const auto negative = std::chrono::milliseconds(-1);
        if (std::min({options.initial_delay, options.min_delay, options.max_delay}) <= negative) {
            throw std::invalid_argument("backoff: a delay must not be negative");
        }
        if (!(options.factor >= 1)) {
            throw std::invalid_argument("backoff: factor must be at least 1, got " +
                                        std::to_string(options.factor));
        }
        if (!(options.jitter >= 0 && options.jitter <= 1)) {
            throw std::invalid_argument("backoff: jitter must be from 0 to 1, got " +
                                        std::to_string(options.jitter));
        }
        if (!options_.random) {
            options_.random = [engine = std::mt19937_64(std::random_device()())]() mutable {
                return std::uniform_real_distribution<double>()(engine);
            };
        }
    }

    /// The next delay.
    [[nodiscard]] duration next() {
        if (!later_) {
            later_ = seconds(options_.min_delay);
            return rounded(seconds(std::min(options_.initial_delay, options_.max_delay)) * options_.random());
        }
        const seconds whole = std::min<seconds>(*later_, options_.max_delay);
        later_ = whole * options_.factor;
        return rounded(options_.jitter == 0 ? whole : whole * (1 - options_.jitter * options_.random()));
    }

    /// Begins anew: an attempt has succeeded.
    void reset() noexcept { later_.reset(); }

private:
    using seconds = std::chrono::duration<double>;
    static duration rounded(seconds delay) { return std::chrono::duration_cast<duration>(delay); }

    retry_options options_;
    std::optional<seconds> later_;  // what the delay after the next one is made of; nothing before the first
};

/// Opens a connection: `coro<websocket::connection> open()`.
template <class Connect>
concept connection_opener = std::same_as<std::invoke_result_t<Connect&>, coro<connection>>;

/// Opens connections, one after the other, for as long as it is asked.
///
/// A connection is closed when the next one is asked for, and when the generator is closed with aclose().
/// Errors: of next(): what options.process_exception gives for an exception of connect; it ends the
/// generator.
/// Cancellation: of next(): safe, ends the generator. Asyncio: `async for ws in websockets.connect()`.
template <connection_opener Connect>
async_generator<connection> reconnecting(Connect connect, retry_options options = {}) {
    backoff delays(options);
    for (;;) {
        std::optional<connection> opened;
        std::exception_ptr failure;
        try {
            opened = co_await connect();
        } catch (const std::exception&) {
            failure = std::current_exception();
        }
        if (failure) {
            if (const std::exception_ptr fatal = options.process_exception(failure))
                std::rethrow_exception(fatal);
            co_await sleep(delays.next());
            continue;
        }
        delays.reset();
        bool closed = false;
        try {
            co_yield *opened;
        } catch (const generator_exit&) {
            closed = true;
        }
        co_await opened->close();
        if (closed) co_return;
    }
}

/// Connects to a server again and again: the usual form. Parameters: `address` and `connecting` as connect().
///
/// Errors and cancellation: as above.
/// Example:
///     const auto connections = websocket::reconnecting("wss://example.org/feed");
///     while (const auto ws = co_await connections.next()) {
///         while (const auto message = co_await ws->next()) std::cout << message->str() << '\n';
///     }
[[nodiscard]] inline async_generator<connection> reconnecting(std::string address,
                                                              connect_options connecting = {},
                                                              retry_options options = {}) {
    auto open = [address = std::move(address), connecting = std::move(connecting)] {
        return connect(address, connecting);
    };
    return reconnecting(std::move(open), std::move(options));
}

}  // namespace aioxx::websocket

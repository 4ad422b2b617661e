// SPDX-License-Identifier: BSL-1.0
#pragma once

// differential/harness.hpp: what every scenario uses on the side of aioxx; harness.py is the same for
// asyncio. The two write the same words for the same thing, so that traces can be compared line by line.

#include <chrono>
#include <exception>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

namespace differential {

using namespace aioxx;
using namespace std::chrono_literals;

/// What scenarios throw.
class failure : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The kind of an exception, in the words that both sides use.
std::string why(const std::exception_ptr& exception = std::current_exception());

template <class T>
void write(std::ostream& out, const T& value) {
    out << value;
}

inline void write(std::ostream& out, std::monostate) { out << "none"; }

inline void write(std::ostream& out, duration value) { out << std::chrono::duration<double>(value).count(); }

void write(std::ostream& out, bytes_view bytes);
inline void write(std::ostream& out, const bytearray& bytes) { write(out, bytes_view(bytes)); }

template <class T>
void write(std::ostream& out, const std::optional<T>& value) {
    if (value) {
        write(out, *value);
    } else {
        out << "none";
    }
}

template <class T>
void write(std::ostream& out, const result<T>& value) {
    if (value.has_exception()) {
        out << why(value.exception());
    } else if constexpr (std::is_void_v<T>) {
        out << "none";
    } else {
        write(out, const_cast<result<T>&>(value).get());
    }
}

template <class T>
void write(std::ostream& out, const std::vector<T>& values) {
    out << '[';
    const char* separator = "";
    for (const T& value : values) {
        out << separator;
        write(out, value);
        separator = ", ";
    }
    out << ']';
}

/// Writes lines: the loop's time in seconds, then words.
class tracer : pinned {
public:
    /// Writes the time of a loop, and what is reported to its exception handler.
    void follow(event_loop& loop) {
        loop_ = &loop;
        start_ = loop.time();
        loop.set_exception_handler([this](const exception_context& context) {
            (*this)("reported:", context.message, why(context.exception));
        });
    }

    template <class... Words>
    void operator()(const Words&... words) {
        if (silent_) return;
        std::ostringstream line;
        line << std::boolalpha;
        if (loop_ != nullptr) elapsed_ = loop_->time() - start_;
        if (elapsed_) {
            write(line, *elapsed_);
        } else {
            line << '-';
        }
        line << ':';
        ((line << ' ', write(line, words)), ...);
        lines_.push_back(std::move(line).str());
    }

    /// A loop is about to be destroyed: its time stands still.
    void leave(event_loop& loop) {
        if (loop_ != &loop) return;
        elapsed_ = loop.time() - start_;
        loop_ = nullptr;
    }

    /// Ignores what comes from now on.
    void close() { silent_ = true; }

    [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

private:
    std::vector<std::string> lines_;
    event_loop* loop_ = nullptr;
    time_point start_{};
    std::optional<duration> elapsed_;
    bool silent_ = false;
};

/// A loop on virtual time that a trace follows.
class traced_loop : pinned {
public:
    explicit traced_loop(tracer& trace) : trace_(trace) { trace.follow(loop()); }
    ~traced_loop() { trace_.leave(loop()); }

    [[nodiscard]] event_loop& loop() noexcept { return owner_.loop(); }
    event_loop* operator->() noexcept { return &loop(); }

private:
    tracer& trace_;
    testing::test_loop owner_;
};

/// Counts the passes of the loop. Time stands still meanwhile, because something is always ready.
class ticker : pinned {
public:
    ticker() { next(); }
    ~ticker() { stop(); }

    [[nodiscard]] int count() const noexcept { return count_; }
    void stop() { handle_.cancel(); }

private:
    void next() {
        ++count_;
        handle_ = get_running_loop().call_soon([this] { next(); });
    }

    int count_ = -1;
    handle handle_;
};

/// What a future or task ended with.
template <class T, class State>
std::string outcome(const outcome_handle<T, State>& handle) {
    if (!handle.done()) return "pending";
    if (handle.cancelled()) return "cancelled";
    if (handle.exception()) return why(handle.exception());
    if constexpr (std::is_void_v<T>) {
        return "done";
    } else {
        std::ostringstream text;
        text << std::boolalpha << "value ";
        write(text, handle.result());
        return std::move(text).str();
    }
}

/// How many tasks of the running loop are not done.
inline std::size_t count_tasks() { return get_running_loop().tasks().size(); }

template <class Operation>
struct value_given {
    using type = decltype(std::declval<Operation&>().await_resume());
};
template <class T>
struct value_given<coro<T>> {
    using type = T;
};

/// Runs an operation, which a function begins, and writes what it gave or how it failed.
template <class Begin>
coro<> shows(tracer& trace, std::string name, Begin begin) {
    try {
        if constexpr (std::is_void_v<typename value_given<decltype(begin())>::type>) {
            co_await begin();
            trace(name, "none");
        } else {
            const auto value = co_await begin();
            trace(name, value);
        }
    } catch (...) {
        trace(name, "caught", why());
    }
}

/// Does the same in a task.
template <class Begin>
task<> begins(tracer& trace, std::string name, Begin begin) {
    return create_task(shows(trace, std::move(name), std::move(begin)));
}

/// Waits for a coroutine, and writes what it gave or how it failed.
template <class T>
coro<> watches(tracer& trace, std::string name, coro<T> awaited) {
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(awaited);
            trace(name, "has none");
        } else {
            const T value = co_await std::move(awaited);
            trace(name, "has", value);
        }
    } catch (...) {
        trace(name, "caught", why());
    }
}

template <class T>
coro<T> value_of(task<T> awaited) {
    co_return co_await awaited;
}

/// Likewise for a task.
template <class T>
coro<> watches(tracer& trace, std::string name, task<T> awaited) {
    return watches(trace, std::move(name), value_of(std::move(awaited)));
}

/// Runs a coroutine as a task, cancels it after some time, and writes how it ended.
template <class T>
coro<> cancels(tracer& trace, coro<T> coroutine, duration delay = 1s, std::string message = "enough") {
    const task<T> cancelled = create_task(std::move(coroutine));
    co_await aioxx::sleep(delay);
    cancelled.cancel(std::move(message));
    co_await watches(trace, "main", cancelled);
    trace(outcome(cancelled), cancelled.cancelling());
}

/// A scenario: a coroutine function that gets a loop, or a function that makes its own.
struct scenario {
    std::string_view name;
    std::variant<coro<> (*)(tracer&), void (*)(tracer&)> body;
};
using scenarios = std::vector<scenario>;

extern const scenarios loop_scenarios;
extern const scenarios futures_scenarios;
extern const scenarios tasks_scenarios;
extern const scenarios cancellation_scenarios;
extern const scenarios gather_wait_scenarios;
extern const scenarios timeouts_scenarios;
extern const scenarios task_groups_scenarios;
extern const scenarios sync_scenarios;
extern const scenarios queues_scenarios;
extern const scenarios shutdown_scenarios;
extern const scenarios reader_scenarios;
extern const scenarios flow_scenarios;

}  // namespace differential

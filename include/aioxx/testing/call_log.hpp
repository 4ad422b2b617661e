// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/call_log.hpp: the calls that a protocol got, by name, and a way for tasks to wait for more of them. What
// the observers of streams and of datagrams have in common.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/sync/event.hpp>

namespace aioxx::testing {

/// Base of protocols that note their calls.
class call_log {
public:
    std::vector<std::string> calls;  ///< names of the callbacks

    [[nodiscard]] std::size_t count(const std::string& call) const {
        return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
    }
    [[nodiscard]] bool lost() const { return count("connection_lost") != 0; }

    /// Waits until a condition holds; it is asked after every callback. Cancellation: safe.
    coro<> until(std::function<bool()> condition) {
        while (!condition()) {
            changed_.clear();
            co_await changed_.wait();
        }
    }
    /// Cancellation: safe.
    coro<> until_lost() {
        return until([this] { return lost(); });
    }

protected:
    call_log() = default;
    ~call_log() = default;

    void note(const char* call) {
        calls.emplace_back(call);
        changed_.set();
    }
    /// As note, but several in a row are one.
    void note_once(const char* call) {
        if (calls.empty() || calls.back() != call) calls.emplace_back(call);
        changed_.set();
    }

private:
    event changed_;
};

}  // namespace aioxx::testing

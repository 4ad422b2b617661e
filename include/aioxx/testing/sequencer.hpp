// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/sequencer.hpp: forces an order between tasks, so that a test decides who comes first.

#include <map>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future.hpp>

namespace aioxx::testing {

/// Places in a line, from 0 on, each taken once. A place is entered when the one before it has been left.
///
/// Lifetime: the turns must end before it does.
/// Example:
///     sequencer order;
///     // in one task:                       // in another:
///     auto second = co_await order.at(1);   auto first = co_await order.at(0);
class sequencer : pinned {
public:
    /// Being at one's place. Its end opens the next one.
    class [[nodiscard]] turn {
    public:
        turn(turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
        turn& operator=(turn&&) = delete;
        ~turn() { leave(); }

        /// Opens the next place now.
        void leave() noexcept {
            if (owner_ != nullptr) std::exchange(owner_, nullptr)->open_next();
        }

    private:
        friend class sequencer;
        explicit turn(sequencer& owner) noexcept : owner_(&owner) {}
        sequencer* owner_;
    };

    /// Waits until the places before have been entered and left.
    ///
    /// Errors: invalid_state_error when the place was taken before, or when one before it was given up by a
    /// cancellation, for then its turn would never come.
    /// Cancellation: gives the place up.
    coro<turn> at(int place) {
        if (place < open_ || waiting_.contains(place)) {
            throw invalid_state_error("sequencer: place " + std::to_string(place) + " was taken before");
        }
        if (broken_) throw invalid_state_error(broken_text);
        if (place > open_ || entered_) co_await wait_at(place);
        entered_ = true;
        co_return turn(*this);
    }

private:
    static constexpr const char* broken_text = "sequencer: an earlier place was given up";

    coro<> wait_at(int place) {
        future<> opened = create_future<>();
        waiting_.emplace(place, opened);
        try {
            co_await opened;
        } catch (const cancelled_error&) {
            break_line();
            throw;
        }
    }

    void open_next() noexcept {
        entered_ = false;
        ++open_;
        const auto next = waiting_.find(open_);
        if (next == waiting_.end()) return;
        const future<> opened = next->second;
        waiting_.erase(next);
        if (!opened.done()) opened.set_result();
    }

    void break_line() {
        broken_ = true;
        for (auto& [place, opened] : std::exchange(waiting_, {})) {
            if (!opened.done()) opened.set_exception(std::make_exception_ptr(invalid_state_error(broken_text)));
        }
    }

    std::map<int, future<>> waiting_;
    int open_ = 0;  // the place whose turn it is
    bool entered_ = false;
    bool broken_ = false;
};

}  // namespace aioxx::testing

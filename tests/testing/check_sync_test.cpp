// SPDX-License-Identifier: BSL-1.0
#include <aioxx/testing/check_sync.hpp>

#include <cstddef>
#include <string>

#include <aioxx/sync/wait_queue.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

enum class fault {
    none,
    serves_everybody,
    loses_on_cancel,
    forgets_without_waiters,
    can_be_overtaken,
    serves_two_loops
};

// Counts things, with one fault at a time; without any it obeys all laws.
template <fault Fault>
class store : pinned {
public:
    static constexpr auto kind = testing::sync_kind::many;

    coro<> take() { co_await awaiter(*this); }
    void give() {
        if (Fault == fault::serves_everybody) {
            queue_.wake_all();
        } else if (Fault == fault::can_be_overtaken) {
            ++count_;  // for whoever comes first
            queue_.hand_over();
        } else if (!queue_.hand_over() && Fault != fault::forgets_without_waiters) {
            ++count_;
        }
    }
    std::size_t left() const { return count_; }

private:
    void hand_on() noexcept {
        if (Fault != fault::loses_on_cancel && !queue_.hand_over()) ++count_;
    }

    class awaiter final : public wait_queue::handed_entry<store, &store::hand_on> {
    public:
        explicit awaiter(store& owner) : wait_queue::handed_entry<store, &store::hand_on>(owner.place(), owner) {}
        bool await_ready() const noexcept { return this->owner().count_ > 0; }
        void await_resume() {
            if (!this->take() || Fault == fault::can_be_overtaken) {
                if (this->owner().count_ > 0) --this->owner().count_;
            }
        }

    private:
        const char* waits_for() const noexcept override { return "store"; }
    };

    wait_queue& place() {
        event_loop* const here = &get_running_loop();
        if (first_loop_ == nullptr) first_loop_ = here;
        return Fault == fault::serves_two_loops && here != first_loop_ ? other_queue_ : queue_;
    }

    wait_queue queue_;
    wait_queue other_queue_;  // for the fault with a second loop
    event_loop* first_loop_ = nullptr;
    std::size_t count_ = 0;
};

template <fault Fault>
std::string broken_law() {
    try {
        testing::check_sync<store<Fault>>();
    } catch (const testing::law_broken& broken) {
        return broken.what();
    }
    return "none";
}

bool mentions(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a primitive that obeys the laws passes", "[testing]") { CHECK(broken_law<fault::none>() == "none"); }

TEST_CASE("a primitive that breaks a law is found out, and the law is named", "[testing]") {
    CHECK(mentions(broken_law<fault::serves_everybody>(), "broken law: each thing given serves one waiter"));
    CHECK(mentions(broken_law<fault::can_be_overtaken>(), "broken law: what was given to a waiter is spoken for"));
    CHECK(mentions(broken_law<fault::forgets_without_waiters>(), "broken law: what nobody waits for stays"));
    CHECK(mentions(broken_law<fault::loses_on_cancel>(),
                   "broken law: a waiter cancelled after its wake-up hands it on"));
    CHECK(mentions(broken_law<fault::serves_two_loops>(), "broken law: a task of another loop than those who wait"));
}

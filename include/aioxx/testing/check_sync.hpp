// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/check_sync.hpp: the laws that every primitive with waiting tasks obeys, written once.
//
// A primitive is presented by a subject: a default constructible class with
//     coro<> take();         waits until it is given a thing, takes it and keeps it
//     void give();           gives one thing, now; what wakes the oldest waiter
//     std::size_t left() const;  how many things are there to be taken without waiting
//     static constexpr sync_kind kind;
// and nothing to take at first.

#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/testing/test_loop.hpp>

namespace aioxx::testing {

/// What give() does.
enum class sync_kind {
    one,       ///< there is one thing, which must have been taken before it is given again (a lock)
    many,      ///< each call gives one more thing (a queue)
    kept,      ///< likewise, and a waiter has it from its wake-up on, cancelled or not (room for an item)
    everybody  ///< serves everybody who waits, and all who come (an event)
};

/// A law does not hold; the text says which, and what happened instead.
class law_broken : public error {
    using error::error;
};

namespace detail {

template <class Subject>
class sync_laws {
public:
    void check_all() {
        first_come_first_served();
        what_is_there_is_taken_at_once();
        nobody_overtakes();
        cancelled_before_the_wake_up();
        cancelled_between_wake_up_and_resumption();
        cancelled_last_one_gives_back();
        cancelled_after_the_end();
        cancelled_all_in_a_row();
        nothing_is_lost_whatever_happens();
        another_loop_is_refused();
        destroyed_while_waiting();
        subject_destroyed_first();
    }

private:
    // Some tasks at one subject, and who was served, in order.
    struct scene {
        explicit scene(std::size_t count) {
            for (std::size_t number = 0; number < count; ++number) add();
            loop.settle();
        }

        void add() {
            tasks.push_back(create_task(loop.loop(), take(*subject, served, tasks.size())));
        }

        // Gives and cancels inside of one callback, so that nothing resumes in between.
        template <class Function>
        void at_once(Function function) {
            loop.loop().call_soon([function] { function(); });
            loop.settle();
        }

        static coro<> take(Subject& subject, std::vector<std::size_t>& served, std::size_t number) {
            co_await subject.take();
            served.push_back(number);
        }

        test_loop loop{{.allow_lost_tasks = true}};
        std::unique_ptr<Subject> subject = std::make_unique<Subject>();
        std::vector<std::size_t> served;
        std::vector<task<>> tasks;
    };

    static void require(bool holds, const std::string& law, const scene& seen) {
        if (holds) return;
        std::string text = "broken law: " + law + "; served:";
        for (const std::size_t number : seen.served) text += " " + std::to_string(number);
        throw law_broken(text);
    }

    static void first_come_first_served() {
        scene s(3);
        require(s.served.empty(), "nobody is served before something is given", s);
        for (std::size_t round = 1; round <= 3; ++round) {
            s.at_once([&s] { s.subject->give(); });
            require(s.served.size() == (Subject::kind == sync_kind::everybody ? 3 : round),
                    "each thing given serves one waiter, or everybody", s);
        }
        require(s.served == std::vector<std::size_t>{0, 1, 2}, "waiters are served in the order they came", s);

        if (Subject::kind == sync_kind::one) return;
        scene together(3);
        together.at_once([&together] {
            for (int round = 0; round < 3; ++round) together.subject->give();
        });
        require(together.served == std::vector<std::size_t>{0, 1, 2},
                "several things given at once serve several waiters in order", together);
    }

    static void what_is_there_is_taken_at_once() {
        scene s(0);
        s.subject->give();
        require(s.subject->left() == 1, "what nobody waits for stays", s);
        s.add();
        s.add();
        s.loop.settle();
        if (Subject::kind == sync_kind::everybody) {
            require(s.served.size() == 2, "what is there for everybody serves newcomers", s);
        } else {
            require(s.served.size() == 1 && s.subject->left() == 0, "one thing serves one task", s);
        }
    }

    static void nobody_overtakes() {
        if (Subject::kind == sync_kind::everybody) return;
        scene s(1);
        std::size_t left = 1;
        s.at_once([&] {
            s.add();  // scheduled before the waiter is woken, so it runs first
            s.subject->give();
            left = s.subject->left();
        });
        require(left == 0, "what was given to a waiter is spoken for", s);
        require(s.served == std::vector<std::size_t>{0}, "a newcomer does not overtake a woken waiter", s);
    }

    static void cancelled_before_the_wake_up() {
        scene s(3);
        s.at_once([&s] {
            s.tasks[0].cancel();
            s.tasks[1].cancel();
            s.subject->give();
        });
        require(s.tasks[0].cancelled() && s.tasks[1].cancelled(), "a cancelled waiter ends cancelled", s);
        require(s.served == std::vector<std::size_t>{2}, "cancelled waiters are passed over", s);
    }

    static void cancelled_between_wake_up_and_resumption() {
        scene s(2);
        s.at_once([&s] {
            s.subject->give();
            s.tasks[0].cancel();
        });
        require(s.tasks[0].cancelled(), "a waiter cancelled after its wake-up ends cancelled", s);
        if (Subject::kind == sync_kind::kept) {
            require(s.served == std::vector<std::size_t>{0}, "a waiter cancelled after its wake-up keeps it", s);
        } else {
            require(s.served == std::vector<std::size_t>{1}, "a waiter cancelled after its wake-up hands it on", s);
        }
    }

    static void cancelled_last_one_gives_back() {
        if (Subject::kind == sync_kind::kept) return;
        scene s(1);
        s.at_once([&s] {
            s.subject->give();
            s.tasks[0].cancel();
        });
        require(s.served.empty() && s.subject->left() == 1, "the last waiter, cancelled, gives it back", s);
        s.add();
        s.loop.settle();
        require(s.served == std::vector<std::size_t>{1}, "what was given back can be taken", s);
    }

    static void cancelled_after_the_end() {
        scene s(1);
        s.at_once([&s] { s.subject->give(); });
        require(!s.tasks[0].cancel() && s.served.size() == 1, "what was taken stays taken", s);
        require(Subject::kind == sync_kind::everybody || s.subject->left() == 0, "what was taken is not there any more", s);
    }

    static void cancelled_all_in_a_row() {
        scene s(5);
        s.at_once([&s] {
            s.subject->give();
            for (std::size_t number = 0; number < 4; ++number) s.tasks[number].cancel();
        });
        const std::size_t served = Subject::kind == sync_kind::kept ? 0 : 4;
        require(s.served == std::vector<std::size_t>{served}, "it is handed on past all who are cancelled", s);
    }

    // Random orders of coming, giving and cancelling: everything given is taken or still there.
    static void nothing_is_lost_whatever_happens() {
        std::mt19937 random(1);
        for (int trial = 0; trial < 100; ++trial) {
            scene s(0);
            std::size_t given = 0;
            for (int step = 0; step < 60; ++step) {
                s.loop.loop().call_soon([&] {
                    switch (random() % 4) {
                        case 0:
                        case 1: s.add(); break;
                        case 2:
                            if (Subject::kind == sync_kind::one && given != s.served.size()) break;
                            s.subject->give();
                            ++given;
                            break;
                        default:
                            if (!s.tasks.empty()) s.tasks[random() % s.tasks.size()].cancel();
                    }
                });
                if (random() % 3 == 0) s.loop.settle();
            }
            s.loop.settle();
            std::size_t waiting = 0;
            for (const task<>& each : s.tasks) waiting += each.done() ? 0 : 1;
            require(waiting == 0 || s.subject->left() == 0, "nobody waits for what is there", s);
            require(Subject::kind == sync_kind::everybody || given == s.served.size() + s.subject->left(),
                    "everything given is taken or still there", s);
        }
    }

    static void another_loop_is_refused() {
        scene s(1);
        test_loop other({.allow_lost_tasks = true});
        const task<> stranger = create_task(other.loop(), scene::take(*s.subject, s.served, 1));
        other.settle();
        bool refused = false;
        try {
            if (stranger.done()) stranger.result();
        } catch (const invalid_state_error&) {
            refused = true;
        }
        require(refused, "a task of another loop than those who wait is refused", s);
        s.at_once([&s] { s.subject->give(); });
        require(s.served == std::vector<std::size_t>{0}, "a task that was refused leaves no trace", s);
    }

    static void destroyed_while_waiting() {
        scene waiting(3);
        waiting.loop.loop().close();

        // One is woken and not resumed: the batch that would do so never runs.
        scene woken(3);
        woken.subject->give();
        woken.loop.loop().close();
        require(woken.served.empty(), "closing the loop resumes nobody", woken);
    }

    static void subject_destroyed_first() {
        scene s(3);
        s.subject->give();
        s.subject.reset();
        s.loop.loop().close();
        require(s.served.empty(), "closing the loop resumes nobody", s);
    }
};

}  // namespace detail

/// Checks a primitive against all laws. Errors: law_broken, naming the first one that does not hold.
template <class Subject>
void check_sync() {
    detail::sync_laws<Subject>().check_all();
}

}  // namespace aioxx::testing

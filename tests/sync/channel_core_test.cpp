// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/channel_core.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/sync/channel.hpp>
#include <aioxx/sync/select.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "sync/channel_steps.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::step;
using testing::test_loop;

namespace {

template <std::size_t Capacity>
struct item_subject {
    static constexpr auto kind = testing::sync_kind::many;
    coro<> take() { static_cast<void>(co_await ends.receiver.receive()); }
    void give() { ends.sender.send_nowait(0); }
    std::size_t left() const { return ends.sender.statistics().items; }
    channel<int> ends = open_channel<int>(Capacity);
};

// The same seen through several clones, which come and go with the tasks.
struct clone_subject {
    static constexpr auto kind = testing::sync_kind::many;
    coro<> take() { return take_from(ends.receiver.clone()); }
    static coro<> take_from(channel_receiver<int> own) { static_cast<void>(co_await own.receive()); }
    void give() { ends.sender.clone().send_nowait(0); }
    std::size_t left() const { return ends.sender.statistics().items; }
    channel<int> ends = open_channel<int>(100);
};

using text = std::unique_ptr<std::string>;

}  // namespace

TEST_CASE("those who receive obey the laws of waiting", "[sync]") {
    CHECK_NOTHROW(testing::check_sync<item_subject<100>>());
    CHECK_NOTHROW(testing::check_sync<item_subject<unbounded>>());
    CHECK_NOTHROW(testing::check_sync<clone_subject>());
}

TEST_CASE("items of waiting senders come in the order of their calls, behind what is there", "[sync]") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{2}}) {
        CAPTURE(capacity);
        test_loop loop;
        auto [sender, receiver] = open_channel<int>(capacity);
        int number = 0;
        while (sender.try_send(std::move(number))) ++number;
        auto first = sending(loop, sender, number);
        auto second = sending(loop, sender, number + 1);
        auto third = sending(loop, sender, number + 2);
        CHECK(outcome(first) == "pending");
        for (int expected = 0; expected < number + 3; ++expected) CHECK(receiver.try_receive() == expected);
        CHECK(outcome(third) == "woken");
        loop.settle();
        CHECK(outcome(first) == "done");
        CHECK(outcome(second) == "done");
        CHECK(outcome(third) == "done");
        CHECK_FALSE(receiver.try_receive().has_value());
    }
}

TEST_CASE("room goes to the sender that waits, not to one that comes later", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(1);
    sender.send_nowait(1);
    auto waiting = sending(loop, sender, 2);
    CHECK(receiver.receive_nowait() == 1);
    CHECK_FALSE(sender.try_send(9));
    CHECK(receiver.receive_nowait() == 2);
    loop.settle();
    CHECK(outcome(waiting) == "done");
}

TEST_CASE("an item that was promised to a woken task is out of reach for others", "[sync]") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}}) {
        CAPTURE(capacity);
        test_loop loop;
        auto [sender, receiver] = open_channel<int>(capacity);
        auto getting = receiving(loop, receiver);
        sender.send_nowait(7);
        CHECK(getting.woken());
        CHECK(sender.statistics().items == 0);
        CHECK_FALSE(receiver.try_receive().has_value());
        CHECK_THROWS_AS(receiver.receive_nowait(), queue_empty);
        CHECK(sender.try_send(8) == (capacity == 1));  // it does not take up room either
        loop.settle();
        CHECK(getting.result() == 7);
    }
}

// ---- rendezvous ----

TEST_CASE("without capacity a send waits until somebody receives", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(0);
    CHECK_FALSE(sender.try_send(1));
    CHECK_THROWS_AS(sender.send_nowait(1), queue_full);
    auto offering = sending(loop, sender, 1);
    CHECK(offering.pending());
    CHECK(receiver.statistics().items == 0);
    CHECK(receiver.receive().await_ready());
    CHECK(receiver.receive_nowait() == 1);
    CHECK(offering.woken());
    loop.settle();
    CHECK(offering.ready());
}

TEST_CASE("without capacity each waiting receiver makes room for one item", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(0);
    auto first = receiving(loop, receiver);
    auto second = receiving(loop, receiver);
    CHECK(sender.try_send(1));
    CHECK(sender.try_send(2));
    CHECK_FALSE(sender.try_send(3));
    loop.settle();
    CHECK(first.result() == 1);
    CHECK(second.result() == 2);
}

// ---- cancellation ----

TEST_CASE("a sender cancelled while it waits has sent nothing, and the others keep their order", "[sync]") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}}) {
        CAPTURE(capacity);
        test_loop loop;
        auto [sender, receiver] = open_channel<int>(capacity);
        if (capacity == 1) sender.send_nowait(0);
        auto first = sending(loop, sender, 1);
        auto second = sending(loop, sender, 2);
        auto third = sending(loop, sender, 3);
        second.cancel();
        CHECK(sender.statistics().waiting_senders == 2);
        loop.settle();
        CHECK(outcome(second) == "cancelled");
        if (capacity == 1) CHECK(receiver.receive_nowait() == 0);
        CHECK(receiver.receive_nowait() == 1);
        CHECK(receiver.receive_nowait() == 3);
        CHECK_FALSE(receiver.try_receive().has_value());
        loop.settle();
        CHECK(outcome(first) == "done");
        CHECK(outcome(third) == "done");
    }
}

TEST_CASE("a sender cancelled after its item was accepted has sent, and is cancelled where it waits next", "[sync]") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}}) {
        CAPTURE(capacity);
        test_loop loop;
        auto [sender, receiver] = open_channel<int>(capacity);
        if (capacity == 1) sender.send_nowait(0);
        bool sent = false;
        auto send_and_sleep = [](channel_sender<int>& to, bool& done) -> coro<> {
            co_await to.send(1);
            done = true;
            co_await sleep(1h);
        };
        task<> running = create_task(loop.loop(), send_and_sleep(sender, sent));
        loop.settle();
        at_once(loop, [&, &from = receiver] {
            static_cast<void>(from.receive_nowait());
            running.cancel();
        });
        CHECK(sent);
        CHECK(running.cancelled());
        CHECK(receiver.try_receive().has_value() == (capacity == 1));
    }
}

TEST_CASE("a receiver cancelled after the hand-over passes the item on in its place", "[sync]") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{5}}) {
        CAPTURE(capacity);
        test_loop loop;
        auto [sender, receiver] = open_channel<int>(capacity);
        auto first = receiving(loop, receiver);
        auto second = receiving(loop, receiver);
        auto third = receiving(loop, receiver);
        sender.send_nowait(1);
        sender.send_nowait(2);
        first.cancel();
        loop.settle();
        CHECK(outcome(first) == "cancelled");
        CHECK(second.result() == 1);
        CHECK(third.result() == 2);
    }
}

TEST_CASE("a cancelled receive passes its item on before the task handles the cancellation", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(0);
    std::optional<int> seen;
    auto look_after_it = [](channel_receiver<int>& from, std::optional<int>& into) -> coro<> {
        auto named = from.receive();  // lives longer than the wait
        try {
            static_cast<void>(co_await named);
        } catch (const cancelled_error&) {
            into = from.try_receive();
            throw;
        }
    };
    task<> running = create_task(loop.loop(), look_after_it(receiver, seen));
    loop.settle();
    sender.send_nowait(1);
    running.cancel();
    loop.settle();
    CHECK(running.cancelled());
    CHECK(seen == 1);
}

TEST_CASE("an item whose last receiver is cancelled stays the first, with senders behind it", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(0);
    auto cancelled = receiving(loop, receiver);
    sender.send_nowait(1);
    cancelled.cancel();
    auto waiting = sending(loop, sender, 2);
    CHECK(outcome(cancelled) == "cancelled");
    CHECK(receiver.statistics().items == 1);
    CHECK_FALSE(sender.try_send(9));
    CHECK(receiver.receive_nowait() == 1);
    CHECK(outcome(waiting) == "pending");  // what was given back makes no room
    CHECK(receiver.receive_nowait() == 2);
}

TEST_CASE("items leave in order although a promised one is still there when the next is offered", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(0);
    auto promised = receiving(loop, receiver);
    std::optional<task<>> offering;
    at_once(loop, [&, &from = receiver, &to = sender] {
        auto offer = [](channel_sender<int>& by) -> coro<> { co_await by.send(2); };
        offering = create_task(loop.loop(), offer(to));
        loop.loop().call_soon([&from, &promised] {
            CHECK(from.receive_nowait() == 1);
            CHECK(promised.woken());
        });
        to.send_nowait(1);  // the one who waits resumes after the two
    });
    CHECK(promised.result() == 2);
}

TEST_CASE("a receive that timed out has taken nothing", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(0);
    static constexpr auto receive_one = [](channel_receiver<int>& from) -> coro<std::optional<int>> {
        co_return co_await from.receive();
    };
    auto receive_in_time = [](channel_receiver<int>& from) -> coro<std::string> {
        try {
            static_cast<void>(co_await wait_for(receive_one(from), 1s));
            co_return "received";
        } catch (const timeout_error&) {
            co_return "timeout";
        }
    };
    CHECK(loop.run(receive_in_time(receiver)) == "timeout");
    CHECK_FALSE(sender.try_send(1));  // nobody receives any more
    auto offering = sending(loop, sender, 2);
    CHECK(loop.run(receive_in_time(receiver)) == "received");
    loop.settle();
    CHECK(outcome(offering) == "done");
}

// ---- closing ----

TEST_CASE("an item given back after the last sender was closed comes before the end", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(3);
    auto cancelled = receiving(loop, receiver);
    auto next = receiving(loop, receiver);
    auto last = receiving(loop, receiver);
    sender.send_nowait(1);
    sender.close();
    CHECK_FALSE(receiver.receive().await_ready());  // it is not known yet whether this is the end
    CHECK_THROWS_AS(receiver.receive_nowait(), queue_empty);
    cancelled.cancel();
    loop.settle();
    CHECK(outcome(cancelled) == "cancelled");
    CHECK(next.result() == 1);
    CHECK(last.result() == std::nullopt);
    CHECK(receiver.receive_nowait() == std::nullopt);
}

TEST_CASE("closing an end wakes those who wait through it, and nobody else", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(0);
    auto other_receiver = receiver.clone();
    auto mine = receiving(loop, receiver);
    auto others = receiving(loop, other_receiver);
    auto mine_too = receiving(loop, receiver);
    receiver.close();
    loop.settle();
    CHECK(outcome(mine) == "closed");
    CHECK(outcome(mine_too) == "closed");
    CHECK(outcome(others) == "pending");
    sender.send_nowait(1);
    loop.settle();
    CHECK(others.result() == 1);

    auto other_sender = sender.clone();
    auto my_item = sending(loop, sender, 2);
    auto others_item = sending(loop, other_sender, 3);
    sender.close();
    loop.settle();
    CHECK(outcome(my_item) == "closed");
    CHECK(outcome(others_item) == "pending");
    CHECK(other_receiver.receive_nowait() == 3);
}

TEST_CASE("a task that was promised an item gets it although every end is closed meanwhile", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<text>(2);
    auto getting = receiving(loop, receiver);
    sender.send_nowait(std::make_unique<std::string>("a"));
    sender.send_nowait(std::make_unique<std::string>("b"));
    receiver.close();
    sender.close();
    loop.settle();
    const auto item = getting.result();
    REQUIRE(item.has_value());
    CHECK(**item == "a");
}

TEST_CASE("tasks destroyed while they wait leave the channel usable", "[sync]") {
    auto [sender, receiver] = open_channel<text>(0);
    {
        test_loop loop({.allow_lost_tasks = true});
        auto give = [](channel_sender<text>& to) -> coro<> { co_await to.send(std::make_unique<std::string>("lost")); };
        const task<> waiting = create_task(loop.loop(), give(sender));
        loop.settle();
        CHECK(sender.statistics().waiting_senders == 1);
        loop.loop().close();
        CHECK(sender.statistics().waiting_senders == 0);
    }
    {
        test_loop loop({.allow_lost_tasks = true});
        auto get = [](channel_receiver<text>& from) -> coro<> { static_cast<void>(co_await from.receive()); };
        const task<> waiting = create_task(loop.loop(), get(receiver));
        const task<> also_waiting = create_task(loop.loop(), get(receiver));
        loop.settle();
        sender.send_nowait(std::make_unique<std::string>("kept"));
        loop.loop().close();
        CHECK(sender.statistics().waiting_receivers == 0);
    }
    CHECK(*receiver.receive_nowait().value() == "kept");
}

TEST_CASE("tasks that own the ends they wait through are destroyed with their loop", "[sync]") {
    test_loop loop({.allow_lost_tasks = true});
    auto [sender, receiver] = open_channel<text>(0);
    auto [full, idle] = open_channel<text>(0);
    auto get = [](channel_receiver<text> from) -> coro<> { static_cast<void>(co_await from.receive()); };
    auto give = [](channel_sender<text> to) -> coro<> { co_await to.send(nullptr); };
    const task<> first = create_task(loop.loop(), get(receiver.clone()));
    const task<> second = create_task(loop.loop(), get(std::move(receiver)));
    const task<> third = create_task(loop.loop(), give(std::move(full)));
    loop.settle();
    sender.send_nowait(std::make_unique<std::string>("a"));
    loop.loop().close();
    CHECK_THROWS_AS(sender.send_nowait(nullptr), broken_error);
    CHECK(idle.receive_nowait() == std::nullopt);
}

// ---- everything at once ----

TEST_CASE("whatever happens, every item that was sent is taken once and in order, or still there", "[sync]") {
    struct scene {
        test_loop loop{{.allow_lost_tasks = true}};
        channel<int> ends;
        int next = 0;
        std::vector<int> sent;   // by whoever was told so
        std::vector<int> taken;
        std::vector<task<>> tasks;
        explicit scene(std::size_t capacity) : ends(open_channel<int>(capacity)) {}

        coro<> send() {
            const int number = next++;
            co_await ends.sender.send(number);
            sent.push_back(number);
        }
        coro<> receive() {
            if (const auto item = co_await ends.receiver.receive()) taken.push_back(*item);
        }
        coro<> choose(channel_receiver<int>& never) {
            const auto got = co_await select(never, ends.receiver);
            if (const auto item = std::get<1>(got)) taken.push_back(*item);
        }
    };
    std::mt19937 random(1);
    for (int trial = 0; trial < 400; ++trial) {
        const std::size_t capacities[] = {0, 1, 3, unbounded};
        scene s(capacities[trial % 4]);
        auto [quiet, never] = open_channel<int>(1);
        for (int count = 0; count < 80; ++count) {
            s.loop.loop().call_soon([&, &from_nobody = never] {
                switch (random() % 8) {
                    case 0:
                    case 1: s.tasks.push_back(create_task(s.loop.loop(), s.send())); break;
                    case 2: s.tasks.push_back(create_task(s.loop.loop(), s.receive())); break;
                    case 3: s.tasks.push_back(create_task(s.loop.loop(), s.choose(from_nobody))); break;
                    case 4: {
                        int number = s.next;
                        if (s.ends.sender.try_send(std::move(number))) s.sent.push_back(s.next++);
                        break;
                    }
                    case 5:
                        if (const auto item = s.ends.receiver.try_receive()) s.taken.push_back(*item);
                        break;
                    default:
                        if (!s.tasks.empty()) s.tasks[random() % s.tasks.size()].cancel();
                }
            });
            if (random() % 3 == 0) s.loop.settle();
        }
        s.loop.settle();
        const channel_statistics seen = s.ends.sender.statistics();
        REQUIRE((seen.waiting_receivers == 0 || (seen.items == 0 && seen.waiting_senders == 0)));
        REQUIRE((seen.waiting_senders == 0 || seen.items >= seen.capacity));
        REQUIRE(std::is_sorted(s.taken.begin(), s.taken.end()));
        while (const auto item = s.ends.receiver.try_receive()) s.taken.push_back(*item);
        s.loop.settle();
        std::sort(s.sent.begin(), s.sent.end());
        REQUIRE(s.taken == s.sent);
    }
}

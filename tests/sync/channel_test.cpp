// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/channel.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/sync/select.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "sync/channel_steps.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::step;
using testing::test_loop;

namespace {

using text = std::unique_ptr<std::string>;

}  // namespace

TEST_CASE("a channel is empty, filling and full at n-1, n and n+1 items", "[sync]") {
    auto [sender, receiver] = open_channel<int>(2);
    CHECK_THROWS_AS(receiver.receive_nowait(), queue_empty);
    CHECK_FALSE(receiver.try_receive().has_value());
    sender.send_nowait(1);
    CHECK(sender.statistics().items == 1);
    CHECK(sender.try_send(2));
    CHECK(receiver.statistics().items == 2);
    CHECK_FALSE(sender.try_send(3));
    CHECK_THROWS_AS(sender.send_nowait(3), queue_full);
    CHECK(receiver.receive_nowait() == 1);
    CHECK(sender.try_send(4));
    CHECK(receiver.try_receive() == 2);
    CHECK(receiver.try_receive() == 4);
    CHECK_THROWS_AS(receiver.receive_nowait(), queue_empty);
}

TEST_CASE("an unbounded channel is never full, and a negative capacity is refused", "[sync]") {
    auto [sender, receiver] = open_channel<int>(unbounded);
    for (int number = 0; number < 1000; ++number) sender.send_nowait(number);
    for (int number = 0; number < 1000; ++number) CHECK(receiver.receive_nowait() == number);
    CHECK(sender.statistics().capacity == unbounded);
    CHECK_THROWS_AS(open_channel<int>(static_cast<std::size_t>(-2)), std::invalid_argument);
}

TEST_CASE("a send that finds room and a receive that finds an item do not suspend", "[sync]") {
    auto [sender, receiver] = open_channel<int>(1);
    CHECK(sender.send(1).await_ready());
    CHECK_FALSE(receiver.receive().await_ready());
    sender.send_nowait(1);
    CHECK_FALSE(sender.send(2).await_ready());
    CHECK(receiver.receive().await_ready());
    auto [to_nobody, gone] = open_channel<int>(0);
    CHECK_FALSE(to_nobody.send(1).await_ready());
    gone.close();
    CHECK(to_nobody.send(1).await_ready());
}

TEST_CASE("a loop over receive ends with the last sender, and items that only move go through", "[sync]") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{3}, unbounded}) {
        CAPTURE(capacity);
        test_loop loop;
        auto [sender, receiver] = open_channel<text>(capacity);
        auto produce = [](channel_sender<text> to) -> coro<> {
            for (const char* word : {"a", "b", "c", "d", "e"}) co_await to.send(std::make_unique<std::string>(word));
        };
        auto consume = [](channel_receiver<text> from) -> coro<std::string> {
            std::string all;
            while (auto item = co_await from.receive()) all += **item;
            co_return all;
        };
        task<> producer = create_task(loop.loop(), produce(std::move(sender)));
        CHECK(loop.run(consume(std::move(receiver))) == "abcde");
        CHECK(producer.done());
    }
}

TEST_CASE("statistics tell items, open ends and waiting tasks", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(1);
    auto second = sender.clone();
    auto third = receiver.clone();
    auto fourth = receiver.clone();
    sender.send_nowait(1);
    auto waiting = sending(loop, second, 2);
    auto also_waiting = sending(loop, sender, 3);
    const channel_statistics full = receiver.statistics();
    CHECK(full.items == 1);
    CHECK(full.capacity == 1);
    CHECK(full.open_senders == 2);
    CHECK(full.open_receivers == 3);
    CHECK(full.waiting_senders == 2);
    CHECK(full.waiting_receivers == 0);
    for (int number = 1; number <= 3; ++number) CHECK(receiver.receive_nowait() == number);
    auto hungry = receiving(loop, third);
    const channel_statistics empty = sender.statistics();
    CHECK(empty.items == 0);
    CHECK(empty.waiting_senders == 0);
    CHECK(empty.waiting_receivers == 1);
}

// ---- order ----

TEST_CASE("a channel ends with its last sender, after the items that are there", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(3);
    auto other = sender.clone();
    sender.send_nowait(1);
    sender.close();
    CHECK(sender.is_closed());
    CHECK_FALSE(other.is_closed());
    CHECK(receiver.receive_nowait() == 1);
    CHECK_THROWS_AS(receiver.receive_nowait(), queue_empty);
    other.send_nowait(2);
    other.close();
    other.close();
    CHECK(receiver.receive_nowait() == 2);
    CHECK(receiver.receive_nowait() == std::nullopt);
    CHECK(receiver.try_receive() == std::nullopt);
    auto last = receiving(loop, receiver);
    CHECK(last.result() == std::nullopt);
}

TEST_CASE("receivers that wait when the last sender goes away wake with nothing", "[sync]") {
    test_loop loop;
    auto ends = std::make_unique<channel<int>>(open_channel<int>(0));
    channel_receiver<int> receiver = std::move(ends->receiver);
    auto first = receiving(loop, receiver);
    auto second = receiving(loop, receiver);
    {
        const channel_sender<int> gone = ends->sender.clone();
    }
    CHECK(first.pending());
    ends.reset();
    loop.settle();
    CHECK(first.result() == std::nullopt);
    CHECK(second.result() == std::nullopt);
}

TEST_CASE("sending fails when no receiver is left, also for those who wait", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<text>(1);
    auto other = receiver.clone();
    sender.send_nowait(std::make_unique<std::string>("a"));
    auto first = sending(loop, sender, std::make_unique<std::string>("b"));
    auto second = sending(loop, sender, std::make_unique<std::string>("c"));
    receiver.close();
    loop.settle();
    CHECK(outcome(first) == "pending");
    other.close();
    CHECK(first.woken());
    loop.settle();
    CHECK(outcome(first) == "broken");
    CHECK(outcome(second) == "broken");
    auto late = sending(loop, sender, std::make_unique<std::string>("d"));
    CHECK(outcome(late) == "broken");
    CHECK_THROWS_AS(sender.send_nowait(nullptr), broken_error);
    auto kept = std::make_unique<std::string>("e");
    CHECK_THROWS_AS(sender.try_send(std::move(kept)), broken_error);
    CHECK(*kept == "e");
}

TEST_CASE("a try_send that is refused leaves the item with its owner", "[sync]") {
    auto [sender, receiver] = open_channel<text>(0);
    auto item = std::make_unique<std::string>("a");
    CHECK_FALSE(sender.try_send(std::move(item)));
    CHECK(*item == "a");
    sender.close();
    CHECK_THROWS_AS(sender.try_send(std::move(item)), closed_error);
    CHECK(*item == "a");
}

TEST_CASE("using a closed end is an error that names the operation", "[sync]") {
    auto [sender, receiver] = open_channel<int>(1);
    channel_sender<int> moved = std::move(sender);
    receiver.close();
    CHECK(sender.is_closed());
    CHECK_THROWS_AS(sender.send(1), closed_error);
    CHECK_THROWS_AS(sender.send_nowait(1), closed_error);
    CHECK_THROWS_AS(sender.clone(), closed_error);
    CHECK_THROWS_AS(sender.statistics(), closed_error);
    CHECK_THROWS_AS(receiver.receive(), closed_error);
    CHECK_THROWS_AS(receiver.receive_nowait(), closed_error);
    CHECK_THROWS_AS(receiver.try_receive(), closed_error);
    CHECK_THROWS_AS(receiver.clone(), closed_error);
    CHECK_THROWS_AS(moved.send_nowait(1), broken_error);
    std::string message;
    try {
        static_cast<void>(receiver.clone());
    } catch (const closed_error& reason) {
        message = reason.what();
    }
    CHECK(message == "clone: this end of the channel is closed");
}

TEST_CASE("an end that is replaced by another one is closed", "[sync]") {
    auto [sender, receiver] = open_channel<int>(1);
    auto [other_sender, other_receiver] = open_channel<int>(1);
    sender = std::move(other_sender);
    CHECK(receiver.receive_nowait() == std::nullopt);
    sender.send_nowait(5);
    receiver = std::move(other_receiver);
    CHECK(receiver.receive_nowait() == 5);
}

TEST_CASE("what is left when the last receiver is closed is dropped then", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<std::shared_ptr<int>>(3);
    auto buffered = std::make_shared<int>(1);
    sender.send_nowait(buffered);
    receiver.close();
    CHECK(buffered.use_count() == 1);

    // Not before a promise is fulfilled or given back.
    auto [again, taking] = open_channel<std::shared_ptr<int>>(3);
    auto cancelled = receiving(loop, taking);
    auto promised = std::make_shared<int>(2);
    again.send_nowait(promised);
    again.send_nowait(buffered);
    taking.close();
    CHECK(buffered.use_count() == 2);
    cancelled.cancel();
    loop.settle();
    CHECK(outcome(cancelled) == "cancelled");
    CHECK(promised.use_count() == 1);
    CHECK(buffered.use_count() == 1);
}

TEST_CASE("items that hold ends of their own channel are dropped with the last receiver", "[sync]") {
    struct letter {
        std::unique_ptr<channel_sender<letter>> reply;
        std::shared_ptr<int> content;
    };
    const auto content = std::make_shared<int>(1);
    auto [sender, receiver] = open_channel<letter>(3);
    for (int count = 0; count < 3; ++count) {
        sender.send_nowait({std::make_unique<channel_sender<letter>>(sender.clone()), content});
    }
    sender.close();
    CHECK(content.use_count() == 4);
    receiver.close();
    CHECK(content.use_count() == 1);
}

// ---- destruction ----

// Without the pool, as under AddressSanitizer, each frame is an allocation.
#if !defined(AIOXX_NO_FRAME_POOL)

TEST_CASE("passing items through a channel, alone or in a select, allocates nothing once it has grown", "[sync]") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{4}}) {
        CAPTURE(capacity);
        test_loop loop;
        long counted = -1;
        loop.run([](std::size_t size, long& into) -> coro<> {
            channel<int> numbers = open_channel<int>(size);
            channel<char> letters = open_channel<char>(size);
            auto produce = [](channel_sender<int> to, channel_sender<char> also_to, int count) -> coro<> {
                for (int number = 0; number < count; ++number) {
                    co_await to.send(number);
                    co_await also_to.send('x');
                }
            };
            task<> producer = create_task(produce(std::move(numbers.sender), std::move(letters.sender), 1100));
            std::vector<channel_receiver<int>> several;
            several.push_back(numbers.receiver.clone());
            long before = 0;
            for (int round = 0; round < 1000; ++round) {
                if (round == 100) before = support::allocations;
                const auto got = co_await select(numbers.receiver, letters.receiver);
                if (got.index() == 0) {
                    static_cast<void>(co_await letters.receiver.receive());
                    static_cast<void>(co_await select(several));
                    static_cast<void>(co_await letters.receiver.receive());
                }
            }
            into = support::allocations - before;
            numbers.receiver.close();
            letters.receiver.close();
            several.clear();
            producer.cancel();
        }(capacity, counted));
        CHECK(counted == 0);
    }
}

#endif

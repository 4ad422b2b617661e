// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/select.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using testing::step;
using testing::test_loop;

namespace {

// What is given alternates between the channels.
struct select_subject {
    static constexpr auto kind = testing::sync_kind::many;
    coro<> take() { static_cast<void>(co_await select(numbers.receiver, words.receiver)); }
    void give() {
        if (given++ % 2 == 0) {
            numbers.sender.send_nowait(1);
        } else {
            words.sender.send_nowait("a");
        }
    }
    std::size_t left() const { return numbers.sender.statistics().items + words.sender.statistics().items; }
    int given = 0;
    channel<int> numbers = open_channel<int>(100);
    channel<std::string> words = open_channel<std::string>(100);
};

struct range_subject {
    static constexpr auto kind = testing::sync_kind::many;
    range_subject() {
        for (int count = 0; count < 3; ++count) {
            auto [sender, receiver] = open_channel<int>(unbounded);
            senders.push_back(std::move(sender));
            receivers.push_back(std::move(receiver));
        }
    }
    coro<> take() { static_cast<void>(co_await select(receivers)); }
    void give() { senders[given++ % 3].send_nowait(1); }
    std::size_t left() const {
        std::size_t items = 0;
        for (const auto& sender : senders) items += sender.statistics().items;
        return items;
    }
    std::size_t given = 0;
    std::vector<channel_sender<int>> senders;
    std::vector<channel_receiver<int>> receivers;
};

// Half of those who wait stand in one line only.
struct mixed_subject : select_subject {
    coro<> take() {
        if (waiting++ % 2 == 0) {
            static_cast<void>(co_await select(words.receiver, numbers.receiver));
        } else {
            static_cast<void>(co_await numbers.receiver.receive());
        }
    }
    void give() { numbers.sender.send_nowait(1); }
    int waiting = 0;
};

using number_or_word = std::variant<std::optional<int>, std::optional<std::string>>;

std::string to_text(const number_or_word& got) {
    if (const auto* number = std::get_if<0>(&got)) {
        return *number ? std::to_string(**number) : std::string("end of numbers");
    }
    return std::get<1>(got).value_or("end of words");
}

// Two channels without capacity, and selects over them.
struct scene {
    auto selecting() {
        return step(loop, [this] { return select(numbers.receiver, words.receiver); });
    }
    auto receiving_number() {
        return step(loop, [this] { return numbers.receiver.receive(); });
    }
    auto sending(int number) {
        return step(loop, [this, number] { return numbers.sender.send(number); });
    }
    auto sending(std::string word) {
        return step(loop, [this, word] { return words.sender.send(word); });
    }

    explicit scene(std::size_t capacity = 0)
        : numbers(open_channel<int>(capacity)), words(open_channel<std::string>(capacity)) {}

    test_loop loop;
    channel<int> numbers;
    channel<std::string> words;
};

template <class Step>
bool was_cancelled(Step& stepped) {
    try {
        stepped.result();
    } catch (const cancelled_error&) {
        return true;
    }
    return false;
}

}  // namespace

TEST_CASE("selects obey the laws of waiting", "[sync]") {
    CHECK_NOTHROW(testing::check_sync<select_subject>());
    CHECK_NOTHROW(testing::check_sync<range_subject>());
    CHECK_NOTHROW(testing::check_sync<mixed_subject>());
}

TEST_CASE("a select takes what is there at once, and says from which channel", "[sync]") {
    scene s(1);
    CHECK_FALSE(select(s.numbers.receiver, s.words.receiver).await_ready());
    s.words.sender.send_nowait("a");
    CHECK(select(s.numbers.receiver, s.words.receiver).await_ready());
    auto word = s.selecting();
    REQUIRE(word.ready());
    CHECK(to_text(word.result()) == "a");
    s.numbers.sender.send_nowait(1);
    auto number = s.selecting();
    CHECK(to_text(number.result()) == "1");
}

TEST_CASE("a select waits until one channel gives, and leaves the lines of the others", "[sync]") {
    scene s;
    auto waiting = s.selecting();
    CHECK(waiting.pending());
    CHECK(s.numbers.sender.statistics().waiting_receivers == 1);
    CHECK(s.words.sender.statistics().waiting_receivers == 1);
    CHECK(s.words.sender.try_send("a"));
    CHECK(waiting.woken());
    CHECK(s.numbers.sender.statistics().waiting_receivers == 0);
    CHECK_FALSE(s.numbers.sender.try_send(1));
    CHECK_FALSE(s.words.sender.try_send("b"));
    s.loop.settle();
    CHECK(to_text(waiting.result()) == "a");
}

TEST_CASE("a select takes from a sender that waits for somebody to receive", "[sync]") {
    scene s;
    auto offering = s.sending("a");
    CHECK(offering.pending());
    auto taking = s.selecting();
    CHECK(to_text(taking.result()) == "a");
    CHECK(offering.ready());
}

TEST_CASE("a sender hands over to a select that waits, without waiting itself", "[sync]") {
    scene s;
    auto waiting = s.selecting();
    auto offering = s.sending(7);
    CHECK(offering.ready());
    CHECK(to_text(waiting.result()) == "7");
}

TEST_CASE("of several items that come at once a select takes exactly one", "[sync]") {
    scene s(1);
    auto waiting = s.selecting();
    s.words.sender.send_nowait("a");
    s.numbers.sender.send_nowait(1);
    s.loop.settle();
    CHECK(to_text(waiting.result()) == "a");
    CHECK(s.words.receiver.try_receive() == std::nullopt);
    CHECK(s.numbers.receiver.try_receive() == 1);
}

TEST_CASE("a select over one receiver is a receive, and one channel may be there twice", "[sync]") {
    scene s(1);
    s.numbers.sender.send_nowait(1);
    step single(s.loop, [&s] { return select(s.numbers.receiver); });
    CHECK(std::get<0>(single.result()) == 1);
    auto clone = s.numbers.receiver.clone();
    step twice(s.loop, [&s, &clone] { return select(s.numbers.receiver, clone); });
    CHECK(s.numbers.sender.statistics().waiting_receivers == 2);
    s.numbers.sender.send_nowait(2);
    CHECK(s.numbers.sender.statistics().waiting_receivers == 0);
    s.numbers.sender.send_nowait(3);
    s.loop.settle();
    CHECK(std::get<0>(twice.result()) == 2);
    CHECK(s.numbers.receiver.receive_nowait() == 3);
}

// ---- cancellation ----

TEST_CASE("a select cancelled while it waits leaves all lines", "[sync]") {
    scene s;
    auto waiting = s.selecting();
    waiting.cancel();
    CHECK(s.numbers.sender.statistics().waiting_receivers == 0);
    CHECK_FALSE(s.numbers.sender.try_send(1));
    CHECK_FALSE(s.words.sender.try_send("a"));
    s.loop.settle();
    CHECK(was_cancelled(waiting));
}

TEST_CASE("a select cancelled after the hand-over passes the item on, to selects and receivers alike", "[sync]") {
    scene s;
    auto first = s.selecting();
    auto second = s.receiving_number();
    auto third = s.selecting();
    s.numbers.sender.send_nowait(1);
    first.cancel();
    s.loop.settle();
    CHECK(was_cancelled(first));
    CHECK(second.result() == 1);
    s.numbers.sender.send_nowait(2);
    third.cancel();
    auto late = s.selecting();
    CHECK(was_cancelled(third));
    CHECK(to_text(late.result()) == "2");  // it stayed, although the channel holds none
}

TEST_CASE("a receiver cancelled after the hand-over passes the item on to a select", "[sync]") {
    scene s;
    auto first = s.receiving_number();
    auto second = s.selecting();
    s.numbers.sender.send_nowait(1);
    first.cancel();
    s.loop.settle();
    CHECK(was_cancelled(first));
    CHECK(to_text(second.result()) == "1");
}

TEST_CASE("a select that is cancelled before it starts to wait takes nothing", "[sync]") {
    scene s;
    auto take = [](channel<int>& from, bool& reached) -> coro<> {
        reached = true;
        static_cast<void>(co_await select(from.receiver));
    };
    bool reached = false;
    task<> running = create_task(s.loop.loop(), take(s.numbers, reached));
    s.loop.loop().call_soon([&] { running.cancel(); });
    s.loop.settle();
    CHECK(running.cancelled());
    CHECK(s.numbers.sender.statistics().waiting_receivers == 0);
    CHECK_FALSE(s.numbers.sender.try_send(1));
}

// ---- order and fairness ----

TEST_CASE("selects and receivers on the same channels are served in the order they came", "[sync]") {
    scene s;
    auto first = s.selecting();
    auto second = s.receiving_number();
    auto third = s.selecting();
    auto fourth = s.selecting();
    s.numbers.sender.send_nowait(1);
    s.words.sender.send_nowait("a");
    s.numbers.sender.send_nowait(2);
    s.numbers.sender.send_nowait(3);
    s.loop.settle();
    CHECK(to_text(first.result()) == "1");
    CHECK(second.result() == 2);
    CHECK(to_text(third.result()) == "a");
    CHECK(to_text(fourth.result()) == "3");
}

TEST_CASE("channels that are always ready are taken from in turn", "[sync]") {
    test_loop loop;
    std::vector<channel_sender<int>> senders;
    std::vector<channel_receiver<int>> receivers;
    for (int number = 0; number < 3; ++number) {
        auto [sender, receiver] = open_channel<int>(unbounded);
        for (int count = 0; count < 6; ++count) sender.send_nowait(number);
        senders.push_back(std::move(sender));
        receivers.push_back(std::move(receiver));
    }
    const auto take = [&]() -> std::size_t {
        step one(loop, [&receivers] { return select(receivers); });
        return one.result().index;
    };
    std::vector<std::size_t> order;
    for (int count = 0; count < 6; ++count) order.push_back(take());
    CHECK(order == std::vector<std::size_t>{0, 1, 2, 0, 1, 2});

    // One that was quiet for long is served next, but has saved up nothing.
    auto [rare_sender, rare] = open_channel<int>(unbounded);
    receivers.push_back(std::move(rare));
    for (int count = 0; count < 3; ++count) rare_sender.send_nowait(9);
    order.clear();
    for (int count = 0; count < 5; ++count) order.push_back(take());
    CHECK(order == std::vector<std::size_t>{3, 0, 1, 2, 3});
}

TEST_CASE("selects that share a channel starve none of the others", "[sync]") {
    test_loop loop;
    auto [to_a, a] = open_channel<int>(unbounded);
    auto [to_b, b] = open_channel<int>(unbounded);
    auto [to_c, c] = open_channel<int>(unbounded);
    for (int count = 0; count < 100; ++count) {
        to_a.send_nowait(count);
        to_b.send_nowait(count);
        to_c.send_nowait(count);
    }
    for (int count = 0; count < 20; ++count) {
        step first(loop, [&from = a, &other = b] { return select(from, other); });
        step second(loop, [&from = a, &other = c] { return select(from, other); });
    }
    CHECK(to_b.statistics().items <= 90);
    CHECK(to_c.statistics().items <= 90);
    CHECK(to_a.statistics().items <= 90);
}

// ---- ends ----

TEST_CASE("the end of one channel is told, after its items, and the channel can be left out then", "[sync]") {
    scene s(1);
    s.numbers.sender.send_nowait(1);
    s.numbers.sender.close();
    auto number = s.selecting();
    CHECK(to_text(number.result()) == "1");
    auto end = s.selecting();
    CHECK(to_text(end.result()) == "end of numbers");
    auto end_again = s.selecting();
    CHECK(to_text(end_again.result()) == "end of numbers");
    s.numbers.receiver.close();
    auto waiting = s.selecting();
    CHECK(waiting.pending());
    s.words.sender.send_nowait("a");
    s.loop.settle();
    CHECK(to_text(waiting.result()) == "a");
}

TEST_CASE("a channel that has ended does not keep others from being served", "[sync]") {
    scene s(10);
    s.numbers.sender.close();
    for (int count = 0; count < 5; ++count) s.words.sender.send_nowait("a");
    int words = 0;
    for (int count = 0; count < 10; ++count) {
        auto got = s.selecting();
        words += to_text(got.result()) == "a" ? 1 : 0;
    }
    CHECK(words == 5);
}

TEST_CASE("a select that waits wakes when a channel ends, and takes nothing from the others", "[sync]") {
    scene s(1);
    auto waiting = s.selecting();
    s.words.sender.close();
    CHECK(waiting.woken());
    s.numbers.sender.send_nowait(1);
    s.loop.settle();
    CHECK(to_text(waiting.result()) == "end of words");
    CHECK(s.numbers.receiver.receive_nowait() == 1);
}

TEST_CASE("a loop over two channels takes everything from both and ends", "[sync]") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{3}}) {
        CAPTURE(capacity);
        scene s(capacity);
        auto count_up = [](channel_sender<int> to) -> coro<> {
            for (int number = 0; number < 5; ++number) co_await to.send(number);
        };
        auto spell = [](channel_sender<std::string> to) -> coro<> {
            for (const char* word : {"a", "b"}) co_await to.send(word);
        };
        auto use = [](channel_receiver<int> numbers, channel_receiver<std::string> words) -> coro<std::string> {
            std::string all_numbers;
            std::string all_words;
            while (!numbers.is_closed() || !words.is_closed()) {
                auto got = co_await select(numbers, words);
                if (auto* number = std::get_if<0>(&got)) {
                    if (*number) {
                        all_numbers += std::to_string(**number);
                    } else {
                        numbers.close();
                    }
                } else if (auto& word = std::get<1>(got)) {
                    all_words += *word;
                } else {
                    words.close();
                }
            }
            co_return all_numbers + all_words;
        };
        const task<> first = create_task(s.loop.loop(), count_up(std::move(s.numbers.sender)));
        const task<> second = create_task(s.loop.loop(), spell(std::move(s.words.sender)));
        CHECK(s.loop.run(use(std::move(s.numbers.receiver), std::move(s.words.receiver))) == "01234ab");
    }
}

TEST_CASE("a select goes on with the receivers that stay open, and fails when none is left", "[sync]") {
    scene s;
    auto waiting = s.selecting();
    auto also_waiting = s.selecting();
    s.numbers.receiver.close();
    s.loop.settle();
    CHECK(waiting.pending());
    CHECK_THROWS_AS(s.numbers.sender.send_nowait(1), broken_error);
    s.words.sender.send_nowait("a");
    s.words.receiver.close();
    s.loop.settle();
    CHECK(to_text(waiting.result()) == "a");
    CHECK_THROWS_AS(also_waiting.result(), closed_error);
    auto late = s.selecting();
    CHECK_THROWS_AS(late.result(), closed_error);
}

TEST_CASE("receivers may be moved and destroyed while a select waits through them", "[sync]") {
    scene s;
    auto waiting = s.selecting();
    {
        channel_receiver<int> moved = std::move(s.numbers.receiver);
        CHECK(waiting.pending());
        s.words.receiver.close();
        CHECK(waiting.pending());
        s.numbers.sender.send_nowait(1);
    }
    s.loop.settle();
    CHECK(to_text(waiting.result()) == "1");
}

// ---- ranges ----

TEST_CASE("a select over a range says which receiver it was", "[sync]") {
    test_loop loop;
    auto [to_a, a] = open_channel<int>(0);
    auto [to_b, b] = open_channel<int>(0);
    std::array<channel_receiver<int>, 2> both{std::move(a), std::move(b)};
    step waiting(loop, [&both] { return select(both); });
    CHECK(waiting.pending());
    to_b.send_nowait(5);
    loop.settle();
    const selected<int> got = waiting.result();
    CHECK(got.index == 1);
    CHECK(got.item == 5);

    to_a.close();
    step ended(loop, [&both] { return select(std::span(both)); });
    const selected<int> end = ended.result();
    CHECK(end.index == 0);
    CHECK_FALSE(end.item.has_value());
}

TEST_CASE("a select over an empty range, or one of closed receivers, is refused", "[sync]") {
    test_loop loop;
    std::vector<channel_receiver<int>> none;
    step empty(loop, [&none] { return select(none); });
    CHECK_THROWS_AS(empty.result(), closed_error);
    none.push_back(open_channel<int>(0).receiver);
    none.front().close();
    step closed(loop, [&none] { return select(none); });
    CHECK_THROWS_AS(closed.result(), closed_error);
}

TEST_CASE("the range of a select may go away while it waits", "[sync]") {
    test_loop loop;
    auto [sender, receiver] = open_channel<int>(0);
    std::vector<channel_receiver<int>> receivers;
    receivers.push_back(receiver.clone());
    step kept(loop, [&receivers] { return select(receivers); });
    std::vector<channel_receiver<int>> elsewhere = std::move(receivers);
    sender.send_nowait(1);
    elsewhere.clear();
    loop.settle();
    CHECK(kept.result().item == 1);
}

// ---- destruction, and everything at once ----

TEST_CASE("a select destroyed while it waits, or after the hand-over, loses nothing", "[sync]") {
    auto [to_a, a] = open_channel<int>(0);
    auto [to_b, b] = open_channel<std::unique_ptr<int>>(0);
    test_loop loop({.allow_lost_tasks = true});
    auto take = [](channel_receiver<int>& first, channel_receiver<std::unique_ptr<int>>& second) -> coro<> {
        static_cast<void>(co_await select(first, second));
    };
    const task<> promised = create_task(loop.loop(), take(a, b));
    const task<> waiting = create_task(loop.loop(), take(a, b));
    loop.settle();
    to_b.send_nowait(std::make_unique<int>(3));
    loop.loop().close();
    CHECK(to_a.statistics().waiting_receivers == 0);
    CHECK(to_b.statistics().waiting_receivers == 0);
    CHECK(*b.receive_nowait().value() == 3);
}

TEST_CASE("a select is destroyed safely when that destroys items which send to its other channels", "[sync]") {
    struct letter {
        letter(channel_sender<int>& to) : receipt(&to) {}
        letter(letter&& other) noexcept : receipt(std::exchange(other.receipt, nullptr)) {}
        ~letter() {
            if (receipt != nullptr) static_cast<void>(receipt->try_send(1));
        }
        channel_sender<int>* receipt;
    };
    auto [to_a, a] = open_channel<int>(0);
    auto [to_b, b] = open_channel<letter>(1);
    test_loop loop({.allow_lost_tasks = true});
    auto take = [](channel_receiver<int>& first, channel_receiver<letter> second) -> coro<> {
        static_cast<void>(co_await select(first, second));
    };
    const task<> promised = create_task(loop.loop(), take(a, std::move(b)));
    loop.settle();
    to_b.send_nowait(letter(to_a));
    to_b.close();
    loop.loop().close();
    CHECK_FALSE(a.try_receive().has_value());  // nobody waited for the receipt any more
}

TEST_CASE("whatever selects and receivers do, every item is taken once and in order, or still there", "[sync]") {
    constexpr std::size_t count_of_channels = 3;
    struct scene {
        test_loop loop{{.allow_lost_tasks = true}};
        std::vector<channel_sender<int>> senders;
        std::vector<channel_receiver<int>> receivers;
        std::array<int, count_of_channels> next{};
        std::array<std::vector<int>, count_of_channels> sent;
        std::array<std::vector<int>, count_of_channels> taken;
        std::vector<task<>> tasks;

        coro<> send(std::size_t channel) {
            const int number = next[channel]++;
            co_await senders[channel].send(number);
            sent[channel].push_back(number);
        }
        coro<> receive(std::size_t channel) {
            if (const auto item = co_await receivers[channel].receive()) taken[channel].push_back(*item);
        }
        coro<> choose() {
            const selected<int> got = co_await select(receivers);
            if (got.item) taken[got.index].push_back(*got.item);
        }
        coro<> choose_of_two() {
            const auto got = co_await select(receivers[2], receivers[0]);
            const std::size_t channel = got.index() == 0 ? 2 : 0;
            const auto item = got.index() == 0 ? std::get<0>(got) : std::get<1>(got);
            if (item) taken[channel].push_back(*item);
        }
    };
    std::mt19937 random(2);
    for (int trial = 0; trial < 300; ++trial) {
        scene s;
        for (std::size_t number = 0; number < count_of_channels; ++number) {
            const std::size_t capacities[] = {0, 2, unbounded};
            auto [sender, receiver] = open_channel<int>(capacities[number]);
            s.senders.push_back(std::move(sender));
            s.receivers.push_back(std::move(receiver));
        }
        for (int count = 0; count < 100; ++count) {
            s.loop.loop().call_soon([&] {
                const std::size_t which = random() % count_of_channels;
                const auto start = [&s](coro<> work) { s.tasks.push_back(create_task(s.loop.loop(), std::move(work))); };
                switch (random() % 8) {
                    case 0:
                    case 1:
                    case 2: start(s.send(which)); break;
                    case 3: start(s.receive(which)); break;
                    case 4: start(s.choose()); break;
                    case 5: start(s.choose_of_two()); break;
                    default:
                        if (!s.tasks.empty()) s.tasks[random() % s.tasks.size()].cancel();
                }
            });
            if (random() % 3 == 0) s.loop.settle();
        }
        s.loop.settle();
        for (std::size_t which = 0; which < count_of_channels; ++which) {
            const channel_statistics seen = s.senders[which].statistics();
            REQUIRE((seen.waiting_receivers == 0 || (seen.items == 0 && seen.waiting_senders == 0)));
            while (const auto item = s.receivers[which].try_receive()) s.taken[which].push_back(*item);
        }
        s.loop.settle();
        for (std::size_t which = 0; which < count_of_channels; ++which) {
            REQUIRE(std::is_sorted(s.taken[which].begin(), s.taken[which].end()));
            std::sort(s.sent[which].begin(), s.sent[which].end());
            REQUIRE(s.taken[which] == s.sent[which]);
        }
    }
}

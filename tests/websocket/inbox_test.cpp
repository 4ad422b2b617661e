// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/inbox.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using websocket::endpoint_options;
using websocket::event_kind;
using websocket::message;
using websocket::message_view;
using websocket::opcode;
using websocket::role;
using websocket::detail::inbox;
using websocket::detail::wanted;

namespace {

// The inbox of a server, what it was told, and what else happened.
struct mailbox {
    explicit mailbox(std::size_t high = 0, std::size_t low = 0) : box(endpoint, high, low) {}

    // As a transport does it, in pieces as large as what is lent.
    void receive(std::string_view bytes) {
        while (!bytes.empty()) {
            const mutable_bytes_view lent = box.lend();
            const std::size_t count = std::min(lent.size(), bytes.size());
            std::memcpy(lent.data(), bytes.data(), count);
            box.received(count);
            bytes.remove_prefix(count);
        }
    }
    void send(opcode code, std::string_view payload, bool fin = true) {
        receive(wire::frame(role::client, code, payload, fin));
    }
    auto note() {
        return [this](const websocket::event& found) {
            if (found.kind == event_kind::ping) pings += found.payload.str();
        };
    }
    bool find(wanted what = wanted::message) { return box.find(what, note()); }
    void stow(bool drop_rest = false) { box.stow(drop_rest, note()); }
    std::string take() {
        if (!find()) return "nothing";
        return std::string(box.take().str());
    }
    std::string part() {
        if (!find(wanted::part)) return "nothing";
        return std::string(box.look().str());
    }

    websocket::endpoint endpoint{role::server};
    inbox box;
    std::string pings;
};

std::string numbered(int number, std::size_t size) {
    return std::to_string(number) + std::string(size, static_cast<char>('a' + number % 26));
}

std::vector<std::string> texts(std::span<const message_view> shown) {
    std::vector<std::string> all;
    for (const message_view& each : shown) all.emplace_back(each.str());
    return all;
}

// Writes over the room that a reply's head has. Returns: whether there is any.
bool spoil_head(const inbox& box, bytes_view payload) {
    const std::size_t size = payload.size() < 126 ? 2 : 4;
    std::byte* const room = box.room_before(payload, size);
    if (room != nullptr) std::memset(room, 0xFF, size);
    return room != nullptr;
}

}  // namespace

TEST_CASE("messages come out in order, however they were found, cut and put away", "[websocket]") {
    std::mt19937 random(7);
    int heads = 0;
    for (int round = 0; round < 200; ++round) {
        CAPTURE(round);
        std::string bytes;
        std::vector<std::string> sent;
        const std::size_t largest = std::array<std::size_t, 3>{60'000, 600, 20}[static_cast<std::size_t>(round % 3)];
        for (int i = 0; i < 40; ++i) {
            const std::string text = numbered(i, random() % largest);
            sent.push_back(text);
            const std::size_t cut = random() % 4 != 0 ? text.size() : random() % text.size();
            if (cut == text.size()) {
                bytes += wire::frame(role::client, opcode::binary, text);
            } else {
                bytes += wire::frame(role::client, opcode::binary, text.substr(0, cut), false);
                bytes += wire::frame(role::client, opcode::ping, "p");
                bytes += wire::frame(role::client, opcode::continuation, text.substr(cut));
            }
        }
        mailbox with(5, 2);
        std::vector<std::string> got;
        std::string_view rest = bytes;
        while (!rest.empty() || with.box.has_loose_ends() || with.find()) {
            switch (random() % 6) {
                case 0:
                case 1: {
                    if (with.box.is_full()) break;  // the transport is paused
                    const std::size_t count = std::min<std::size_t>(rest.size(), 1 + random() % (2 * largest + 300));
                    if (count != 0) with.receive(rest.substr(0, count));
                    rest.remove_prefix(count);
                    break;
                }
                case 2: with.stow(); break;
                case 3:
                    if (with.find()) got.push_back(std::string(with.box.take().str()));
                    break;
                default:
                    if (with.find()) {
                        const bool one = random() % 2 == 0;
                        const message_view first = one ? with.box.look() : message_view();
                        const std::span<const message_view> shown =
                            one ? std::span(&first, 1) : with.box.look_at_batch();
                        const std::vector<std::string> before = texts(shown);
                        if (spoil_head(with.box, shown.back().data)) ++heads;
                        if (!with.box.is_full() && !rest.empty()) {
                            with.receive(rest.substr(0, 1));
                            rest.remove_prefix(1);
                        }
                        with.stow();
                        if (texts(shown) != before) FAIL("a message has changed that somebody looked at");
                        got.insert(got.end(), before.begin(), before.end());
                        with.box.take_back();
                    }
            }
        }
        CHECK(got == sent);
    }
    CHECK(heads > 20);
}

TEST_CASE("a message is looked at where it was received", "[websocket]") {
    mailbox with;
    const std::string large(20'000, 'l');
    const mutable_bytes_view lent = with.box.lend();
    with.send(opcode::binary, large);
    REQUIRE(with.find());
    const message_view shown = with.box.look();
    CHECK(shown.data == bytes_view(large));
    CHECK((shown.data.data() >= lent.data() && shown.data.data() < lent.data() + lent.size()));
    // Nobody else receives into that memory until it is given back.
    CHECK(with.box.lend().data() != lent.data());
    with.stow();
    with.box.take_back();
}

TEST_CASE("a head has room before the message shown last, as long as it lies where it was received", "[websocket]") {
    mailbox with;
    with.receive(wire::frame(role::client, opcode::text, "first") +
                 wire::frame(role::client, opcode::text, std::string(200, 's')) +
                 wire::frame(role::client, opcode::text, "") + wire::frame(role::client, opcode::text, "last"));
    REQUIRE(with.find());
    const message_view first = with.box.look();
    CHECK(with.box.room_before(first.data, 2) == first.data.data() - 2);
    CHECK(with.box.room_before(first.data.first(3), 2) == first.data.data() - 2);
    CHECK(with.box.room_before(first.data.subview(1), 2) == nullptr);
    CHECK(with.box.room_before(bytes_view(first.data.data(), 6), 2) == nullptr);
    CHECK(with.box.room_before("first", 2) == nullptr);
    CHECK(with.box.room_before({}, 2) == nullptr);
    const message_view second = with.box.look();
    CHECK(with.box.room_before(first.data, 2) == nullptr);
    CHECK(with.box.room_before(second.data, 4) == second.data.data() - 4);
    const std::span<const message_view> batch = with.box.look_at_batch();
    REQUIRE(texts(batch) == std::vector<std::string>{"", "last"});
    CHECK(with.box.room_before(batch.front().data, 2) == nullptr);
    CHECK(spoil_head(with.box, batch.back().data));
    CHECK(texts(batch) == std::vector<std::string>{"", "last"});
    const bytes_view last = batch.back().data;
    with.box.take_back();
    CHECK(with.box.room_before(last, 2) == nullptr);

    with.send(opcode::text, "put away");
    with.stow();
    REQUIRE(with.find());
    const message_view copy = with.box.look();
    CHECK(with.box.room_before(copy.data, 2) == nullptr);
}

TEST_CASE("a head has no room inside a part of a message, where another message lay before", "[websocket]") {
    mailbox with;
    with.receive(wire::frame(role::client, opcode::text, "0123456789") + wire::frame(role::client, opcode::text, "abc"));
    REQUIRE(with.find());
    const std::byte* const place = with.box.look_at_batch().back().data.data();
    CHECK(!with.find());
    with.box.take_back();
    with.send(opcode::text, std::string(30, 'p'), false);
    REQUIRE(with.find(wanted::part));
    const message_view part = with.box.look();
    REQUIRE(part.data.data() + 16 == place);
    CHECK(with.box.room_before(part.data.subview(16, 3), 2) == nullptr);
}

TEST_CASE("what was looked at stays until it is taken back, whatever arrives", "[websocket]") {
    mailbox with;
    with.send(opcode::text, "first");
    REQUIRE(with.find());
    const message_view shown = with.box.look();
    for (int i = 0; i < 100; ++i) {
        with.send(opcode::text, numbered(i, 5000));
        if (i % 3 == 0) with.stow();
    }
    CHECK(shown.str() == "first");
    for (int i = 0; i < 100; ++i) CHECK(with.take() == numbered(i, 5000));
    CHECK(with.take() == "nothing");
}

TEST_CASE("a batch is what lies whole in one block, 16 messages at most, up to a control frame", "[websocket]") {
    mailbox with;
    std::string bytes;
    for (int i = 0; i < 100; ++i) {
        bytes += wire::frame(role::client, opcode::text, numbered(i, 80));
        if (i == 41) bytes += wire::frame(role::client, opcode::ping, "between");
    }
    bytes += wire::frame(role::client, opcode::binary, "in two ", false);
    bytes += wire::frame(role::client, opcode::continuation, "pieces");
    bytes += wire::frame(role::client, opcode::binary, "behind");
    with.receive(bytes);
    std::vector<std::size_t> sizes;
    std::vector<std::string> all;
    while (with.find()) {
        const std::vector<std::string> some = texts(with.box.look_at_batch());
        sizes.push_back(some.size());
        all.insert(all.end(), some.begin(), some.end());
    }
    CHECK(sizes == std::vector<std::size_t>{16, 16, 10, 16, 16, 16, 10, 1, 1});  // what is in pieces lies elsewhere
    REQUIRE(all.size() == 102);
    for (int i = 0; i < 100; ++i) CHECK(all[static_cast<std::size_t>(i)] == numbered(i, 80));
    CHECK(all[100] == "in two pieces");
    CHECK(all[101] == "behind");
    CHECK(with.pings == "between");
}

TEST_CASE("a batch stays what it is while what lies behind it is put away", "[websocket]") {
    mailbox with;
    std::string bytes;
    for (int i = 0; i < 40; ++i) bytes += wire::frame(role::client, opcode::text, numbered(i, 300));
    with.receive(bytes);
    REQUIRE(with.find());
    const std::span<const message_view> shown = with.box.look_at_batch();
    REQUIRE(shown.size() == 16);
    with.stow();
    for (int i = 0; i < 16; ++i) CHECK(shown[static_cast<std::size_t>(i)].str() == numbered(i, 300));
    for (int i = 16; i < 40; ++i) CHECK(with.take() == numbered(i, 300));
    CHECK(!with.find());
}

TEST_CASE("who fills the memory that is lent is lent more, until less arrives", "[websocket]") {
    mailbox with;
    mailbox other;
    const std::size_t usual = with.box.lend().size();
    const std::string frame = wire::frame(role::client, opcode::binary, std::string(usual / 2, 'x'));
    std::string sent;
    while (sent.size() < 12 * usual) sent += frame;
    with.receive(std::string_view(sent).substr(0, usual - 1));
    CHECK(with.box.lend().size() == usual);
    with.receive(std::string_view(sent).substr(usual - 1, usual));
    CHECK(with.box.lend().size() == 4 * usual);
    CHECK(other.box.lend().size() == usual);
    with.receive(std::string_view(sent).substr(2 * usual - 1, 4 * usual));
    CHECK(with.box.lend().size() == 4 * usual);
    with.receive(std::string_view(sent).substr(6 * usual - 1));
    int count = 0;
    while (with.find()) count += static_cast<int>(with.box.take().data.size() == usual / 2);
    CHECK(count == static_cast<int>(sent.size() / frame.size()));
    with.send(opcode::binary, "little");
    CHECK(with.box.lend().size() == usual);
}

TEST_CASE("messages that were found together and not taken stay what they are while more arrives", "[websocket]") {
    mailbox with;
    std::string bytes;
    for (int i = 0; i < 5; ++i) bytes += wire::frame(role::client, opcode::text, numbered(i, 30));
    with.receive(bytes);
    CHECK(with.take() == numbered(0, 30));
    REQUIRE(with.box.has_run());
    bytes.clear();
    for (int i = 5; i < 10; ++i) bytes += wire::frame(role::client, opcode::text, numbered(i, 200));
    with.receive(bytes);
    std::array<mailbox, 4> others;  // use what memory is free
    for (mailbox& other : others) other.send(opcode::binary, std::string(240, '#'));
    for (int i = 1; i < 10; ++i) CHECK(with.take() == numbered(i, i < 5 ? 30 : 200));
    CHECK(!with.find());
}

TEST_CASE("messages that were found together behind a part are whole", "[websocket]") {
    mailbox with;
    with.send(opcode::text, "a part", false);
    CHECK(with.part() == "a part");
    with.send(opcode::continuation, "");
    CHECK(with.part().empty());
    with.receive(wire::frame(role::client, opcode::text, "one") + wire::frame(role::client, opcode::text, "two"));
    REQUIRE(with.find());
    with.stow();
    CHECK(with.take() == "one");
    CHECK(with.take() == "two");
    CHECK(!with.box.is_streaming());
}

TEST_CASE("no more messages are found together than there is room for in the queue", "[websocket]") {
    mailbox with(3, 1);
    std::string bytes;
    for (int i = 0; i < 10; ++i) bytes += wire::frame(role::client, opcode::text, numbered(i, 30));
    with.receive(bytes);
    REQUIRE(with.find());
    with.stow();
    CHECK(with.box.is_full());
    CHECK(with.box.has_loose_ends());  // the others wait in the input
    for (int i = 0; i < 3; ++i) CHECK(with.take() == numbered(i, 30));
    mailbox closing(3, 1);
    closing.receive(bytes);
    closing.stow(true);  // three go into the queue, seven are dropped
    for (int i = 0; i < 3; ++i) CHECK(closing.take() == numbered(i, 30));
    CHECK(!closing.find());
}

TEST_CASE("messages that were put away come one by one", "[websocket]") {
    mailbox with;
    for (int i = 0; i < 3; ++i) with.send(opcode::text, numbered(i, 5'000));
    with.stow();
    for (int i = 0; i < 3; ++i) {
        REQUIRE(with.find());
        CHECK(texts(with.box.look_at_batch()) == std::vector<std::string>{numbered(i, 5'000)});
    }
    CHECK(!with.find());
}

TEST_CASE("a message that was found stays what it is while more arrives", "[websocket]") {
    for (const std::size_t size : {3U, 300U, 6'000U}) {
        for (const bool in_pieces : {false, true}) {
            CAPTURE(size, in_pieces);
            mailbox with;
            const std::string first(size, 'f');
            if (in_pieces) {
                with.send(opcode::binary, first.substr(0, 1), false);
                with.send(opcode::continuation, first.substr(1));
            } else {
                with.send(opcode::binary, first);
            }
            REQUIRE(with.find());
            for (int i = 0; i < 10; ++i) with.send(opcode::binary, numbered(i, size));
            CHECK(with.take() == first);
            for (int i = 0; i < 10; ++i) CHECK(with.take() == numbered(i, size));
        }
    }
}

TEST_CASE("the queue is full at the high mark, and low at the low one", "[websocket]") {
    mailbox with(3, 1);
    for (int i = 0; i < 6; ++i) with.send(opcode::text, std::to_string(i));
    CHECK(!with.box.is_full());  // nothing has been looked at
    with.stow();
    CHECK(with.box.is_full());
    CHECK(with.box.has_loose_ends());
    with.stow();
    CHECK(with.take() == "0");
    CHECK((!with.box.is_full() && !with.box.is_low()));
    CHECK(with.take() == "1");
    CHECK(with.box.is_low());
    with.stow();
    CHECK(with.box.is_full());
    for (int i = 2; i < 6; ++i) CHECK(with.take() == std::to_string(i));
    CHECK(with.take() == "nothing");
}

TEST_CASE("without a high mark it is never full", "[websocket]") {
    mailbox with(0, 0);
    for (int i = 0; i < 10'000; ++i) with.send(opcode::text, "x");
    with.stow();
    CHECK(!with.box.is_full());
    CHECK(!with.box.has_loose_ends());
}

TEST_CASE("the rest is dropped when that is asked for, and control frames come through", "[websocket]") {
    mailbox with(2, 1);
    for (int i = 0; i < 5; ++i) with.send(opcode::text, std::to_string(i));
    with.send(opcode::ping, "behind");
    with.stow();
    CHECK(with.pings.empty());
    with.stow(true);
    CHECK(with.pings == "behind");
    CHECK(with.take() == "0");
    CHECK(with.take() == "1");
    CHECK(with.take() == "nothing");
}

TEST_CASE("at the end everything goes into the queue, also beyond its limit", "[websocket]") {
    mailbox with(2, 1);
    for (int i = 0; i < 5; ++i) with.send(opcode::text, std::to_string(i));
    with.stow();
    with.box.feed_eof();
    with.box.stow_all(with.note());
    CHECK(with.endpoint.fault());
    for (int i = 0; i < 5; ++i) CHECK(with.take() == std::to_string(i));
    CHECK(with.take() == "nothing");
}

TEST_CASE("a message can be looked at before it is taken", "[websocket]") {
    mailbox with;
    with.send(opcode::text, "now");
    REQUIRE(with.find());
    CHECK((with.box.peek().is_text && with.box.peek().str() == "now"));
    with.stow();
    CHECK(with.box.peek().str() == "now");
    CHECK(with.take() == "now");
}

TEST_CASE("a large message comes in the parts in which it arrives", "[websocket]") {
    mailbox with;
    const std::string frame = wire::frame(role::client, opcode::text, std::string(100'000, 'x'));
    with.send(opcode::text, "before");
    CHECK(with.part() == "before");
    CHECK(!with.box.is_streaming());
    std::string joined;
    for (std::size_t at = 0; at < frame.size(); at += 10'000) {
        with.receive(std::string_view(frame).substr(at, 10'000));
        const std::string part = with.part();
        CHECK((!part.empty() && part.size() <= 10'000));
        joined += part;
        CHECK(with.box.is_streaming() == (joined.size() != 100'000));
    }
    CHECK(joined == std::string(100'000, 'x'));
    with.send(opcode::text, "after");
    CHECK(with.part() == "after");
}

TEST_CASE("parts that nobody asks for are collected, and nothing is lost", "[websocket]") {
    mailbox with;
    const std::string payload(50'000, 'x');
    const std::string frame = wire::frame(role::client, opcode::text, payload) +
                              wire::frame(role::client, opcode::text, "next");
    std::string joined;
    for (std::size_t at = 0; at < frame.size(); at += 1'000) {
        with.receive(std::string_view(frame).substr(at, 1'000));
        if (at % 10'000 == 0) joined += with.part();
        with.stow();
    }
    while (joined.size() < payload.size()) joined += with.part();
    CHECK(joined == payload);
    CHECK(with.take() == "next");
}

TEST_CASE("a part that was found and not taken is the beginning of a message again", "[websocket]") {
    for (const bool put_away : {false, true}) {
        mailbox with;
        const std::string frame = wire::frame(role::client, opcode::text, std::string(10'000, 'y'));
        with.receive(std::string_view(frame).substr(0, 6'000));
        REQUIRE(with.find(wanted::part));
        if (put_away) with.stow();
        CHECK(with.take() == "nothing");
        with.receive(std::string_view(frame).substr(6'000));
        CHECK(with.take() == std::string(10'000, 'y'));
    }
}

TEST_CASE("a part that was put away is given to the next who wants parts", "[websocket]") {
    mailbox with;
    const std::string frame = wire::frame(role::client, opcode::text, std::string(10'000, 'y'));
    with.receive(std::string_view(frame).substr(0, 6'000));
    REQUIRE(with.find(wanted::part));
    with.stow();
    std::string joined = with.part();
    CHECK(!joined.empty());
    with.receive(std::string_view(frame).substr(6'000));
    joined += with.part();
    CHECK(joined == std::string(10'000, 'y'));
    CHECK(!with.box.is_streaming());
}

TEST_CASE("the rest of a message that nobody wants any more is dropped", "[websocket]") {
    for (const int when : {0, 1, 2}) {
        CAPTURE(when);
        mailbox with;
        const std::string frame = wire::frame(role::client, opcode::text, std::string(30'000, 'z')) +
                                  wire::frame(role::client, opcode::text, "next");
        with.receive(std::string_view(frame).substr(0, 10'000));
        CHECK(with.part().size() > 9'000);
        if (when == 0) with.box.end_stream();
        with.receive(std::string_view(frame).substr(10'000, 10'000));
        if (when == 1) with.find(wanted::part);
        if (when == 2) with.stow();
        if (when != 0) with.box.end_stream();
        with.receive(std::string_view(frame).substr(20'000));
        CHECK(with.take() == "next");
    }
}

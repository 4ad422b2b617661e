// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/buffered_protocol.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "io/fakes.hpp"
#include "support/catch.hpp"

namespace aioxx {
namespace {

// Lends a buffer of a given size, and collects what is put into it.
class collecting : public buffered_protocol {
public:
    explicit collecting(std::size_t size) : lent(size, '?') {}

    mutable_bytes_view get_buffer(std::size_t size_hint) override {
        hints.push_back(size_hint);
        std::fill(lent.begin(), lent.end(), '?');
        return lent;
    }
    void buffer_updated(std::size_t count) override {
        counts.push_back(count);
        received += lent.substr(0, count);
        if (counts.size() == throw_at) throw std::runtime_error("enough");
    }

    std::string lent;
    std::string received;
    std::vector<std::size_t> hints;
    std::vector<std::size_t> counts;
    std::size_t throw_at = 0;
};

}  // namespace

TEST_CASE("a block smaller than the buffer, as large, or larger is fed completely", "[io]") {
    const std::string text = "seven bytes, and then some";
    for (std::size_t size = 1; size <= text.size() + 1; ++size) {
        CAPTURE(size);
        collecting receiver(size);
        feed(receiver, text);
        CHECK(receiver.received == text);
        CHECK(receiver.counts.size() == (text.size() + size - 1) / size);
        CHECK(std::all_of(receiver.counts.begin(), receiver.counts.end(),
                          [&](std::size_t count) { return count >= 1 && count <= size; }));
    }
}

TEST_CASE("the size hint of a fed block is what is left of it", "[io]") {
    collecting receiver(4);
    feed(receiver, "0123456789");
    CHECK(receiver.hints == std::vector<std::size_t>{10, 6, 2});
    CHECK(receiver.counts == std::vector<std::size_t>{4, 4, 2});
}

TEST_CASE("feeding no bytes calls nothing", "[io]") {
    collecting receiver(4);
    feed(receiver, "");
    CHECK(receiver.hints.empty());
    CHECK(receiver.counts.empty());
}

TEST_CASE("feeding puts nothing behind the bytes that it reports", "[io]") {
    collecting receiver(8);
    feed(receiver, "abc");
    CHECK(receiver.lent == "abc?????");
}

TEST_CASE("an empty buffer is an error that names get_buffer (ST017)", "[io]") {
    collecting receiver(0);
    try {
        feed(receiver, "bytes");
        FAIL("an empty buffer was accepted");
    } catch (const invalid_state_error& error) {
        CHECK(std::string(error.what()).find("get_buffer") != std::string::npos);
        CHECK(std::string(error.what()).find("at least one byte") != std::string::npos);
    }
    CHECK(receiver.counts.empty());
    CHECK_THROWS_AS(lend_buffer(receiver, 0), invalid_state_error);
}

TEST_CASE("what buffer_updated throws ends the feeding and reaches the caller", "[io]") {
    collecting receiver(2);
    receiver.throw_at = 2;
    CHECK_THROWS_AS(feed(receiver, "abcdef"), std::runtime_error);
    CHECK(receiver.received == "abcd");
    CHECK(receiver.hints.size() == 2);
}

TEST_CASE("lend_buffer passes the hint on and the memory back", "[io]") {
    collecting receiver(3);
    const mutable_bytes_view lent = lend_buffer(receiver, 17);
    CHECK(receiver.hints == std::vector<std::size_t>{17});
    CHECK(static_cast<void*>(lent.data()) == receiver.lent.data());
    CHECK(lent.size() == 3);
}

TEST_CASE("the inherited callbacks of a buffered_protocol are harmless, and eof closes (FC011)", "[io]") {
    fake_transport made;
    collecting served(1);
    served.connection_made(made);
    served.pause_writing();
    served.resume_writing();
    CHECK_FALSE(served.eof_received());
    served.connection_lost(nullptr);
    CHECK(made.calls.empty());
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/deflate.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using aioxx::bytearray;
using aioxx::bytes_view;
using wire::hex;

namespace {

using outcome = inflater::result;

constexpr std::uint64_t plenty = 1U << 30;

std::string compressed(deflater& to, std::string_view data, bool last = true) {
    bytearray payload;
    to.compress(data, last, payload);
    return wire::str(payload.view());
}

std::string inflated(inflater& from, std::string_view payload, std::uint64_t limit = plenty) {
    bytearray message;
    switch (from.inflate(payload, true, message, limit)) {
        case outcome::good:
            return wire::str(message.view());
        case outcome::invalid:
            return "(invalid)";
        case outcome::too_big:
            return "(too big)";
    }
    return "(unknown)";
}

std::string inflated_alone(std::string_view payload, int window_bits = 15) {
    inflater fresh(window_bits);
    return inflated(fresh, payload);
}

std::string random_bytes(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::string bytes(size, '\0');
    for (char& c : bytes)
        c = static_cast<char>(random());
    return bytes;
}

// Words that come again, near and far.
std::string some_words(std::size_t size, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::string text;
    while (text.size() < size)
        text += "word" + std::to_string(random() % 500) + " ";
    text.resize(size);
    return text;
}

}  // namespace

TEST_CASE("the examples of RFC 7692 inflate", "[websocket]") {
    CHECK(inflated_alone(hex("f2 48 cd c9 c9 07 00")) == "Hello");  // 7.2.3.1
    inflater shared;                                                // 7.2.3.2: with context takeover
    CHECK(inflated(shared, hex("f2 48 cd c9 c9 07 00")) == "Hello");
    CHECK(inflated(shared, hex("f2 00 11 00 00")) == "Hello");
    CHECK(inflated_alone(hex("00 05 00 fa ff 48 65 6c 6c 6f 00")) == "Hello");  // 7.2.3.3: not compressed
    CHECK(inflated_alone(hex("f3 48 cd c9 c9 07 00 00")) == "Hello");           // 7.2.3.4: with BFINAL
    CHECK(inflated_alone(hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")) == "Hello");  // 7.2.3.5: two blocks
    CHECK(inflated_alone(hex("00")) == "");                                           // 7.2.3.6
}

TEST_CASE("a message is compressed as in RFC 7692", "[websocket]") {
    deflater shared(15);
    CHECK(compressed(shared, "Hello") == hex("f2 48 cd c9 c9 07 00"));
    CHECK(compressed(shared, "Hello") == hex("f2 00 11 00 00"));
    CHECK(compressed(shared, "") == hex("00"));
    CHECK(compressed(shared, "") == hex("00"));
    CHECK(compressed(shared, "Hello").size() < 7);
    deflater forgetful(15, true);
    for (int i = 0; i != 3; ++i)
        CHECK(compressed(forgetful, "Hello") == hex("f2 48 cd c9 c9 07 00"));
}

TEST_CASE("messages come back, with every window, level and memory level", "[websocket]") {
    const std::string words = some_words(20'000);
    const std::string noise = random_bytes(5000, 7);
    for (int bits = 8; bits <= 15; ++bits) {
        for (int level : {-1, 0, 1, 6, 9}) {
            for (int memory : {1, 5, 9}) {
                for (bool forget : {false, true}) {
                    CAPTURE(bits, level, memory, forget);
                    deflater out(bits, forget, {.memory_level = memory, .level = level});
                    inflater in(bits, forget);
                    for (const std::string& message :
                         {words, std::string(), noise, std::string("x"), words}) {
                        const bool same = inflated(in, compressed(out, message)) == message;
                        CHECK(same);
                    }
                }
            }
        }
    }
}

TEST_CASE("a window of 8 bits is kept to by the compressor", "[websocket]") {
    // One byte of output at a time, so that every reference goes to the inflater's window, which has 256
    // bytes.
    const auto strictly = [](std::string_view payload) {
        z_stream stream{};
        REQUIRE(inflateInit2(&stream, -8) == Z_OK);
        std::string text;
        const std::string whole = std::string(payload) + hex("00 00 ff ff");
        detail::set_input(stream, bytes_view(whole));
        for (;;) {
            std::byte one{};
            detail::set_output(stream, {&one, 1});
            const int code = ::inflate(&stream, Z_SYNC_FLUSH);
            if (stream.avail_out != 0) {
                if (code == Z_DATA_ERROR) text = "(invalid)";
                break;
            }
            text += static_cast<char>(one);
        }
        inflateEnd(&stream);
        return text;
    };
    for (int level : {1, 3, 6, 9}) {
        for (unsigned seed = 1; seed != 20; ++seed) {
            CAPTURE(level, seed);
            // Short random texts repeated at distances around 256 tempt it to refer back as far as it can.
            std::string text;
            for (std::size_t distance = 240; distance <= 270; ++distance)
                text += random_bytes(distance, seed) + random_bytes(distance, seed);
            text += some_words(5000, seed);
            deflater eight(8, false, {.level = level});
            const bool kept = strictly(compressed(eight, text)) == text;
            CHECK(kept);
        }
    }
    deflater ten(10);  // the check above notices a window that is too large
    const std::string repeated = random_bytes(500, 1) + random_bytes(500, 1);
    CHECK(strictly(compressed(ten, repeated)) == "(invalid)");
}

TEST_CASE("a compressor's window is not larger than agreed", "[websocket]") {
    const std::string repeated = random_bytes(3000, 1) + random_bytes(3000, 1);
    deflater small(11);
    deflater large(12);
    CHECK(compressed(small, repeated).size() > 5900);
    CHECK(compressed(large, repeated).size() < 3200);
}

TEST_CASE("a message in fragments inflates as one", "[websocket]") {
    const std::string words = some_words(3000);
    for (std::size_t size : {1U, 7U, 1000U, 3000U}) {
        CAPTURE(size);
        deflater out(12);
        inflater in(12);
        for (int round = 0; round != 2; ++round) {
            bytearray message;
            for (std::size_t at = 0; at < words.size(); at += size) {
                const std::string payload = compressed(out, std::string_view(words).substr(at, size), false);
                CHECK(in.inflate(payload, false, message, plenty) == outcome::good);
                CHECK(message.size() == std::min(at + size, words.size()));  // nothing waits for more
            }
            CHECK(compressed(out, "", false) == "");
            CHECK(in.inflate(compressed(out, "", true), true, message, plenty) == outcome::good);
            CHECK(message.view() == bytes_view(words));
        }
    }
}

TEST_CASE("a payload inflates the same however it is cut", "[websocket]") {
    deflater out(15);
    const std::string words = some_words(2000);
    const std::string payload = compressed(out, words);
    for (const auto& pieces : wire::cuts(payload)) {
        inflater in(15);
        bytearray message;
        for (std::size_t i = 0; i != pieces.size(); ++i)
            CHECK(in.inflate(pieces[i], i + 1 == pieces.size(), message, plenty) == outcome::good);
        CHECK(message.view() == bytes_view(words));
    }
}

TEST_CASE("inflating stops one byte beyond the limit", "[websocket]") {
    deflater out(15, true);
    const std::string bomb = compressed(out, std::string(10'000'000, '\0'));
    CHECK(bomb.size() < 20'000);
    for (std::uint64_t limit : {0U, 1U, 63U, 64U, 65U, 1000U, 65536U, 100'000U}) {
        CAPTURE(limit);
        inflater in;
        bytearray message;
        CHECK(in.inflate(bomb, true, message, limit) == outcome::too_big);
        CHECK(message.size() == limit + 1);
        CHECK(message.capacity() <= 4 * limit + 200'000);
    }
    for (std::size_t size : {0U, 1U, 63U, 64U, 65U, 1000U, 65535U, 65536U, 65537U}) {
        CAPTURE(size);
        const std::string message(size, 'a');
        const std::string payload = compressed(out, message);
        inflater in(15, true);
        CHECK((inflated(in, payload, size) == message));
        CHECK((inflated(in, payload, size + 1) == message));
        if (size != 0) CHECK(inflated(in, payload, size - 1) == "(too big)");
    }
}

TEST_CASE("blocks with BFINAL end nothing, the context stays", "[websocket]") {
    inflater in;
    CHECK(inflated(in, hex("f3 48 cd c9 c9 07 00 00")) == "Hello");
    CHECK(inflated(in, hex("f2 00 11 00 00")) == "Hello");        // refers to the message before
    CHECK(inflated(in, hex("f3 48 cd c9 c9 07 00")) == "Hello");  // nothing at all behind the block
    CHECK(inflated(in, hex("f2 00 11 00 00")) == "Hello");
    CHECK(inflated(in, hex("f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00 00")) == "HelloHello");
    bytearray message;  // byte by byte
    for (char c : hex("f3 48 cd c9 c9 07 00 f2 00 11 00 00"))
        CHECK(in.inflate(std::string(1, c), false, message, plenty) == outcome::good);
    CHECK(in.inflate({}, true, message, plenty) == outcome::good);
    CHECK(message.view() == bytes_view("HelloHello"));
    const std::string noise = random_bytes(30'000, 1);  // the whole window stays
    deflater out(15);
    inflater again(15);
    const std::string first = compressed(out, noise);
    CHECK((inflated(again, first) == noise));
    CHECK(inflated(again, hex("03 00 03 00 03 00 00")) == "");  // three times nothing, with BFINAL
    const std::string second = compressed(out, noise);
    CHECK(second.size() < 1000);
    CHECK((inflated(again, second) == noise));
    inflater forgetful(15, true);
    CHECK(inflated(forgetful, hex("f3 48 cd c9 c9 07 00 00")) == "Hello");
    CHECK(inflated(forgetful, hex("f2 00 11 00 00")) == "(invalid)");
}

TEST_CASE("what is no deflate stream is refused", "[websocket]") {
    CHECK(inflated_alone(hex("ff ff ff")) == "(invalid)");                          // no such block type
    CHECK(inflated_alone(hex("f2 00 11 00 00")) == "(invalid)");                    // refers to nothing
    CHECK(inflated_alone(hex("00 05 00 05 00 48 65 6c 6c 6f 00")) == "(invalid)");  // lengths that differ
    CHECK(inflated_alone("") == "(invalid)");                                       // 7.2.3.6 wants a block
    CHECK(inflated_alone(hex("f2 48 cd c9 c9")) == "(invalid)");                    // ends inside a block
    CHECK(inflated_alone(hex("00 20 00 df ff 48")) == "(invalid)");                 // and of another type
    CHECK(inflated_alone(hex("f2 48 cd c9 c9 07")) == "(invalid)");                 // without its last byte
}

TEST_CASE("references beyond the agreed window are refused", "[websocket]") {
    const std::string text = random_bytes(3000, 1);
    deflater out(15);
    const std::string first = compressed(out, text);
    const std::string second = compressed(out, text);
    CHECK(second.size() < 100);
    inflater small(10);
    CHECK((inflated(small, first) == text));
    CHECK(inflated(small, second) == "(invalid)");
    inflater large(12);
    CHECK((inflated(large, first) == text));
    CHECK((inflated(large, second) == text));
}

TEST_CASE("compression has no memory before its first use, and after it without context takeover",
          "[websocket]") {
    deflater out(15);
    inflater in(15);
    CHECK_FALSE(out.is_allocated());
    CHECK_FALSE(in.is_allocated());
    CHECK(inflated(in, compressed(out, "x")) == "x");
    CHECK(out.is_allocated());
    CHECK(in.is_allocated());
    deflater forgetful(15, true);
    inflater forgetful_too(15, true);
    const std::string start = compressed(forgetful, "He", false);
    CHECK(forgetful.is_allocated());
    bytearray message;
    CHECK(forgetful_too.inflate(start, false, message, plenty) == outcome::good);
    CHECK(forgetful_too.is_allocated());
    CHECK(forgetful_too.inflate(compressed(forgetful, "llo"), true, message, plenty) == outcome::good);
    CHECK(message.view() == bytes_view("Hello"));
    CHECK_FALSE(forgetful.is_allocated());
    CHECK_FALSE(forgetful_too.is_allocated());
}

TEST_CASE("a compressor may forget at any time, the other end does not notice", "[websocket]") {
    deflater out(15);
    inflater in(15);
    const std::string words = some_words(1000);
    bytearray message;
    for (int i = 0; i != 3; ++i) {
        CHECK((inflated(in, compressed(out, words)) == words));
        out.release_memory();
        CHECK_FALSE(out.is_allocated());
    }
    CHECK(in.inflate(compressed(out, "Hello ", false), false, message, plenty) == outcome::good);
    out.release_memory();
    CHECK(in.inflate(compressed(out, "Hello", true), true, message, plenty) == outcome::good);
    CHECK(message.view() == bytes_view("Hello Hello"));
}

TEST_CASE("any input to an inflater is good, invalid or too big", "[websocket]") {
    int good = 0;
    for (unsigned seed = 0; seed != 3000; ++seed) {
        inflater in(8 + static_cast<int>(seed % 8), seed % 2 == 0);
        std::string payload = random_bytes(1 + seed % 40, seed);
        payload[0] = static_cast<char>(payload[0] & ~7);  // a stored block
        bytearray message;
        const outcome result = in.inflate(payload, true, message, 100);
        CHECK(message.size() <= 101);
        CHECK((result == outcome::too_big) == (message.size() == 101));
        good += result == outcome::good ? 1 : 0;
    }
    CHECK(good < 3000);
}

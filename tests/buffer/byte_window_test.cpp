// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/byte_window.hpp>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

std::string text_of(std::size_t size, std::size_t seed) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i + seed) % 26);
    return text;
}

}  // namespace

TEST_CASE("a window agrees with a std::string on random steps", "[buffer]") {
    std::mt19937 random(5);
    byte_window window;
    std::string model;
    for (int step = 0; step < 20'000; ++step) {
        CAPTURE(step);
        const std::string text = text_of(random() % (random() % 16 == 0 ? 5000 : 100), random() % 26);
        switch (random() % 6) {
            case 0:
            case 1:
                window.append(text);
                model += text;
                break;
            case 2: {
                const mutable_bytes_view room = window.prepare(text.size());
                REQUIRE(room.size() >= text.size());
                std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), room.data());
                window.commit(text.size());
                model += text;
                break;
            }
            case 3:
                window.prepend(text);
                model.insert(0, text);
                break;
            case 4: {
                const std::size_t count = random() % (model.size() + 1);
                window.consume(count);
                model.erase(0, count);
                break;
            }
            default:
                if (random() % 4 == 0) window.consume(model.size()), model.clear();
                window.release_memory();
        }
        REQUIRE(window.size() == model.size());
        REQUIRE(window.empty() == model.empty());
        REQUIRE(window.view().str() == model);
    }
}

TEST_CASE("a window has no block before the first byte and after release_memory", "[buffer]") {
    byte_window window;
    CHECK(window.capacity() == 0);
    window.release_memory();
    window.append("");
    CHECK(window.capacity() == 0);
    window.append("abc");
    CHECK(window.capacity() >= 3);
    window.release_memory();  // not while there is content
    CHECK(window.view() == "abc");
    window.consume(3);
    CHECK(window.capacity() != 0);
    window.release_memory();
    CHECK(window.capacity() == 0);
}

TEST_CASE("a window that is appended to and consumed by turns stays as large as it was", "[buffer]") {
    byte_window window;
    const std::string text = text_of(100, 3);
    for (int i = 0; i < 5; ++i) window.append(text);
    std::size_t most = 0;
    for (int i = 0; i < 1000; ++i) {
        window.append(text);
        window.consume(100);
        most = std::max(most, window.capacity());
    }
    CHECK(most <= 2048);
    CHECK(window.size() == 500);
}

TEST_CASE("little content leaves a large block, much stays", "[buffer]") {
    byte_window window;
    window.append(text_of(40'000, 1));
    window.consume(39'000);
    window.release_memory();
    CHECK(window.capacity() >= 40'000);
    window.consume(990);
    window.release_memory();
    CHECK(window.capacity() < 1000);
    CHECK(window.view().str() == text_of(40'000, 1).substr(39'990));
}

// SPDX-License-Identifier: BSL-1.0

// An async generator and a pipe of steps: items come when they are ready, each step is a function, and the consumer
// at the end takes what it wants. The generator is closed then, and may wait while it cleans up.

#include <chrono>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>

using namespace std::chrono_literals;

aioxx::async_generator<int> ticks() {
    bool closing = false;
    try {
        for (int number = 1;; ++number) {
            co_await aioxx::sleep(1ms);
            co_yield number;
        }
    } catch (const aioxx::generator_exit&) {
        closing = true;
    }
    if (closing) co_await aioxx::sleep(1ms);
    std::cout << "the generator is closed" << std::endl;
}

bool is_odd(int number) { return number % 2 == 1; }

std::string in_words(int number) { return "tick " + std::to_string(number); }

void print(const std::string& line) { std::cout << line << std::endl; }

aioxx::coro<> generator_pipe() {
    using namespace aioxx::generators;
    co_await (ticks() | filter(is_odd) | take(3) | map(in_words) | for_each(print));

    auto numbers = ticks();  // the same by hand
    while (const auto number = co_await numbers.next()) {
        if (*number == 2) break;
        print(in_words(*number));
    }
    co_await numbers.aclose();
}

int main() { aioxx::run(generator_pipe()); }

// SPDX-License-Identifier: BSL-1.0
// tests/install/main.cpp: a program of somebody else, as small as one that uses a loop can be.

#include <cstdio>

#include <aioxx/aioxx.hpp>

aioxx::coro<int> answer() {
    co_await aioxx::sleep(std::chrono::milliseconds(1));
    co_return 42;
}

int main() {
    const int value = aioxx::run(answer());
    std::printf("%d\n", value);
    return value == 42 ? 0 : 1;
}

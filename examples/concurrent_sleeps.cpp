// SPDX-License-Identifier: BSL-1.0

// Waiting at the same time: the tasks of a group overlap, and the group ends when all of them have.
// Two sleeps and a blocking call on a worker thread take as long as the longest of them.

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include <aioxx/aioxx.hpp>

using namespace std::chrono_literals;

aioxx::coro<> say_after(std::chrono::milliseconds delay, std::string what) {
    co_await aioxx::sleep(delay);
    std::cout << what << std::endl;
}

int blocking_call() {
    std::this_thread::sleep_for(300ms);
    return 42;
}

aioxx::coro<> compute() {
    const int answer = co_await aioxx::to_thread(blocking_call);
    std::cout << "the thread says " << answer << std::endl;
}

aioxx::coro<> concurrent_sleeps() {
    const auto begin = std::chrono::steady_clock::now();
    co_await aioxx::with_task_group([](aioxx::task_group& group) -> aioxx::coro<> {
        group.create_task(say_after(200ms, "world"));
        group.create_task(say_after(100ms, "hello"));
        group.create_task(compute());
        std::cout << "started" << std::endl;
        co_return;
    });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    std::cout << "all done after " << taken.count() << " s, not 0.6 s" << std::endl;
}

int main() { aioxx::run(concurrent_sleeps()); }

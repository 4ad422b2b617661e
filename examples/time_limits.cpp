// SPDX-License-Identifier: BSL-1.0

// Limits of time: as an error, as an empty answer, and one that is moved while the work makes progress.

#include <chrono>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>

using namespace std::chrono_literals;

aioxx::coro<std::string> answer_after(std::chrono::milliseconds delay) {
    co_await aioxx::sleep(delay);
    co_return "an answer";
}

aioxx::coro<> work_in_parts(aioxx::timeout_scope& limit) {
    for (int part = 1; part <= 3; ++part) {
        co_await aioxx::sleep(20ms);
        std::cout << "part " << part << std::endl;
        limit.reschedule(aioxx::get_running_loop().time() + 10s);  // there is progress
    }
}

aioxx::coro<> time_limits() {
    try {
        co_await aioxx::wait_for(answer_after(1h), 10ms);
    } catch (const aioxx::timeout_error&) {
        std::cout << "wait_for: too late" << std::endl;
    }

    for (const auto delay : {std::chrono::milliseconds(1), std::chrono::milliseconds(3'600'000)}) {
        const auto answer = co_await aioxx::move_on_after(delay == 1ms ? 10s : 10ms, answer_after(delay));
        std::cout << "move_on_after: " << answer.value_or("nothing, and on we go") << std::endl;
    }

    aioxx::timeout_scope limit(10s);
    co_await limit.run(work_in_parts(limit));
    std::cout << "in time: " << std::boolalpha << !limit.expired() << std::endl;
}

int main() { aioxx::run(time_limits()); }

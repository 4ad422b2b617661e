// SPDX-License-Identifier: BSL-1.0

// A queue of jobs and three workers: the queue is short, so that the producer waits when the workers are behind,
// and its shutdown lets them end after the last job.

#include <chrono>
#include <iostream>
#include <vector>

#include <aioxx/aioxx.hpp>

using namespace std::chrono_literals;

aioxx::coro<> work(aioxx::queue<int>& jobs, std::vector<int>& results) {
    try {
        for (;;) {
            const int number = co_await jobs.get();
            co_await aioxx::sleep(1ms);  // stands for the work
            results.push_back(number * number);
            jobs.task_done();
        }
    } catch (const aioxx::queue_shut_down&) {  // nothing is left
    }
}

aioxx::coro<> worker_queue() {
    aioxx::queue<int> jobs(2);
    std::vector<int> results;
    co_await aioxx::with_task_group([&](aioxx::task_group& group) -> aioxx::coro<> {
        for (int i = 0; i < 3; ++i) group.create_task(work(jobs, results));
        for (int number = 1; number <= 10; ++number) co_await jobs.put(number);
        co_await jobs.join();
        std::cout << "all jobs are done" << std::endl;
        jobs.shutdown();
    });
    int sum = 0;
    for (const int result : results) sum += result;
    std::cout << results.size() << " results, their sum is " << sum << std::endl;
}

int main() { aioxx::run(worker_queue()); }

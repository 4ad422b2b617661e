// SPDX-License-Identifier: BSL-1.0

// tests/bench/sleeping_tasks.cpp: what a task costs in memory while it sleeps.
//
//   sleeping_tasks [COUNT]    a million by default
//
// Prints the resident memory for each task, and how much of it are the coroutine's frame and the task's state as the
// library asked for them.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <vector>

#include <unistd.h>

#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>

namespace {

std::vector<std::size_t> sizes;  // of what the first task asked for
bool counting = false;

void* allocate(std::size_t size) {
    if (counting) sizes.push_back(size);
    return ::operator new(size);
}
void deallocate(void* block, std::size_t) noexcept { ::operator delete(block); }

std::size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

aioxx::coro<> sleeper() { co_await aioxx::sleep(std::chrono::hours(1)); }

aioxx::coro<> measure(std::size_t count) {
    counting = true;
    aioxx::create_task(sleeper());
    counting = false;
    co_await aioxx::sleep(std::chrono::milliseconds(1));
    const std::size_t before = resident_bytes();
    for (std::size_t number = 0; number < count; ++number) aioxx::create_task(sleeper());
    co_await aioxx::sleep(std::chrono::milliseconds(1));
    const std::size_t after = resident_bytes();
    std::printf("%zu sleeping tasks: %.0f bytes each", count,
                static_cast<double>(after - before) / static_cast<double>(count));
    for (std::size_t index = 0; index < sizes.size(); ++index) {
        std::printf("%s %zu", index == 0 ? "; blocks asked for: frame" : ", state", sizes[index]);
    }
    std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
    aioxx::set_frame_memory({allocate, deallocate});
    aioxx::run(measure(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000));
}

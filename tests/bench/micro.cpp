// SPDX-License-Identifier: BSL-1.0

// tests/bench/micro.cpp: the coroutine table: nanoseconds of CPU time an operation, and the ratio to the
// hand-written limit. The libraries take turns in every round, and the median over the rounds counts.
//
//   micro [--rounds N]                    the table
//   micro --list                          the names of all libraries and operations
//   micro --one LIBRARY OPERATION COUNT   one operation, for a profiler or for counting instructions

#include "micro.hpp"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr const bench::operations* libraries[] = {&bench::raw, &bench::asio_awaitable, &bench::aioxx_tasks};
constexpr std::size_t library_count = std::size(libraries);

struct operation {
    const char* name;
    std::uint64_t (*bench::operations::*run)(std::size_t count);
};

constexpr operation operations[] = {
    {"await", &bench::operations::await},
    {"await_suspending", &bench::operations::await_suspending},
    {"spawn_join", &bench::operations::spawn_join},
    {"yield", &bench::operations::yield},
    {"queue", &bench::operations::queue},
    {"gather1000", &bench::operations::gather1000},
    {"lock", &bench::operations::lock},
    {"event", &bench::operations::event},
    {"timeout", &bench::operations::timeout},
    {"timer", &bench::operations::timer},
};

bool has(const bench::operations& library, const operation& what) {
    return library.*what.run != nullptr;
}

double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Returns: CPU nanoseconds for so many operations.
double measure(const bench::operations& library, const operation& what, std::size_t count) {
    const double begin = cpu_ns();
    const std::uint64_t sum = (library.*what.run)(count);
    const double end = cpu_ns();
    if (sum != bench::expected_sum(count)) {
        std::fprintf(stderr, "%s of %s did not do its work: sum %llu instead of %llu\n", what.name,
                     library.name, static_cast<unsigned long long>(sum),
                     static_cast<unsigned long long>(bench::expected_sum(count)));
        std::exit(1);
    }
    return end - begin;
}

// Returns: a number of operations that takes about 20 ms. Warms everything up on the way.
std::size_t calibrate(const bench::operations& library, const operation& what) {
    std::size_t count = 1;
    for (;;) {
        const double time = measure(library, what, count);
        if (time > 10e6) return static_cast<std::size_t>(static_cast<double>(count) * 20e6 / time) + 1;
        count *= 2;
    }
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

// Returns: for each library, the nanoseconds of each round.
std::vector<std::vector<double>> measure_rounds(const operation& what, std::size_t rounds) {
    std::size_t counts[library_count];
    for (std::size_t index = 0; index < library_count; ++index) {
        if (has(*libraries[index], what)) counts[index] = calibrate(*libraries[index], what);
    }
    std::vector<std::vector<double>> results(library_count);
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t turn = 0; turn < library_count; ++turn) {
            const std::size_t index = (round + turn) % library_count;
            if (!has(*libraries[index], what)) continue;
            const double time = measure(*libraries[index], what, counts[index]);
            results[index].push_back(time / static_cast<double>(counts[index]));
        }
    }
    return results;
}

// Rounds are compared within themselves, since the machine changes its speed between them.
double median_ratio(const std::vector<double>& limit, const std::vector<double>& times) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < limit.size(); ++round)
        ratios.push_back(limit[round] / times[round]);
    return median(std::move(ratios));
}

void print_table(std::size_t rounds) {
    std::printf("| operation |");
    for (const auto* library : libraries)
        std::printf(" %s |", library->name);
    std::printf("\n| --- |");
    for (std::size_t index = 0; index < library_count; ++index)
        std::printf(" --- |");
    for (const operation& what : operations) {
        std::printf("\n| %s |", what.name);
        const auto results = measure_rounds(what, rounds);
        for (const auto& times : results) {
            if (times.empty()) {
                std::printf(" |");
            } else if (results[0].empty()) {
                std::printf(" %.1f ns |", median(times));
            } else {
                std::printf(" %.2f (%.1f ns) |", median_ratio(results[0], times), median(times));
            }
        }
        std::fflush(stdout);
    }
    std::printf("\n");
}

void list() {
    for (const operation& what : operations) {
        for (const auto* library : libraries) {
            if (has(*library, what)) std::printf("%s %s\n", library->name, what.name);
        }
    }
}

[[noreturn]] void usage() {
    std::fputs("usage: micro [--rounds N] | --list | --one LIBRARY OPERATION COUNT\n", stderr);
    std::exit(2);
}

int run_one(std::string_view library_name, std::string_view name, std::size_t count) {
    for (const auto* library : libraries) {
        for (const operation& what : operations) {
            if (library_name != library->name || name != what.name || !has(*library, what)) continue;
            measure(*library, what, count);
            return 0;
        }
    }
    usage();
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    if (arguments.empty()) {
        print_table(15);
    } else if (arguments[0] == "--rounds" && argc == 3 && std::atol(argv[2]) > 0) {
        print_table(static_cast<std::size_t>(std::atol(argv[2])));
    } else if (arguments[0] == "--list" && argc == 2) {
        list();
    } else if (arguments[0] == "--one" && argc == 5) {
        return run_one(arguments[1], arguments[2], std::strtoul(argv[4], nullptr, 10));
    } else {
        usage();
    }
}

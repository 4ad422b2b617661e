// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/rounds.hpp: for programs that hold all their candidates: each round measures every one, in another order,
// and the median of the ratios to the first one, taken within a round, is printed.

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <vector>

#include "server.hpp"

namespace bench {

inline void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/// Takes what pin() did back.
inline void unpin() {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/// Seconds.
inline double now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

inline double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// Runs a function in a process of its own, which ends with it. Returns: its pid.
template <class Function>
pid_t in_child(int cpu, Function function) {
    const pid_t child = check(fork(), "fork");
    if (child != 0) return child;
    pin(cpu);
    function();
    std::_Exit(0);
}

/// Waits for a child that has to succeed. Returns: the CPU time that it took, in seconds.
inline double cpu_of(pid_t child) {
    rusage used{};
    int status = 0;
    check(wait4(child, &status, 0, &used), "wait4");
    if (status != 0) {
        std::fprintf(stderr, "a candidate failed with status %d\n", status);
        std::exit(1);
    }
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// What a candidate reached: operations a second, and a second of CPU time (0 where that is not measured).
struct reached {
    double rate = 0;
    double per_cpu = 0;
};

struct candidate {
    const char* name;
    std::function<reached()> measure;
};

/// Returns: the value of `--rounds N`.
inline int rounds_argument(int argc, char** argv, int usual) {
    if (argc == 1) return usual;
    if (argc == 3 && std::string_view(argv[1]) == "--rounds") return std::max(1, std::atoi(argv[2]));
    std::fprintf(stderr, "usage: %s [--rounds N]\n", argv[0]);
    std::exit(2);
}

/// Prints the head of a table.
inline void print_head(const char* what, const std::vector<const char*>& names) {
    std::printf("| %s |", what);
    for (const char* name : names) std::printf(" %s |", name);
    std::printf("\n|");
    for (std::size_t i = 0; i <= names.size(); ++i) std::printf(" --- |");
    std::printf("\n");
}

/// Measures all candidates in turn and prints a row: ratios of rates, in parentheses of CPU time, and the rates.
inline void print_row(const char* what, int rounds, double unit, const char* unit_name,
                      const std::vector<candidate>& candidates) {
    const std::size_t count = candidates.size();
    std::vector<std::vector<double>> rates(count), ratios(count), cpu(count);
    for (int round = 0; round < rounds; ++round) {
        std::vector<reached> results(count);
        for (std::size_t index = 0; index < count; ++index) {
            const std::size_t turn = (index + static_cast<std::size_t>(round)) % count;
            results[turn] = candidates[turn].measure();
        }
        for (std::size_t index = 0; index < count; ++index) {
            rates[index].push_back(results[index].rate);
            ratios[index].push_back(results[index].rate / results[0].rate);
            if (results[0].per_cpu > 0) cpu[index].push_back(results[index].per_cpu / results[0].per_cpu);
        }
    }
    std::printf("| %s |", what);
    for (std::size_t index = 0; index < count; ++index) {
        std::printf(" %.2f", median(ratios[index]));
        if (!cpu[index].empty()) std::printf(" (%.2f)", median(cpu[index]));
        std::printf(" %.0f %s |", median(rates[index]) / unit, unit_name);
    }
    std::printf("\n");
    std::fflush(stdout);
}

}  // namespace bench

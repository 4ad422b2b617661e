// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/lines.hpp: what the programs that read lines report: they read standard input, a pipe or a
// socket, to its end.

#include <time.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace bench {

/// Counts lines, and prints the CPU time of this process since its construction.
class line_counter {
public:
    /// Takes one line with or without its end, which is not counted as one of its bytes.
    void add(std::string_view line) {
        if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
        ++lines_;
        bytes_ += line.size();
    }

    void print() const {
        std::printf("{\"lines\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"time_ns\": %" PRId64
                    ", \"cpu_ns\": %" PRId64 "}\n",
                    lines_, bytes_, now(CLOCK_MONOTONIC) - time_, now(CLOCK_PROCESS_CPUTIME_ID) - cpu_);
    }

private:
    static std::int64_t now(clockid_t clock) {
        timespec time{};
        clock_gettime(clock, &time);
        return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    }

    std::uint64_t lines_ = 0;
    std::uint64_t bytes_ = 0;
    std::int64_t time_ = now(CLOCK_MONOTONIC);
    std::int64_t cpu_ = now(CLOCK_PROCESS_CPUTIME_ID);
};

}  // namespace bench

// SPDX-License-Identifier: BSL-1.0

// tests/bench/lines_aioxx_owned.cpp: lines by aioxx's next_line, each in memory of its own.

#include <aioxx/tasks/runner.hpp>

#include "lines.hpp"
#include "lines_aioxx.hpp"

namespace {

aioxx::coro<> read_lines() {
    const aioxx::stream input = co_await bench::open_input();
    bench::line_counter counter;
    while (auto line = co_await input.reader.next_line()) counter.add(line->str());
    counter.print();
}

}  // namespace

int main() { aioxx::run(read_lines()); }

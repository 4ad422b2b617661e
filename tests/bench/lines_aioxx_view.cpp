// SPDX-License-Identifier: BSL-1.0

// tests/bench/lines_aioxx_view.cpp: lines by aioxx's readline_view, looked at where they lie.

#include <aioxx/tasks/runner.hpp>

#include "lines.hpp"
#include "lines_aioxx.hpp"

namespace {

aioxx::coro<> read_lines() {
    const aioxx::stream input = co_await bench::open_input();
    bench::line_counter counter;
    for (;;) {
        const aioxx::bytes_view line = co_await input.reader.readline_view();
        if (line.empty()) break;
        counter.add(line.str());
    }
    counter.print();
}

}  // namespace

int main() { aioxx::run(read_lines()); }

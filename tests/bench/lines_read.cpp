// SPDX-License-Identifier: BSL-1.0

// tests/bench/lines_read.cpp: the limit of the lines table: read(2) into one buffer, memchr, no copy of a
// line except of one that a read cut in two.

#include "lines.hpp"
#include "server.hpp"

int main() {
    static char buffer[bench::buffer_size];
    bench::line_counter counter;
    std::size_t kept = 0;  // bytes of an unfinished line at the front
    for (;;) {
        const ssize_t count = read(STDIN_FILENO, buffer + kept, sizeof buffer - kept);
        if (count < 0) bench::fail("read");
        if (count == 0) break;
        const char* line = buffer;
        const char* const end = buffer + kept + count;
        const char* search = buffer + kept;
        while (const void* found = std::memchr(search, '\n', static_cast<std::size_t>(end - search))) {
            search = static_cast<const char*>(found) + 1;
            counter.add({line, search});
            line = search;
        }
        kept = static_cast<std::size_t>(end - line);
        if (kept == sizeof buffer) bench::fail("a line is longer than the buffer");
        std::memmove(buffer, line, kept);
    }
    counter.print();
}

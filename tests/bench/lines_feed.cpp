// SPDX-License-Identifier: BSL-1.0

// tests/bench/lines_feed.cpp: writes lines of 100 bytes to standard output, as fast as they are taken.

#include <unistd.h>

#include <algorithm>
#include <string>

#include "server.hpp"

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: lines_feed COUNT\n", stderr);
        return 2;
    }
    constexpr std::size_t line_size = 100;
    constexpr std::size_t lines_at_once = 2500;
    std::string block;
    for (std::size_t line = 0; line < lines_at_once; ++line)
        block += std::string(line_size - 1, 'x') + '\n';
    std::size_t left = std::strtoull(argv[1], nullptr, 10) * line_size;
    std::size_t at = 0;
    while (left > 0) {
        const std::size_t size = std::min(left, block.size() - at);
        const ssize_t written = write(STDOUT_FILENO, block.data() + at, size);
        if (written < 0) bench::fail("write");
        left -= static_cast<std::size_t>(written);
        at = (at + static_cast<std::size_t>(written)) % block.size();
    }
}

// SPDX-License-Identifier: BSL-1.0

// Copies standard input to standard output, line by line with numbers, whatever the two are: terminals, pipes, files.
//
//     stdin_to_stdout < FILE | less

#include <cstddef>
#include <exception>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>

aioxx::coro<> copy() {
    aioxx::stream_reader input = co_await aioxx::open_stdin();
    aioxx::stream_writer output = co_await aioxx::open_stdout();
    for (std::size_t number = 1;; ++number) {
        const auto line = co_await input.next_line();
        if (!line) break;
        const std::string text = std::to_string(number) + ": " + std::string(line->str());
        co_await output.send(text);
    }
    output.close();
    co_await output.wait_closed();
    if (output.exception()) std::rethrow_exception(output.exception());  // the disk is full, for example
}

int main() try {
    aioxx::run(copy());
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}

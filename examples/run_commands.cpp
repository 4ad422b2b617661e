// SPDX-License-Identifier: BSL-1.0

// Child processes: one that is run to its end with input and a deadline, and one whose two outputs are read line by
// line as they come.

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include <aioxx/aioxx.hpp>

using namespace std::chrono_literals;

aioxx::coro<> sort_words() {
    const std::vector<std::string> command{"sort"};
    aioxx::run_options options;
    options.input = "pear\napple\nplum\n";
    options.timeout = 5s;
    const aioxx::run_result sorted = co_await aioxx::run_process(command, options);
    std::cout << "sort returned " << sorted.returncode << ":\n" << sorted.output.str();
}

aioxx::coro<> follow() {
    const aioxx::process child = co_await aioxx::create_subprocess_shell("echo working; echo oops >&2; exit 3");
    auto lines = aioxx::output_lines(child);
    std::vector<std::string> said(2);
    while (auto line = co_await lines.next()) {
        const bool is_error = line->from == aioxx::output_origin::err;
        said[is_error] += (is_error ? "error: " : "output: ") + std::string(line->text.str());
    }
    const int returncode = co_await child.wait();
    std::cout << said[0] << said[1] << "it returned " << returncode << std::endl;
}

aioxx::coro<> run_commands() {
    co_await sort_words();
    co_await follow();
}

int main() { aioxx::run(run_commands()); }

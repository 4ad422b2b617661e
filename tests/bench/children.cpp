// SPDX-License-Identifier: BSL-1.0

// tests/bench/children.cpp: what child processes cost: the output of one through a pipe of 1 MiB, against a loop of read in
// C over a pipe of the same size; and starting one and waiting for its end, against posix_spawn and waitpid.
//
//   children [--rounds N]

#include <fcntl.h>
#include <spawn.h>

#include <cstdint>
#include <string>
#include <vector>

#include <aioxx/process/create.hpp>
#include <aioxx/tasks/runner.hpp>

#include "rounds.hpp"

extern char** environ;

namespace {

constexpr std::uint64_t amount = 2'000'000'000;
constexpr int starts = 300;

std::vector<std::string> producer() { return {"/usr/bin/head", "-c", std::to_string(amount), "/dev/zero"}; }

pid_t spawn_in_c(const std::vector<std::string>& arguments, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (output >= 0) posix_spawn_file_actions_adddup2(&actions, output, 1);
    std::vector<char*> argv;
    for (const std::string& each : arguments) argv.push_back(const_cast<char*>(each.c_str()));
    argv.push_back(nullptr);
    pid_t pid = -1;
    if (posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0) bench::fail("posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

void read_in_c() {
    int ends[2];
    bench::check(pipe2(ends, O_CLOEXEC), "pipe2");
    fcntl(ends[0], F_SETPIPE_SZ, 1024 * 1024);
    const pid_t child = spawn_in_c(producer(), ends[1]);
    close(ends[1]);
    std::vector<char> space(bench::buffer_size);
    std::uint64_t total = 0;
    for (;;) {
        const ssize_t count = read(ends[0], space.data(), space.size());
        if (count <= 0) break;
        total += static_cast<std::uint64_t>(count);
    }
    waitpid(child, nullptr, 0);
    if (total != amount) std::abort();
}

aioxx::coro<> read_output() {
    aioxx::process_options options;
    options.in = aioxx::stdio::devnull();
    options.err = aioxx::stdio::inherit();
    const aioxx::process child = co_await aioxx::create_subprocess_exec(producer(), options);
    std::uint64_t total = 0;
    for (;;) {
        const aioxx::bytes_view arrived = co_await child.out().read_view();
        if (arrived.empty()) break;
        total += arrived.size();
    }
    co_await child.wait();
    if (total != amount) std::abort();
}

void start_in_c() {
    const std::vector<std::string> arguments{"/bin/true"};
    for (int i = 0; i < starts; ++i) waitpid(spawn_in_c(arguments, -1), nullptr, 0);
}

aioxx::coro<> start_children() {
    aioxx::process_options options;
    options.in = options.out = options.err = aioxx::stdio::inherit();
    const std::vector<std::string> arguments{"/bin/true"};
    for (int i = 0; i < starts; ++i) {
        const aioxx::process child = co_await aioxx::create_subprocess_exec(arguments, options);
        co_await child.wait();
    }
}

// The children's CPU time counts, too: wait4 gives that of a process and of those that it has waited for.
template <class Function>
bench::reached measure(double operations, Function function) {
    const double begin = bench::now();
    const double cpu = bench::cpu_of(bench::in_child(0, [&] {
        bench::unpin();
        function();
    }));
    return {operations / (bench::now() - begin), operations / cpu};
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = bench::rounds_argument(argc, argv, 7);
    bench::print_head("", {"C", "aioxx"});
    bench::print_row("output of a child", rounds, 1e6, "MB/s",
                     {{"C", [] { return measure(static_cast<double>(amount), read_in_c); }},
                      {"aioxx", [] { return measure(static_cast<double>(amount), [] { aioxx::run(read_output()); }); }}});
    bench::print_row("start and wait", rounds, 1, "/s",
                     {{"C", [] { return measure(starts, start_in_c); }},
                      {"aioxx", [] { return measure(starts, [] { aioxx::run(start_children()); }); }}});
}

// SPDX-License-Identifier: BSL-1.0

// What is my program waiting for? On SIGUSR1 it prints its tasks, each below the one that started it, and goes on.
// Here the program sends the signal to itself; on yours it is `kill -USR1 PID`.

#include <csignal>
#include <chrono>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>

using namespace std::chrono_literals;

aioxx::coro<> fetch(aioxx::event& reply) { co_await reply.wait(); }

aioxx::coro<> serve(aioxx::event& reply) {
    co_await aioxx::with_task_group([&](aioxx::task_group& group) -> aioxx::coro<> {
        group.create_task(fetch(reply), "fetch");
        co_return;
    });
}

aioxx::coro<> task_tree() {
    aioxx::event written, reply;
    aioxx::dump_task_tree_on_signal(aioxx::get_running_loop(), SIGUSR1, [&](const std::string& tree) {
        std::cout << tree << std::flush;
        written.set();
    });
    const auto serving = aioxx::create_task(serve(reply), "serve");
    co_await aioxx::sleep(1ms);
    std::raise(SIGUSR1);
    co_await written.wait();

    reply.set();
    co_await serving;
    std::cout << "everything went on" << std::endl;
}

int main() { aioxx::run(task_tree()); }

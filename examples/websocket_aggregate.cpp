// SPDX-License-Identifier: BSL-1.0

// {p0, p1, p2} - websocket > output: the lines of several processes, of any number of machines, in one place.
//
//     websocket_aggregate receive [PORT]              prints what arrives; port 0 lets the system choose
//     websocket_aggregate send URI COMMAND...         runs the commands and sends each of their lines
//
// The smallest form of the aggregator beside it: no colours, no reconnection, nothing about how the commands end.

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/aioxx.hpp>
#include <aioxx/websocket.hpp>

using aioxx::websocket::connection;

// ---- receive ----

aioxx::coro<> print(connection sender) {
    while (const auto line = co_await sender.next()) std::cout << line->str() << std::endl;
}

aioxx::coro<> receive(std::uint16_t port) {
    auto server = co_await aioxx::websocket::serve(print, "127.0.0.1", port);
    std::cerr << "listening on ws://127.0.0.1:" << server.port() << '/' << std::endl;
    co_await server.serve_forever();
}

// ---- send ----

// A message is text or bytes: a line that is not UTF-8 goes as bytes. A full connection makes the commands wait.
aioxx::coro<> send_lines(aioxx::stream_reader from, connection to, std::string prefix) {
    while (const auto line = co_await from.next_line()) {
        std::string_view text = line->str();
        if (text.ends_with('\n')) text.remove_suffix(1);
        const std::string named = prefix + std::string(text);
        if (aioxx::websocket::is_utf8(named)) {
            co_await to.send_text(named);
        } else {
            co_await to.send_binary(named);
        }
    }
}

aioxx::coro<> run_command(std::string command, connection to) {
    aioxx::process_options options;
    options.in = aioxx::stdio::devnull();
    const auto process = co_await aioxx::create_subprocess_shell(command, options);
    // Ctrl-C cancels this task: then the command must end, and what it has started.
    const aioxx::scope_exit stop([process] { process.kill_tree(SIGTERM); });
    const std::string name = command.substr(0, command.find(' '));
    co_await aioxx::gather(send_lines(process.out(), to, name + " | "), send_lines(process.err(), to, name + " ! "));
    co_await process.wait();
}

aioxx::coro<> send(std::string uri, std::vector<std::string> commands) {
    const auto to = co_await aioxx::websocket::connect(uri);
    co_await aioxx::with_task_group([&](aioxx::task_group& group) -> aioxx::coro<> {
        for (const std::string& command : commands) group.create_task(run_command(command, to));
        co_return;
    });
    co_await to.close();
}

int main(int argc, char** argv) try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (!words.empty() && words.front() == "receive") {
        aioxx::run(receive(static_cast<std::uint16_t>(words.size() > 1 ? std::atoi(words[1].c_str()) : 7701)));
    } else if (words.size() > 2 && words.front() == "send") {
        aioxx::run(send(words[1], {words.begin() + 2, words.end()}));
    } else {
        std::cerr << "usage: websocket_aggregate receive [PORT] | send URI COMMAND...\n";
        return 2;
    }
} catch (const aioxx::interrupted_error&) {
    return 130;
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}

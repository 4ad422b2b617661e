// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/integration/peer.hpp: programs of others that our programs talk to.
// A server among them prints "PORT n" when it is ready and ends when its input ends; a client takes the port as its
// argument and exits with 0 when everything was right.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/process/create.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

namespace peers {

template <class T>
T run_bounded(aioxx::coro<T> main) {
    return aioxx::run(aioxx::wait_for(std::move(main), std::chrono::seconds(60)));
}

/// Runs a test when its peer is there, and says what is missing otherwise.
inline void run_with(bool present, const std::string& missing, aioxx::coro<> test) {
    if (present) {
        run_bounded(std::move(test));
    } else {
        WARN(missing);
    }
}

/// The command line of a script in tests/integration/peers, by its ending.
inline std::vector<std::string> script(const std::string& name) {
    std::vector<std::string> command;
    command.emplace_back(name.ends_with(".js") ? "node" : AIOXX_PYTHON);
    command.emplace_back(std::string(AIOXX_TESTS_DIR) + "/integration/peers/" + name);
    return command;
}

/// What a command that has ended left behind.
struct result {
    int returncode = -1;
    std::string out;
    std::string err;
};

inline aioxx::coro<result> finish(std::vector<std::string> command) {
    result got;
    try {
        aioxx::process started = co_await aioxx::create_subprocess_exec(std::move(command));
        const aioxx::process_output said = co_await started.communicate();
        got.out = said.out.str();
        got.err = said.err.str();
        got.returncode = co_await started.wait();
    } catch (const aioxx::broken_error& failure) {
        got.err = failure.what();
    }
    co_return got;
}

/// Whether a command exists and succeeds: what decides if a peer can be used.
inline bool succeeds(std::vector<std::string> command) {
    return run_bounded(finish(std::move(command))).returncode == 0;
}
inline bool is_installed(const std::string& command) { return succeeds({"/bin/sh", "-c", "command -v " + command}); }
inline bool has_python_websockets() { return succeeds({AIOXX_PYTHON, "-c", "import websockets"}); }
inline bool has_node_ws() { return succeeds({"node", "-e", "require('ws')"}); }

/// A server among the peers, with its port.
struct running_server {
    aioxx::process started;
    std::uint16_t port;
};

inline aioxx::coro<running_server> start(std::vector<std::string> command, std::string before_port = "PORT ",
                                         bool shows_errors = true) {
    aioxx::process_options options;
    options.err = shows_errors ? aioxx::stdio::inherit() : aioxx::stdio::devnull();
    aioxx::process started = co_await aioxx::create_subprocess_exec(std::move(command), std::move(options));
    std::string said;
    std::size_t at = std::string::npos;
    while (at == std::string::npos) {
        const aioxx::bytearray line = co_await started.out().readline();
        if (line.empty()) throw std::runtime_error("the peer is not ready: " + said);
        said += line.str();
        at = said.find(before_port);
    }
    const std::string number = said.substr(at + before_port.size());
    co_return running_server{started, static_cast<std::uint16_t>(std::stoi(number))};
}

/// The name of a browser, or nothing.
inline std::string find_browser() {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome", "chrome-headless-shell"}) {
        if (succeeds({name, "--version"})) return name;
    }
    return {};
}

/// Opens a page in a browser. Returns: what the page has reported, "nothing" when it has not.
inline aioxx::coro<std::string> visit(std::string browser, std::string address, aioxx::future<std::string> report) {
    const support::temporary_directory profile;
    std::vector<std::string> command{browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                     "--ignore-certificate-errors", "--user-data-dir=" + profile.path("profile")};
    command.push_back(std::move(address));
    aioxx::process_options options;
    options.out = aioxx::stdio::devnull();
    options.err = aioxx::stdio::devnull();
    aioxx::process started = co_await aioxx::create_subprocess_exec(std::move(command), std::move(options));
    std::string told = "nothing";
    try {
        told = co_await aioxx::wait_for(report, std::chrono::seconds(40));
    } catch (const aioxx::timeout_error&) {
    }
    started.kill();
    co_await started.wait();
    co_return told;
}

}  // namespace peers

// SPDX-License-Identifier: BSL-1.0

// aggregator: runs several programs, merges their output into one log, and ships it over WebSocket to hubs that merge
// the logs of many. This file reads the command line.

#include <charconv>
#include <chrono>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/websocket/uri.hpp>

#include "hub.hpp"
#include "run.hpp"

namespace {

using namespace aggregator;

constexpr int bad_usage = 2;

const std::map<std::string, style> styles{{"pretty", style::pretty}, {"plain", style::plain}, {"json", style::json}};
const std::map<std::string, when> whens{{"auto", when::automatic}, {"always", when::always}, {"never", when::never}};

// "10s", "500ms", or seconds without a unit.
std::chrono::milliseconds to_time(const std::string& text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string unit(end, text.data() + text.size());
    if (error != std::errc() || number < 0 || (unit != "ms" && unit != "s" && !unit.empty())) {
        throw CLI::ValidationError("expected a time such as 10s or 500ms, got \"" + text + "\"");
    }
    return std::chrono::milliseconds(static_cast<long>(unit == "ms" ? number : number * 1000));
}

void add_time(CLI::App& verb, const std::string& option, std::chrono::milliseconds& value, const std::string& help) {
    verb.add_option_function<std::string>(option, [&value](const std::string& text) { value = to_time(text); }, help);
}

template <class Settings>
void add_display(CLI::App& verb, Settings& settings) {
    verb.add_option("-o,--output", settings.shown_as, "pretty, plain or json (default: pretty on a terminal)")
        ->transform(CLI::CheckedTransformer(styles));
    verb.add_option("--color", settings.color, "auto, always or never")->transform(CLI::CheckedTransformer(whens));
    verb.add_flag("-t,--time", settings.time, "show the time of each line");
    verb.add_flag("-q,--quiet", settings.quiet, "no notes and no summary");
}

command to_unnamed_command(const std::string& text) {
    const std::string program = text.substr(0, text.find_first_of(" \t"));
    return {program.substr(program.rfind('/') + 1), text};
}

// NAME=COMMAND, or a command whose first word is its name.
command to_command(const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const bool named = equals != std::string::npos && !name.empty() &&
                       name.find_first_of(" \t/$\"'|&;<>()") == std::string::npos;
    if (named) return {name, text.substr(equals + 1)};
    return to_unnamed_command(text);
}

// The same name twice would hide which is which: web, web.2.
void make_names_unique(std::vector<command>& commands) {
    std::map<std::string, int> seen;
    for (command& each : commands) {
        if (const int count = ++seen[each.name]; count > 1) each.name += "." + std::to_string(count);
    }
}

void check_until(const run_settings& settings) {
    if (settings.until.empty()) return;
    std::string names;
    for (const command& each : settings.commands) {
        if (each.name == settings.until) return;
        names += (names.empty() ? "" : ", ") + each.name;
    }
    throw CLI::ValidationError("--until: expected the name of a command (" + names + "), got \"" + settings.until + "\"");
}

// What is wrong with the URL of a hub, or nothing.
std::string is_hub_url(const std::string& text) try {
    return aioxx::websocket::parse_uri(text).secure ? "wss:// is not supported, expected ws://: " + text : "";
} catch (const std::invalid_argument& wrong) {
    return wrong.what();
}

void set_listen(hub_settings& settings, const std::string& address) {
    const std::size_t colon = address.rfind(':');
    const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), settings.port);
    if (error != std::errc() || port.empty() || end != port.data() + port.size()) {
        throw CLI::ValidationError("--listen: expected HOST:PORT, got \"" + address + "\"");
    }
    settings.host = address.substr(0, colon);
    if (settings.host.starts_with('[') && settings.host.ends_with(']')) {
        settings.host = settings.host.substr(1, settings.host.size() - 2);
    }
}

void choose_style(style& chosen) {
    if (chosen == style::automatic) chosen = ::isatty(STDOUT_FILENO) == 1 ? style::pretty : style::plain;
}

std::string host_name() {
    char name[256] = "";
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "agent";
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App app("Runs several programs and merges their output into one log, over WebSocket if asked.", "aggregator");
    app.require_subcommand(1);

    run_settings running;
    running.agent = host_name();
    std::vector<std::string> named;
    std::vector<std::string> unnamed;
    CLI::App& run = *app.add_subcommand("run", "run commands and merge their lines");
    run.add_option("command", named, "NAME=COMMAND");
    // One argument each: what follows is a command.
    run.add_option("-c,--command", unnamed, "a command whose first word is its name")->allow_extra_args(false);
    run.add_option("--to", running.hubs, "send the lines to these hubs: ws://HOST:PORT/NAME[,URL...]")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(is_hub_url);
    run.add_option("--agent", running.agent, "name of this program at the hub (default: the host's)");
    run.add_option("--until", running.until, "stop all when this one ends, and exit with its status");
    run.add_option("--max-line", running.max_line, "bytes after which a line is cut into parts")
        ->check(CLI::Range(std::size_t{1}, std::size_t{128} << 10));
    run.add_flag("--require-hub", running.require_hub, "exit with status 4 when a hub was never reached");
    std::string prefix;
    run.add_option("--prefix", prefix, "none: lines without their source's name")->check(CLI::IsMember({"none", "name"}));
    add_time(run, "--grace", running.grace, "time between SIGTERM and SIGKILL (10s)");
    add_time(run, "--drain", running.drain, "how long output is read after a command has ended (1s)");
    add_time(run, "--flush", running.flush, "how long to wait for a hub at the end (5s)");
    add_display(run, running);

    hub_settings serving;
    std::string address = "127.0.0.1:7700";
    CLI::App& hub = *app.add_subcommand("hub", "receive the lines of several programs and print one log");
    hub.add_option("--listen", address, "HOST:PORT; port 0 lets the system choose");
    add_display(hub, serving);

    try {
        if (argc > 1 && *argv[1] != '-' && !run.check_name(argv[1]) && !hub.check_name(argv[1])) {
            throw CLI::ValidationError("unknown verb \"" + std::string(argv[1]) + "\"; expected run or hub");
        }
        app.parse(argc, argv);
        set_listen(serving, address);
        if (hub.parsed()) {
            choose_style(serving.shown_as);
            return aioxx::run(run_hub(serving));
        }
        for (const std::string& text : named) running.commands.push_back(to_command(text));
        for (const std::string& text : unnamed) running.commands.push_back(to_unnamed_command(text));
        if (running.commands.empty()) throw CLI::ValidationError("run: expected at least one command, got none");
        make_names_unique(running.commands);
        check_until(running);
    } catch (const CLI::ParseError& wrong) {
        return app.exit(wrong) == 0 ? 0 : bad_usage;
    }
    running.prefix = prefix != "none";
    choose_style(running.shown_as);
    return aioxx::run(run_commands(running));
} catch (const std::exception& failure) {
    std::cerr << "aggregator: " << failure.what() << '\n';
    return 1;
}

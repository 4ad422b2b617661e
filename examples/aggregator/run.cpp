// SPDX-License-Identifier: BSL-1.0

#include "run.hpp"

#include <algorithm>
#include <csignal>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <aioxx/aioxx.hpp>

#include "hub_link.hpp"
#include "line_splitter.hpp"
#include "output.hpp"

namespace aggregator {

namespace {

// One command, from its start to its end.
struct source {
    std::size_t number = 0;  // from 1
    command what;
    shown_source shown;
    std::uint64_t seq = 0;
    std::uint64_t out_lines = 0;
    std::uint64_t err_lines = 0;
    std::uint64_t bytes = 0;
    std::optional<aioxx::process> process;
    std::optional<int> status;  // as a shell would report it
    int held_back = 0;          // pumps that wait until we can take more
    std::chrono::steady_clock::time_point let_on;  // when the last one could go on
};

// A command needs a shell when it is more than words, or its first word is one that only a shell knows.
bool needs_shell(const std::string& text) {
    static const std::set<std::string, std::less<>> builtins{".",    ":",      "cd",     "eval", "exec",  "exit", "export",
                                                             "read", "return", "set",    "trap", "umask", "wait"};
    const std::string_view first = std::string_view(text).substr(0, text.find_first_of(" \t"));
    return builtins.contains(first) || text.find_first_of("|&;<>()$`\\\"'*?[]#~=%!{}\n") != std::string::npos;
}

std::vector<std::string> to_arguments(const std::string& text) {
    std::vector<std::string> arguments;
    if (needs_shell(text)) {
        arguments.emplace_back("/bin/sh");
        arguments.emplace_back("-c");
        arguments.push_back(text);
        return arguments;
    }
    for (const aioxx::bytes_view word : aioxx::fields(text)) arguments.emplace_back(word.str());
    return arguments;
}

int shell_status(int returncode) { return returncode < 0 ? 128 - returncode : returncode; }

class runner {
public:
    explicit runner(run_settings settings)
        : settings_(std::move(settings)),
          display_(settings_.shown_as, wants_color(settings_.color, 1), settings_.time, settings_.prefix),
          error_display_(settings_.shown_as, wants_color(settings_.color, 2), settings_.time, settings_.prefix) {
        color_chooser colors;
        for (const command& what : settings_.commands) {
            source& added = sources_.emplace_back();
            added.number = sources_.size();
            added.what = what;
            added.shown = {what.name, colors.choose(what.name), {}};
            added.shown.key = "\"src\":";
            append_json_string(added.shown.key, what.name);
            added.shown.key += ",\"inc\":" + std::to_string(identity_.incarnation) + ",";
            identity_.sources.push_back(what.name);
            display_.announce(what.name);
            error_display_.announce(what.name);
        }
        identity_.agent = settings_.agent;
        for (const std::string& url : settings_.hubs) links_.push_back(std::make_unique<hub_link>(url, identity_));
    }

    aioxx::coro<int> run() {
        auto& loop = aioxx::get_running_loop();
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            loop.add_signal_handler(signal, [this, signal] { on_signal(signal); });
        }
        out_.start();
        err_.start();
        for (const auto& link : links_) link->start();

        std::vector<aioxx::task<>> running;
        for (source& each : sources_) running.push_back(aioxx::create_task(supervise(each), "command " + each.what.name));
        for (const auto& task : running) co_await task;
        kill_timer_.cancel();

        commands_over_ = true;
        std::vector<aioxx::task<>> flushing;
        for (const auto& link : links_) flushing.push_back(aioxx::create_task(link->finish(settings_.flush)));
        for (const auto& task : flushing) co_await task;
        if (!settings_.quiet) print_summary();
        if (signal_) let_go_soon();
        co_await out_.finish();
        co_await err_.finish();
        let_go_timer_.cancel();
        co_return exit_status();
    }

private:
    // ---- one command ----

    aioxx::coro<> supervise(source& self) {
        if (stopping_) co_return;
        const auto began = std::chrono::steady_clock::now();
        std::string failure;
        try {
            aioxx::process_options options;
            options.in = aioxx::stdio::devnull();
            self.process = co_await aioxx::create_subprocess_exec(to_arguments(self.what.text), options);
        } catch (const aioxx::broken_error& caught) {
            failure = caught.what();
            self.status = caught.code() == std::errc::permission_denied ? 126 : 127;
        } catch (const std::invalid_argument& caught) {
            failure = caught.what();
            self.status = 127;
        }
        if (!self.process) {
            note(self, failure);
            ended(self);
            co_return;
        }
        self.let_on = began;
        note(self, "started, pid " + std::to_string(self.process->pid()));
        if (stopping_) self.process->kill_tree(SIGTERM);
        const auto out = aioxx::create_task(pump(self, self.process->out(), channel::out), self.what.name + " stdout");
        const auto err = aioxx::create_task(pump(self, self.process->err(), channel::err), self.what.name + " stderr");
        const int returncode = co_await self.process->wait();
        self.status = shell_status(returncode);
        co_await drain(self, out, err);

        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        std::string text(returncode < 0 ? "ended by signal " + std::to_string(-returncode)
                                        : "exited " + std::to_string(returncode));
        text += " after " + std::to_string(took.count()).substr(0, 5) + " s";
        note(self, text);
        ended(self);
    }

    // The process has ended; what it has written is still read. Somebody else may hold its pipes open.
    aioxx::coro<> drain(source& self, aioxx::task<> out, aioxx::task<> err) {
        auto limit = std::chrono::steady_clock::now() + settings_.drain;
        bool let_go = false;
        for (const auto& pump : {out, err}) {
            while (!pump.done() && !let_go) {
                try {
                    co_await aioxx::wait_for(aioxx::shield(pump), limit - std::chrono::steady_clock::now());
                } catch (const aioxx::timeout_error&) {
                    // Time in which we could not take more is not the command's, unless we have been told to end.
                    const auto now = std::chrono::steady_clock::now();
                    const auto later = (self.held_back > 0 ? now : self.let_on) + settings_.drain;
                    let_go = signal_ || later <= now;
                    limit = later;
                }
            }
        }
        if (!let_go) co_return;
        note(self, self.held_back > 0 ? "its last output could not be passed on in time"
                                      : "its output is held open by another process; letting go");
        for (const auto& pump : {out, err}) {
            pump.cancel();
            try {
                co_await pump;
            } catch (const aioxx::cancelled_error&) {
            }
        }
    }

    aioxx::coro<> pump(source& self, aioxx::stream_reader from, channel fd) {
        line_splitter splitter(settings_.max_line);
        const auto emit = [&](const line& found) { publish(self, fd, found); };
        // Also when it is cancelled: the beginning of a line that never ends has been read.
        const aioxx::scope_exit last_line([&] {
            splitter.finish(emit);
            written();
        });
        for (;;) {
            const aioxx::bytes_view arrived = co_await from.read_view();
            if (arrived.empty()) break;
            self.bytes += arrived.size();
            splitter.feed(arrived, emit);
            written();
            if (!has_room()) co_await hold_back(self);
        }
    }

    // ---- records ----

    void publish(source& self, channel fd, const line& found) {
        record made;
        made.seq = ++self.seq;
        made.ts = now_us();
        made.fd = fd;
        made.text = found.text.str();
        flags_.clear();
        const auto flag = [this](bool set, const char* name) {
            if (set) flags_ += flags_.empty() ? name : std::string(",") + name;
        };
        flag(found.to_be_continued, "part");
        flag(found.continues, "cont");
        flag(found.no_newline, "noeol");
        flag(found.crlf, "crlf");
        made.flags = flags_;
        ++(fd == channel::err ? self.err_lines : self.out_lines);
        show(self, made);
    }

    void note(source& self, const std::string& text) {
        record made;
        made.seq = ++self.seq;
        made.ts = now_us();
        made.fd = channel::note;
        made.text = text;
        show(self, made);
        written();
    }

    // Standard error of a command goes to ours, notes too: `2>/dev/null` leaves what the commands have to say.
    void show(source& self, const record& made) {
        if (made.fd == channel::out || settings_.shown_as == style::json) {
            display_.append(out_.text(), self.shown, made);
        } else if (made.fd == channel::err || !settings_.quiet) {
            error_display_.append(err_.text(), self.shown, made);
        }
        for (const auto& link : links_) link->add(self.number, made);
    }

    void written() {
        out_.more();
        err_.more();
    }

    [[nodiscard]] bool has_room() const {
        return out_.has_room() && err_.has_room() &&
               std::all_of(links_.begin(), links_.end(), [](const auto& link) { return link->has_room(); });
    }

    // A command is read only as fast as its lines go on.
    aioxx::coro<> hold_back(source& self) {
        ++self.held_back;
        const aioxx::scope_exit over([&self] {
            --self.held_back;
            self.let_on = std::chrono::steady_clock::now();
        });
        co_await out_.room();
        co_await err_.room();
        for (const auto& link : links_) co_await link->room();
    }

    // ---- the end ----

    void ended(source& self) {
        if (first_failure_ == 0) first_failure_ = self.status.value_or(0);
        if (!settings_.until.empty() && settings_.until == self.what.name) stop(SIGTERM);
    }

    void on_signal(int signal) {
        if (!signal_) signal_ = signal;
        if (commands_over_) return let_go();
        if (stopping_) return kill_all();  // the second time
        stop(SIGTERM);
    }

    // Only what is being written and sent is left: whoever does not take it does not get it.
    void let_go() {
        for (const auto& link : links_) link->hurry();
        let_go_soon();
    }
    void let_go_soon() {
        let_go_timer_.cancel();
        let_go_timer_ = aioxx::get_running_loop().call_later(settings_.drain, [this] {
            out_.abandon();
            err_.abandon();
        });
    }

    void stop(int signal) {
        if (std::exchange(stopping_, true)) return;
        signal_all(signal);
        kill_timer_ = aioxx::get_running_loop().call_later(settings_.grace, [this] { kill_all(); });
    }
    void kill_all() { signal_all(SIGKILL); }

    // Whole process groups: also the descendants of commands that have ended.
    void signal_all(int signal) {
        for (source& each : sources_) {
            if (each.process) each.process->kill_tree(signal);
        }
    }

    void print_summary() {
        std::string& text = err_.text();
        text += "-- summary\n";
        for (const source& each : sources_) {
            text += "   " + each.what.name + ": ";
            text += each.process ? "pid " + std::to_string(each.process->pid()) + ", " : std::string("not started, ");
            text += "status " + std::to_string(each.status.value_or(0)) + ", " + std::to_string(each.out_lines) +
                    " lines out, " + std::to_string(each.err_lines) + " lines err, " + std::to_string(each.bytes) +
                    " bytes\n";
        }
        for (const auto& link : links_) {
            text += "   " + link->url() + ": " + std::to_string(link->unacknowledged()) + " records unacknowledged, " +
                    std::to_string(link->dropped()) + " dropped\n";
        }
        err_.more();
    }

    [[nodiscard]] int exit_status() const {
        if (signal_) return 128 + *signal_;
        if (settings_.require_hub) {
            for (const auto& link : links_) {
                if (!link->ever_connected()) return 4;
            }
        }
        for (const source& each : sources_) {
            if (each.what.name == settings_.until) return each.status.value_or(0);
        }
        if (!settings_.until.empty()) return 0;
        return first_failure_;
    }

    run_settings settings_;
    agent_identity identity_;
    std::deque<source> sources_;
    std::vector<std::unique_ptr<hub_link>> links_;
    display display_;
    display error_display_;
    output out_{1};
    output err_{2};
    std::string flags_;
    std::optional<int> signal_;
    aioxx::handle kill_timer_;
    aioxx::handle let_go_timer_;
    int first_failure_ = 0;  // the status of the first command that failed
    bool stopping_ = false;
    bool commands_over_ = false;
};

}  // namespace

aioxx::coro<int> run_commands(run_settings settings) {
    runner all(std::move(settings));
    co_return co_await all.run();
}

}  // namespace aggregator

// SPDX-License-Identifier: BSL-1.0

#include "hub.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <aioxx/aioxx.hpp>
#include <aioxx/websocket.hpp>

#include "output.hpp"
#include "record.hpp"

namespace aggregator {

namespace {

using aioxx::websocket::close_code;
using aioxx::websocket::connection;

// An agent has said something that slog.v1 does not allow.
struct bad_frame : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What is remembered of a source between the connections of its agent.
struct known_source {
    shown_source shown;
    std::uint64_t seq = 0;  // of the last record
    std::uint64_t records = 0;
};

// One run of an agent. Two with the same name are two, however many commands are called the same in them.
struct known_agent {
    std::string label;
    int connections = 0;
    std::map<std::string, known_source> sources;
};

class hub {
public:
    explicit hub(hub_settings settings)
        : settings_(std::move(settings)),
          display_(settings_.shown_as, wants_color(settings_.color, 1), settings_.time) {}

    aioxx::coro<int> run() {
        aioxx::websocket::serve_options options;
        options.subprotocols = {"slog.v1"};
        auto server = co_await aioxx::websocket::serve([this](connection agent) { return serve(std::move(agent)); },
                                                       settings_.host, settings_.port, options);
        std::cerr << "hub: listening on ws://" << settings_.host << ':' << server.port() << std::endl;
        out_.start();
        auto& loop = aioxx::get_running_loop();
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) loop.add_signal_handler(signal, [this] { stop_.set(); });
        co_await stop_.wait();
        co_await server.shutdown(patience);
        auto timer = loop.call_later(patience, [this] { out_.abandon(); });
        co_await out_.finish();
        timer.cancel();
        if (!settings_.quiet) print_summary();
        co_return 0;
    }

private:
    static constexpr std::chrono::seconds patience{2};  // at the end, with whoever does not answer

    // One agent. What it does wrong ends its connection and no other.
    aioxx::coro<> serve(connection agent) {
        std::string complaint;
        try {
            co_await listen_to(agent);
        } catch (const bad_frame& wrong) {
            complaint = wrong.what();
        } catch (const nlohmann::json::exception& wrong) {
            complaint = wrong.what();
        } catch (const aioxx::timeout_error&) {
            complaint = "no hello within 10 seconds";
        }
        if (complaint.empty() || !agent.is_open()) co_return;
        nlohmann::json told{{"t", "err"}, {"code", 4010}, {"text", complaint}};
        const std::string text = told.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        co_await agent.send_text(text);
        co_await agent.close(static_cast<close_code>(4010), "slog.v1 protocol error");
    }

    aioxx::coro<> listen_to(connection agent) {
        if (agent.subprotocol() != "slog.v1") throw bad_frame("expected the subprotocol slog.v1");
        const auto first = co_await aioxx::wait_for(agent.receive(), std::chrono::seconds(10));
        const auto hello = nlohmann::json::parse(first.str());
        if (hello.value("t", "") != "hello" || hello.value("role", "") != "agent") {
            throw bad_frame("expected the frame hello of an agent first, got " + std::string(first.str().substr(0, 40)));
        }
        known_agent& from = get_to_know(hello);
        ++from.connections;
        const aioxx::scope_exit leaving([&from] { --from.connections; });
        const std::string welcome = R"({"t":"welcome","hub":"aioxx","have":{},"window":{"records":8192,"bytes":4194304}})";
        co_await agent.send_text(welcome);

        std::map<std::uint64_t, known_source*> sources;  // by their number on this connection
        while (auto message = co_await agent.next()) {
            const auto frame = nlohmann::json::parse(message->str());
            const std::string type = frame.value("t", "");
            if (type == "src") {
                declare(sources, frame, from);
            } else if (type == "log") {
                const std::string ack = take(sources, frame.at("r"));
                out_.more();
                co_await out_.room();
                co_await agent.send_text(ack);
            } else if (type == "gap") {
                report_gap(find(sources, frame.at("sid").get<std::uint64_t>()), frame);
            } else if (type != "bye") {
                throw bad_frame("unknown frame type \"" + type + "\"; expected src, log, gap or bye");
            }
        }
    }

    // A name that a connected agent has already gets a number: host, host.2.
    known_agent& get_to_know(const nlohmann::json& hello) {
        const std::string name = printable(hello.value("agent", "agent"));
        const auto run = std::to_string(hello.value("inc", std::int64_t{0})) + '/' +
                         std::to_string(hello.value("pid", std::int64_t{0}));
        auto [found, is_new] = agents_.try_emplace(name + '/' + run);
        if (!is_new) return found->second;
        std::string label = name;
        const auto is_taken = [&label](const auto& known) {
            return known.second.connections > 0 && known.second.label == label;
        };
        for (int number = 2; std::any_of(agents_.begin(), agents_.end(), is_taken); ++number) {
            label = name + '.' + std::to_string(number);
        }
        found->second.label = label;
        return found->second;
    }

    void declare(std::map<std::uint64_t, known_source*>& sources, const nlohmann::json& frame, known_agent& agent) {
        const std::string name = printable(frame.at("name").get<std::string>()) + "@" + agent.label;
        auto [found, is_new] = agent.sources.try_emplace(name);
        known_source& source = found->second;
        if (is_new) {
            source.shown = {name, colors_.choose(name), {}};
            source.shown.key = "\"src\":";
            append_json_string(source.shown.key, name);
            source.shown.key += ',';
            display_.announce(name);
        }
        sources[frame.at("sid").get<std::uint64_t>()] = &source;
    }

    // Names come from the network: they must not control the terminal, nor break lines.
    static std::string printable(std::string name) {
        std::erase_if(name, [](char letter) { return letter == '\x1b'; });
        std::string shown;
        append_safe(shown, name);
        return shown;
    }

    static known_source& find(const std::map<std::uint64_t, known_source*>& sources, std::uint64_t sid) {
        const auto found = sources.find(sid);
        if (found == sources.end()) throw bad_frame("source " + std::to_string(sid) + " was not declared");
        return *found->second;
    }

    // Prints records. Returns: the acknowledgement.
    std::string take(const std::map<std::uint64_t, known_source*>& sources, const nlohmann::json& records) {
        std::map<std::uint64_t, std::uint64_t> last;
        for (const nlohmann::json& each : records) {
            const auto sid = each.at("sid").get<std::uint64_t>();
            known_source& source = find(sources, sid);
            print(source, each);
            last[sid] = source.seq;
        }
        std::string ack = "{\"t\":\"ack\",\"a\":{";
        for (const auto& [sid, seq] : last) {
            if (ack.back() != '{') ack += ',';
            ack += '"' + std::to_string(sid) + "\":" + std::to_string(seq);
        }
        return ack + "}}";
    }

    void print(known_source& source, const nlohmann::json& fields) {
        record line;
        line.seq = to_seq(fields.at("seq"));
        if (line.seq <= source.seq) return;  // sent again after a lost connection
        const auto fd = fields.at("fd").get<int>();
        if (fd < 0 || fd > 2) throw bad_frame("fd must be 0, 1 or 2, got " + std::to_string(fd));
        line.fd = static_cast<channel>(fd);
        line.ts = fields.at("ts").get<std::int64_t>();
        const auto raw = fields.find("raw");
        const std::string& text = fields.at("msg").get_ref<const std::string&>();
        const std::string exact = raw != fields.end() ? from_base64(raw->get_ref<const std::string&>()) : std::string();
        line.text = raw != fields.end() ? exact : text;
        std::string flags;
        if (const auto found = fields.find("fl"); found != fields.end()) {
            for (const auto& flag : *found) flags += (flags.empty() ? "" : ",") + flag.get<std::string>();
        }
        line.flags = flags;
        source.seq = line.seq;
        ++source.records;
        display_.append(out_.text(), source.shown, line);
    }

    static std::uint64_t to_seq(const nlohmann::json& value) {
        const auto seq = value.get<std::int64_t>();
        if (seq < 1) throw bad_frame("a number of a record must be at least 1, got " + std::to_string(seq));
        return static_cast<std::uint64_t>(seq);
    }

    void report_gap(known_source& source, const nlohmann::json& frame) {
        const std::uint64_t from = to_seq(frame.at("from"));
        const std::uint64_t to = to_seq(frame.at("to"));
        if (to < from) throw bad_frame("a gap must not end before it begins");
        if (to <= source.seq) return;  // told again after a lost connection
        const std::uint64_t lost = to - std::max(source.seq, from - 1);
        const std::string text = "lost " + std::to_string(lost) + " records (" + frame.value("why", "") + ")";
        record line;
        line.seq = to;
        line.ts = now_us();
        line.fd = channel::note;
        line.text = text;
        source.seq = to;
        display_.append(out_.text(), source.shown, line);
        out_.more();
    }

    void print_summary() const {
        std::uint64_t total = 0;
        std::size_t sources = 0;
        for (const auto& [key, agent] : agents_) {
            for (const auto& [name, source] : agent.sources) {
                std::cerr << "   " << name << ": " << source.records << " records\n";
                total += source.records;
                ++sources;
            }
        }
        std::cerr << "-- hub: " << sources << " sources, " << total << " records" << std::endl;
    }

    hub_settings settings_;
    display display_;
    color_chooser colors_;
    std::map<std::string, known_agent> agents_;  // by name and run
    output out_{1};
    aioxx::event stop_;
};

}  // namespace

aioxx::coro<int> run_hub(hub_settings settings) {
    hub serving(std::move(settings));
    co_return co_await serving.run();
}

}  // namespace aggregator

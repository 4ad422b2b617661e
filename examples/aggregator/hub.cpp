// SPDX-License-Identifier: BSL-1.0

#include "hub.hpp"

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
    std::int64_t incarnation = 0;
    std::uint64_t seq = 0;  // of the last record
    std::uint64_t records = 0;
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
        co_await server.shutdown(std::chrono::seconds(2));
        co_await out_.finish();
        if (!settings_.quiet) print_summary();
        co_return 0;
    }

private:
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
        co_await agent.close(static_cast<close_code>(4010), complaint.substr(0, 100));
    }

    aioxx::coro<> listen_to(connection agent) {
        if (agent.subprotocol() != "slog.v1") throw bad_frame("expected the subprotocol slog.v1");
        const auto first = co_await aioxx::wait_for(agent.receive(), std::chrono::seconds(10));
        const auto hello = nlohmann::json::parse(first.str());
        if (hello.value("t", "") != "hello" || hello.value("role", "") != "agent") {
            throw bad_frame("expected the frame hello of an agent first, got " + std::string(first.str().substr(0, 40)));
        }
        const std::string name = hello.value("agent", "agent");
        const std::int64_t incarnation = hello.value("inc", std::int64_t{0});
        const std::string welcome = R"({"t":"welcome","hub":"aioxx","have":{},"window":{"records":8192,"bytes":4194304}})";
        co_await agent.send_text(welcome);

        std::map<std::uint64_t, known_source*> sources;  // by their number on this connection
        while (auto message = co_await agent.next()) {
            const auto frame = nlohmann::json::parse(message->str());
            const std::string type = frame.value("t", "");
            if (type == "src") {
                declare(sources, frame, name, incarnation);
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

    void declare(std::map<std::uint64_t, known_source*>& sources, const nlohmann::json& frame, const std::string& agent,
                 std::int64_t incarnation) {
        const std::string name = frame.at("name").get<std::string>() + "@" + agent;
        auto [found, is_new] = sources_.try_emplace(name);
        known_source& source = found->second;
        if (is_new) {
            source.shown = {name, colors_.choose(name), {}};
            source.shown.key = "\"src\":";
            append_json_string(source.shown.key, name);
            source.shown.key += ',';
            display_.announce(name);
        }
        if (source.incarnation != incarnation) source.seq = 0;  // the agent was started anew
        source.incarnation = incarnation;
        sources[frame.at("sid").get<std::uint64_t>()] = &source;
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
        line.seq = fields.at("seq").get<std::uint64_t>();
        if (line.seq <= source.seq) return;  // sent again after a lost connection
        const auto fd = fields.at("fd").get<int>();
        if (fd < 0 || fd > 2) throw bad_frame("fd must be 0, 1 or 2, got " + std::to_string(fd));
        line.fd = static_cast<channel>(fd);
        line.ts = fields.at("ts").get<std::int64_t>();
        const auto raw = fields.find("raw");
        const std::string exact = raw != fields.end() ? from_base64(raw->get_ref<const std::string&>()) : std::string();
        line.text = raw != fields.end() ? exact : fields.at("msg").get_ref<const std::string&>();
        std::string flags;
        if (const auto found = fields.find("fl"); found != fields.end()) {
            for (const auto& flag : *found) flags += (flags.empty() ? "" : ",") + flag.get<std::string>();
        }
        line.flags = flags;
        source.seq = line.seq;
        ++source.records;
        display_.append(out_.text(), source.shown, line);
    }

    void report_gap(known_source& source, const nlohmann::json& frame) {
        const auto to = frame.at("to").get<std::uint64_t>();
        const std::string text = "lost " + std::to_string(to - source.seq) + " records (" + frame.value("why", "") + ")";
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
        for (const auto& [name, source] : sources_) {
            std::cerr << "   " << name << ": " << source.records << " records\n";
            total += source.records;
        }
        std::cerr << "-- hub: " << sources_.size() << " sources, " << total << " records" << std::endl;
    }

    hub_settings settings_;
    display display_;
    color_chooser colors_;
    std::map<std::string, known_source> sources_;
    output out_{1};
    aioxx::event stop_;
};

}  // namespace

aioxx::coro<int> run_hub(hub_settings settings) {
    hub serving(std::move(settings));
    co_return co_await serving.run();
}

}  // namespace aggregator

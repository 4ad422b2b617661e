// SPDX-License-Identifier: BSL-1.0
#pragma once

// aggregator/hub_link.hpp: sends records to a hub over a WebSocket (slog.v1), and keeps them until they are acknowledged.
// Without a connection it tries again, ever more slowly; what does not fit into its memory meanwhile is dropped from
// the oldest on, counted, and told to the hub as a gap.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <aioxx/aioxx.hpp>
#include <aioxx/websocket.hpp>

#include "record.hpp"

namespace aggregator {

/// What a hub is told about this program and its sources.
struct agent_identity {
    std::string agent;
    std::int64_t incarnation = now_us() / 1000;
    int pid = ::getpid();
    std::vector<std::string> sources;  ///< names; the number of a source is its place, from 1
};

/// The way to one hub.
class hub_link {
public:
    hub_link(std::string url, const agent_identity& identity)
        : url_(std::move(url)), identity_(identity), dropped_(identity.sources.size() + 1) {}

    void start() { task_ = aioxx::create_task(keep_connected(), "link to " + url_); }

    /// Takes a record of a source.
    void add(std::size_t source, const record& line) {
        kept kept_line{source, line.seq, {}};
        kept_line.json = "{\"sid\":" + std::to_string(source) + ",";
        append_fields(kept_line.json, line);
        kept_line.json += '}';
        bytes_ += kept_line.json.size();
        lines_.push_back(std::move(kept_line));
        while (!connected_ && !trying_first_ && bytes_ > memory_limit && lines_.size() > 1) drop_oldest();
        changed_.set();
    }

    /// A hub that is there holds the programs back, one that is not does not. The first try counts as being there, so
    /// that nothing is dropped while the connection is being made.
    [[nodiscard]] bool has_room() const noexcept {
        const bool full = lines_.size() > window || bytes_ > memory_limit;
        return !full || !(connected_ || trying_first_) || hurried_;
    }

    /// Waits until there is room for more. Cancellation: safe.
    aioxx::coro<> room() {
        while (!has_room()) {
            progressed_.clear();
            co_await progressed_.wait();
        }
    }

    /// Lets a finish() that waits for acknowledgements go on without them.
    void hurry() {
        hurried_ = true;
        progressed_.set();
    }

    /// Waits until everything is acknowledged, at most for a time, and ends the connection.
    aioxx::coro<> finish(aioxx::duration patience) {
        try {
            co_await aioxx::wait_for(acknowledged(), patience);
        } catch (const aioxx::timeout_error&) {
        }
        ending_ = true;
        if (connection_) {
            co_await say_goodbye(*connection_);
            connection_.reset();
        }
        task_.cancel();
        try {
            co_await task_;
        } catch (const aioxx::cancelled_error&) {
        }
    }

    [[nodiscard]] const std::string& url() const noexcept { return url_; }
    [[nodiscard]] std::size_t unacknowledged() const noexcept { return lines_.size(); }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_total_; }
    [[nodiscard]] bool ever_connected() const noexcept { return ever_connected_; }

private:
    struct kept {
        std::size_t source;
        std::uint64_t seq;
        std::string json;
    };
    struct range {
        std::uint64_t from = 0;
        std::uint64_t to = 0;
    };

    static constexpr std::size_t memory_limit = 16 * 1024 * 1024;  // bytes of records without a hub
    static constexpr std::size_t window = 8192;                    // records sent and not acknowledged
    static constexpr std::size_t batch_records = 256;
    static constexpr std::size_t batch_bytes = 60 * 1024;

    void drop_oldest() {
        const kept& oldest = lines_.front();
        range& gap = dropped_[oldest.source];
        if (gap.from == 0) gap.from = oldest.seq;
        gap.to = oldest.seq;
        ++dropped_total_;
        bytes_ -= oldest.json.size();
        lines_.pop_front();
        if (sent_ > 0) --sent_;
    }

    aioxx::coro<> acknowledged() {
        while (!lines_.empty() && !hurried_) {
            progressed_.clear();
            co_await progressed_.wait();
        }
    }

    // Never gives up; each try after a random part of a time that doubles.
    aioxx::coro<> keep_connected() {
        using namespace std::chrono_literals;
        std::minstd_rand random(std::random_device{}());
        std::chrono::milliseconds delay = 100ms;
        // A host that does not even answer must not hold the programs back for long.
        auto first_try = aioxx::get_running_loop().call_later(2s, [this] { end_first_try(); });
        const aioxx::scope_exit no_timer([&first_try] { first_try.cancel(); });
        while (!ending_) {
            std::string failure;
            try {
                co_await talk();
            } catch (const std::exception& caught) {
                failure = caught.what();
            }
            if (connected_) delay = 100ms;
            connected_ = false;
            end_first_try();
            connection_.reset();
            progressed_.set();
            if (ending_) co_return;
            if (!std::exchange(warned_, true)) {
                std::cerr << "run: no connection to " << url_ << " (" << failure << "); trying again" << std::endl;
            }
            std::uniform_int_distribution<std::int64_t> part(delay.count() / 2, delay.count());
            co_await aioxx::sleep(std::chrono::milliseconds(part(random)));
            delay = std::min<std::chrono::milliseconds>(delay * 2, 10s);
        }
    }

    void end_first_try() {
        trying_first_ = false;
        progressed_.set();
    }

    aioxx::coro<> talk() {
        aioxx::websocket::connect_options options;
        options.subprotocols = {"slog.v1"};
        const auto connection = co_await aioxx::websocket::connect(url_, options);
        if (connection.subprotocol() != "slog.v1") throw std::runtime_error("it is no hub: it does not speak slog.v1");
        nlohmann::json hello{{"t", "hello"}, {"role", "agent"}, {"agent", identity_.agent}};
        hello["inc"] = identity_.incarnation;
        hello["pid"] = identity_.pid;
        const std::string greeting = hello.dump();
        co_await connection.send_text(greeting);
        const auto welcome = co_await aioxx::wait_for(connection.receive(), std::chrono::seconds(10));
        forget_known(nlohmann::json::parse(welcome.str()));
        for (std::size_t source = 1; source <= identity_.sources.size(); ++source) {
            nlohmann::json declared{{"t", "src"}, {"sid", source}, {"name", identity_.sources[source - 1]}};
            const std::string text = declared.dump();
            co_await connection.send_text(text);
        }
        connection_ = connection;
        connected_ = true;
        ever_connected_ = true;
        warned_ = false;
        sent_ = 0;
        // Whichever ends first ends the other.
        const auto sending = aioxx::create_task(send_lines(connection), "sender to " + url_);
        std::exception_ptr failure;
        try {
            co_await receive_acks(connection);
        } catch (...) {
            failure = std::current_exception();
        }
        sending.cancel();
        try {
            co_await sending;
        } catch (const aioxx::cancelled_error&) {
        } catch (const std::exception&) {  // the receiver has seen the same
        }
        if (failure) std::rethrow_exception(failure);
    }

    // The hub has these already, from the connection before.
    void forget_known(const nlohmann::json& welcome) {
        if (welcome.value("t", "") == "err") throw std::runtime_error(welcome.value("text", "refused by the hub"));
        const auto have = welcome.find("have");
        if (have == welcome.end()) return;
        acknowledge(*have);
    }

    aioxx::coro<> send_lines(aioxx::websocket::connection connection) {
        std::string frame;
        for (;;) {
            for (std::size_t source = 1; source < dropped_.size(); ++source) {
                if (dropped_[source].from == 0) continue;
                const range gap = std::exchange(dropped_[source], {});
                nlohmann::json told{{"t", "gap"}, {"sid", source}, {"from", gap.from}, {"to", gap.to}, {"why", "memory"}};
                const std::string text = told.dump();
                co_await connection.send_text(text);
            }
            if (sent_ == lines_.size() || sent_ >= window) {
                changed_.clear();
                co_await changed_.wait();
                continue;
            }
            frame = "{\"t\":\"log\",\"r\":[";
            const std::size_t end = std::min({lines_.size(), sent_ + batch_records, window});
            for (std::size_t first = sent_; sent_ < end && frame.size() < batch_bytes; ++sent_) {
                if (sent_ != first) frame += ',';
                frame += lines_[sent_].json;
            }
            frame += "]}";
            co_await connection.send_text(frame);
        }
    }

    aioxx::coro<> receive_acks(aioxx::websocket::connection connection) {
        while (auto message = co_await connection.next()) {
            const auto parsed = nlohmann::json::parse(message->str());
            const std::string type = parsed.value("t", "");
            if (type == "ack") {
                acknowledge(parsed.at("a"));
            } else if (type == "err") {
                throw std::runtime_error(parsed.value("text", "refused by the hub"));
            }
        }
        throw std::runtime_error("the hub has closed the connection");
    }

    // Cumulative, per source.
    void acknowledge(const nlohmann::json& seqs) {
        for (const auto& [source, seq] : seqs.items()) {
            acknowledged_[static_cast<std::size_t>(std::stoul(source))] = seq.get<std::uint64_t>();
        }
        while (!lines_.empty()) {
            const auto known = acknowledged_.find(lines_.front().source);
            if (known == acknowledged_.end() || lines_.front().seq > known->second) break;
            bytes_ -= lines_.front().json.size();
            lines_.pop_front();
            if (sent_ > 0) --sent_;
        }
        progressed_.set();
        changed_.set();
    }

    static aioxx::coro<> say_goodbye(aioxx::websocket::connection connection) {
        try {
            const std::string bye = R"({"t":"bye"})";
            co_await connection.send_text(bye);
            co_await aioxx::wait_for(connection.close(), std::chrono::seconds(2));
        } catch (const aioxx::error&) {  // it has gone before
        }
    }

    std::string url_;
    const agent_identity& identity_;
    std::deque<kept> lines_;  // not acknowledged, in the order of their coming
    std::size_t bytes_ = 0;   // of their JSON
    std::size_t sent_ = 0;    // of lines_, from the front, on this connection
    std::vector<range> dropped_;  // per source, not yet told
    std::uint64_t dropped_total_ = 0;
    std::map<std::size_t, std::uint64_t> acknowledged_;
    std::optional<aioxx::websocket::connection> connection_;
    aioxx::event changed_;     // there is something to send
    aioxx::event progressed_;  // something was acknowledged
    aioxx::task<> task_;
    bool connected_ = false;
    bool ever_connected_ = false;
    bool trying_first_ = true;
    bool hurried_ = false;
    bool warned_ = false;
    bool ending_ = false;
};

}  // namespace aggregator

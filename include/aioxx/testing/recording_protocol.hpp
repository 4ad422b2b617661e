// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/recording_protocol.hpp: a protocol that writes down its calls, for tests of transports.

#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/sync/event.hpp>

namespace aioxx::testing {

/// Writes down each call as a line: "connection_made", "data_received abc", "eof_received", "pause_writing",
/// "resume_writing", "connection_lost" or "connection_lost: " and the reason. Derive from it to do more in a call.
class recording_protocol : public protocol {
public:
    /// Parameters: `keeps_open` what eof_received answers.
    explicit recording_protocol(bool keeps_open = false) : keeps_open_(keeps_open) {}

    [[nodiscard]] const std::vector<std::string>& calls() const noexcept { return calls_; }

    /// All data that was received, whatever the portions.
    [[nodiscard]] const std::string& received() const noexcept { return received_; }

    /// How many calls begin like this.
    [[nodiscard]] std::size_t count(std::string_view beginning) const {
        return static_cast<std::size_t>(std::count_if(
            calls_.begin(), calls_.end(), [&](const std::string& call) { return call.starts_with(beginning); }));
    }

    /// The names of the calls in order, separated by a space, with neighbouring data_received as one: what a test
    /// can compare without knowing the portions.
    [[nodiscard]] std::string story() const {
        std::string text;
        std::string_view former;
        for (const std::string& call : calls_) {
            const std::string_view name = std::string_view(call).substr(0, call.find_first_of(" :"));
            if (name == former && name == "data_received") continue;
            text += text.empty() ? "" : " ";
            text += name;
            former = name;
        }
        return text;
    }

    /// The transport, from connection_made to connection_lost; null otherwise.
    [[nodiscard]] aioxx::transport* connection() const noexcept { return connection_; }

    /// Waits until a call that begins like this was made, or returns at once when one was.
    ///
    /// Cancellation: safe.
    coro<> called(std::string beginning) {
        while (count(beginning) == 0) co_await changed_.wait();
    }

    /// Waits until so many bytes have arrived.
    ///
    /// Cancellation: safe.
    coro<> has_received(std::size_t bytes) {
        while (received_.size() < bytes) co_await changed_.wait();
    }

    void connection_made(aioxx::transport& made) override {
        connection_ = &made;
        record("connection_made");
    }
    void data_received(bytes_view data) override {
        received_ += data.str();
        record("data_received " + std::string(data.str()));
    }
    bool eof_received() override {
        record("eof_received");
        return keeps_open_;
    }
    void pause_writing() override { record("pause_writing"); }
    void resume_writing() override { record("resume_writing"); }
    void connection_lost(std::exception_ptr reason) override {
        connection_ = nullptr;
        record(reason ? "connection_lost: " + describe(reason) : "connection_lost");
    }

private:
    void record(std::string call) {
        calls_.push_back(std::move(call));
        changed_.set();
        changed_.clear();
    }

    bool keeps_open_;
    aioxx::transport* connection_ = nullptr;
    std::vector<std::string> calls_;
    std::string received_;
    event changed_;  // wakes those who wait for a call
};

}  // namespace aioxx::testing

// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/transports/scripted_stage.hpp: a stream_transport over a medium whose answers are written down.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace scripted {

using namespace aioxx;

inline transfer moved(std::size_t count) { return {count, {}, transfer::rest::unknown}; }
inline transfer failed(std::errc code) { return {0, std::make_error_code(code), transfer::rest::nothing}; }
inline transfer would_block() { return failed(std::errc::operation_would_block); }

inline transfer next_of(std::deque<transfer>& answers, transfer otherwise) {
    if (answers.empty()) return otherwise;
    const transfer answer = answers.front();
    answers.pop_front();
    return answer;
}

// What a scripted channel answers, and what was asked of it.
struct script {
    std::deque<transfer> receives;            // answers of receive, before it would block
    std::deque<std::string> data;             // of the answers that have a count
    std::deque<transfer> sends;               // answers of send; without one it takes everything
    std::deque<transfer> splices_to;          // answers of splice_to, before it would block
    std::deque<transfer> splices_from;        // answers of splice_from; without one it takes everything, as dots
    std::vector<std::string> sent;            // what each send took
    std::vector<std::size_t> pieces;          // how many pieces each send was offered
    int receive_calls = 0;
    int readable_waits = 0;
    int writable_waits = 0;
    bool shut_down = false;
    bool closed = false;
    bool sends_only = false;
    bool gone = false;  // the receiver, when it only sends
    bool splices = true;
    int splice_calls = 0;
    fd_handler* handler = nullptr;

    void arrive(std::string bytes, transfer::rest left = transfer::rest::unknown) {
        receives.push_back({bytes.size(), {}, left});
        data.push_back(std::move(bytes));
    }
    [[nodiscard]] std::string all_sent() const {
        std::string all;
        for (const std::string& some : sent) all += some;
        return all;
    }
    void arrive_end() { receives.push_back({}); }
    void arrive_error(std::errc code) {
        receives.push_back(failed(code));
    }
};

class scripted_channel final : public stream_channel {
public:
    explicit scripted_channel(std::shared_ptr<script> played) : script_(std::move(played)) {}

    void attach(fd_handler& handler) override { script_->handler = &handler; }
    [[nodiscard]] bool can_receive() const noexcept override { return !script_->sends_only; }
    [[nodiscard]] bool can_send() const noexcept override { return true; }
    [[nodiscard]] bool can_half_close() const noexcept override { return true; }
    transfer receive(std::span<std::byte> buffer) noexcept override {
        ++script_->receive_calls;
        const transfer answer = next_of(script_->receives, would_block());
        if (answer.count == 0) return answer;
        const std::string bytes = script_->data.front();
        script_->data.pop_front();
        std::memcpy(buffer.data(), bytes.data(), std::min(buffer.size(), bytes.size()));
        return answer;
    }
    transfer send(std::span<const bytes_view> pieces) noexcept override {
        std::string offered;
        for (const bytes_view& piece : pieces) offered += piece.str();
        const transfer answer = next_of(script_->sends, moved(offered.size()));
        script_->pieces.push_back(pieces.size());
        script_->sent.push_back(offered.substr(0, answer.count));
        return answer;
    }
    [[nodiscard]] bool splices() const noexcept override { return script_->splices; }
    transfer splice_to(int, std::size_t) noexcept override {
        ++script_->splice_calls;
        return next_of(script_->splices_to, would_block());
    }
    transfer splice_from(int, std::size_t most) noexcept override {
        ++script_->splice_calls;
        const transfer answer = next_of(script_->splices_from, moved(most));
        script_->sent.push_back(std::string(answer.count, '.'));
        return answer;
    }
    void await_readable() override { ++script_->readable_waits; }
    void await_writable() override { ++script_->writable_waits; }
    void shutdown_send() noexcept override { script_->shut_down = true; }
    [[nodiscard]] bool watches_receiver() const noexcept override { return script_->sends_only; }
    [[nodiscard]] bool receiver_gone() const noexcept override { return script_->gone; }
    void close() noexcept override { script_->closed = true; }
    [[nodiscard]] bool query_extra_info(extra_info_query&) const override { return false; }
    [[nodiscard]] std::string describe() const override { return "scripted"; }

private:
    std::shared_ptr<script> script_;
};

// A started transport over a script. Everything happens when settle() lets the loop run.
struct stage {
    explicit stage(std::shared_ptr<testing::recording_protocol> served = std::make_shared<testing::recording_protocol>(),
                   bool sends_only = false)
        : protocol(std::move(served)) {
        played->sends_only = sends_only;
        loop.loop().set_exception_handler([this](const exception_context& context) {
            reports.push_back(context.message + ": " + describe(context.exception));
        });
        made = std::make_shared<stream_transport>(loop.loop(), std::make_unique<scripted_channel>(played), protocol);
        made->start();
        loop.settle();
    }
    ~stage() {
        made->abort();
        loop.settle();
    }
    void in_turn(std::function<void()> action) {
        loop.loop().call_soon([called = std::move(action)] { called(); });
        loop.settle();
    }
    void readable() {
        in_turn([this] { played->handler->on_readable(); });
    }
    void writable() {
        in_turn([this] { played->handler->on_writable(); });
    }

    std::vector<std::string> reports;
    testing::test_loop loop;
    std::shared_ptr<script> played = std::make_shared<script>();
    std::shared_ptr<testing::recording_protocol> protocol;
    std::shared_ptr<stream_transport> made;
};

}  // namespace scripted

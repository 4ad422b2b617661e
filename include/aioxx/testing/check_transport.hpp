// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/check_transport.hpp: the laws of byte transports, written once and run over every implementation.
// Give it a function that makes a connected pair; each law is a coroutine with a name that says what it demands
// and that throws check_failed when the transport does otherwise. A new transport is finished when all pass.
//
//     for (const transport_law& law : transport_laws()) run(law.check(make_pair));

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/buffered_protocol.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/sleep.hpp>

namespace aioxx::testing {

/// A law does not hold.
class check_failed : public error {
    using error::error;
};

/// A protocol that remembers what happened to it and lets a task wait for more.
class observer : public protocol {
public:
    std::vector<std::string> calls;  ///< names of the callbacks, data_received only once in a row
    bytearray received;
    std::exception_ptr reason;        ///< of connection_lost
    bool keep_open = false;           ///< what eof_received returns
    bool pause_at_start = false;      ///< whether connection_made pauses reading
    std::function<void(observer&)> on_data, on_pause, on_resume, on_lost;

    [[nodiscard]] aioxx::transport& transport() const {
        if (transport_ == nullptr) throw check_failed("connection_made has not been called");
        return *transport_;
    }
    [[nodiscard]] std::size_t count(const std::string& call) const {
        return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
    }
    [[nodiscard]] bool lost() const { return count("connection_lost") != 0; }

    /// Waits until a condition holds; what changes is looked at after every callback.
    coro<> until(std::function<bool()> condition) {
        while (!condition()) {
            changed_.clear();
            co_await changed_.wait();
        }
    }
    coro<> until_lost() { return until([this] { return lost(); }); }
    coro<> until_received(std::size_t size) {
        return until([this, size] { return received.size() >= size; });
    }

    void connection_made(aioxx::transport& made) override {
        transport_ = &made;
        if (pause_at_start) made.pause_reading();
        note("connection_made");
    }
    void data_received(bytes_view data) override {
        received.append(data);
        if (calls.empty() || calls.back() != "data_received") calls.emplace_back("data_received");
        changed_.set();
        if (on_data) on_data(*this);
    }
    bool eof_received() override {
        note("eof_received");
        return keep_open;
    }
    void connection_lost(std::exception_ptr why) override {
        reason = std::move(why);
        note("connection_lost");
        if (on_lost) on_lost(*this);
    }
    void pause_writing() override {
        note("pause_writing");
        if (on_pause) on_pause(*this);
    }
    void resume_writing() override {
        note("resume_writing");
        if (on_resume) on_resume(*this);
    }

private:
    void note(const char* call) {
        calls.emplace_back(call);
        changed_.set();
    }

    aioxx::transport* transport_ = nullptr;
    event changed_;
};

/// The two ends of a connection.
struct transport_pair {
    std::shared_ptr<transport> a;
    std::shared_ptr<transport> b;
};

/// Makes a connected pair and returns after connection_made was called on both protocols.
/// Of a one-way medium, `a` is the end that sends.
using make_transport_pair =
    std::function<coro<transport_pair>(std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b)>;

/// What a law needs of the medium.
enum class law_needs {
    nothing,
    both_directions,  ///< cannot be asked of a pipe
    half_close        ///< nor of one that ends in both directions at once, as TLS does
};

/// A named law.
struct transport_law {
    std::string name;
    law_needs needs = law_needs::nothing;
    std::function<coro<>(const make_transport_pair&)> check;
};

namespace transport_checks {

inline void demand(bool holds, const std::string& what) {
    if (!holds) throw check_failed("not so: " + what);
}

// What a sender and a receiver share in a law.
struct connected {
    std::shared_ptr<observer> a = std::make_shared<observer>();
    std::shared_ptr<observer> b = std::make_shared<observer>();
    transport_pair ends;

    coro<> connect(const make_transport_pair& make) {
        ends = co_await make(a, b);
    }
    // Ends the law: nothing may be called any more after connection_lost.
    coro<> end() {
        ends.a->abort();
        ends.b->abort();
        co_await a->until_lost();
        co_await b->until_lost();
        for (int i = 0; i < 3; ++i) co_await sleep(duration::zero());
        for (const auto& side : {a, b}) {
            demand(side->count("connection_made") == 1, "connection_made is called once");
            demand(side->count("connection_lost") == 1, "connection_lost is called exactly once");
            demand(side->calls.front() == "connection_made", "connection_made comes first");
            demand(side->calls.back() == "connection_lost", "nothing is called after connection_lost");
            bool paused = false;
            for (const std::string& call : side->calls) {
                if (call == "pause_writing") demand(!std::exchange(paused, true), "pause and resume alternate");
                if (call == "resume_writing") demand(std::exchange(paused, false), "pause comes before resume");
            }
        }
    }
    // Writes until bytes stay in the queue: the receiver does not read and the medium is full.
    void clog() {
        ends.b->pause_reading();
        const bytearray block(64 * 1024, std::byte{'c'});
        for (int i = 0; ends.a->get_write_buffer_size() == 0; ++i) {
            demand(i < 10'000, "a medium whose receiver does not read is full some time");
            ends.a->write(block);
            clogged += block.size();
        }
    }
    std::size_t clogged = 0;
};

inline bytearray pattern(std::size_t size, std::uint32_t seed = 1) {
    bytearray bytes;
    bytes.resize(size);
    std::uint32_t state = seed;
    for (std::size_t i = 0; i < size; ++i) {
        state = state * 1664525U + 1013904223U;
        bytes[i] = static_cast<std::byte>(state >> 24);
    }
    return bytes;
}

// The exception handler of a law: what was reported while it ran.
class report_collector : pinned {
public:
    report_collector() : loop_(get_running_loop()) {
        loop_.set_exception_handler([this](const exception_context& context) { messages.push_back(context.message); });
    }
    ~report_collector() { loop_.set_exception_handler({}); }
    std::vector<std::string> messages;

private:
    event_loop& loop_;
};

class lending_observer final : public buffered_protocol {
public:
    bytearray received;
    std::size_t lend = 7;
    event changed;
    bool lost = false;

    mutable_bytes_view get_buffer(std::size_t) override {
        memory_.resize(lend);
        return {memory_.data(), memory_.size()};
    }
    void buffer_updated(std::size_t count) override {
        received.append(memory_.view().first(count));
        changed.set();
    }
    void connection_lost(std::exception_ptr) override {
        lost = true;
        changed.set();
    }
    coro<> until_received(std::size_t size) {
        while (received.size() < size && !lost) {
            changed.clear();
            co_await changed.wait();
        }
    }

private:
    bytearray memory_;
};

// ---- the laws ----

inline coro<> law_order(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    bytearray sent;
    for (std::size_t size : {1U, 2U, 100U, 4095U, 8192U, 70'000U, 3U, 300'000U, 1U}) {
        const bytearray piece = pattern(size, static_cast<std::uint32_t>(size));
        pair.ends.a->write(piece);
        sent.append(piece);
        if (size % 2 == 1) co_await sleep(duration::zero());
    }
    co_await pair.b->until_received(sent.size());
    demand(pair.b->received == sent, "bytes arrive whole and in the order of writing");
    co_await pair.end();
}

inline coro<> law_both_directions(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    const bytearray forth = pattern(500'000, 1);
    const bytearray back = pattern(400'000, 2);
    pair.ends.a->write(forth);
    pair.ends.b->write(back);
    co_await pair.b->until_received(forth.size());
    co_await pair.a->until_received(back.size());
    demand(pair.b->received == forth && pair.a->received == back, "both directions carry bytes at the same time");
    co_await pair.end();
}

inline coro<> law_write_copies(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.clog();
    bytearray data = pattern(100'000);
    const bytearray original = data;
    pair.ends.a->write(data);
    std::memset(data.data(), 0, data.size());
    pair.ends.b->resume_reading();
    co_await pair.b->until_received(pair.clogged + original.size());
    demand(pair.b->received.view().last(original.size()) == original.view(),
           "the caller's memory is its own again when write returns");
    co_await pair.end();
}

inline coro<> law_writelines(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.ends.a->write("first,");
    std::vector<bytearray> blocks;
    for (std::size_t i = 0; i < 300; ++i) blocks.push_back(pattern(i % 3 == 0 ? 0 : 997 * (i % 7), 5));
    blocks.emplace_back();  // T3: an empty last piece
    std::vector<bytes_view> pieces;
    bytearray sent("first,");
    for (const bytearray& block : blocks) {
        pieces.emplace_back(block);
        sent.append(block);
    }
    pair.ends.a->writelines(std::span<const bytes_view>(pieces));
    co_await pair.b->until_received(sent.size());
    demand(pair.b->received == sent, "writelines is the same as writing the pieces one after the other");
    const std::vector<bytes_view> nothing(3);
    pair.ends.a->writelines(std::span<const bytes_view>(nothing));
    pair.ends.a->write("");
    demand(pair.ends.a->get_write_buffer_size() == 0, "empty pieces are ignored");
    co_await pair.end();
}

inline coro<> law_writelines_flow(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.clog();
    const bytearray block = pattern(50'000);
    const std::vector<bytes_view> pieces(4, block.view());
    pair.ends.a->writelines(std::span<const bytes_view>(pieces));
    demand(pair.a->count("pause_writing") == 1, "writelines pauses as write does (T2)");
    pair.ends.b->resume_reading();
    co_await pair.b->until_received(pair.clogged + 4 * block.size());
    demand(pair.a->count("resume_writing") == 1, "what writelines left over is sent when there is room (T1)");
    co_await pair.end();
}

inline coro<> law_close_flushes(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    const bytearray sent = pattern(700'000);
    pair.ends.a->write(sent);
    pair.ends.a->close();
    demand(pair.ends.a->is_closing(), "close takes effect at once");
    demand(!pair.a->lost(), "connection_lost is not called from within close");
    co_await pair.b->until_lost();
    co_await pair.a->until_lost();
    demand(pair.b->received == sent, "close sends what was written before (T5)");
    demand(pair.b->count("eof_received") == 1, "the peer sees the end");
    demand(!pair.a->reason && !pair.b->reason, "an orderly close is no error on either side");
    co_await pair.end();
}

inline coro<> law_close_twice(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.ends.a->write("x");
    pair.ends.a->close();
    pair.ends.a->close();
    pair.ends.a->abort();
    pair.ends.a->abort();
    co_await pair.a->until_lost();
    pair.ends.a->close();
    pair.ends.a->pause_reading();
    pair.ends.a->resume_reading();
    co_await pair.end();
}

inline coro<> law_abort_drops(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.clog();
    pair.ends.a->close();
    for (int i = 0; i < 5; ++i) co_await sleep(duration::zero());
    demand(!pair.a->lost(), "close waits as long as the receiver does not read");
    pair.ends.a->abort();
    demand(pair.ends.a->get_write_buffer_size() == 0, "abort drops what is queued");
    co_await pair.a->until_lost();
    demand(!pair.a->reason, "abort is no error");
    co_await pair.end();
}

inline coro<> law_half_close(const make_transport_pair& make) {
    connected pair;
    pair.b->keep_open = true;
    co_await pair.connect(make);
    demand(pair.ends.a->can_write_eof(), "a medium with both directions can close one");
    const bytearray sent = pattern(200'000);
    pair.ends.a->write(sent);
    pair.ends.a->write_eof();
    pair.ends.a->write_eof();
    co_await pair.b->until([&] { return pair.b->count("eof_received") == 1; });
    demand(pair.b->received == sent, "write_eof comes after everything that was written");
    demand(!pair.ends.b->is_closing(), "eof_received that returns true keeps the transport open");
    pair.ends.b->write("answer");
    co_await pair.a->until_received(6);
    demand(pair.a->received == "answer", "the other direction goes on");
    bool thrown = false;
    try {
        pair.ends.a->write("more");
    } catch (const invalid_state_error&) {
        thrown = true;
    }
    demand(thrown, "write after write_eof throws invalid_state_error");
    pair.ends.b->close();
    co_await pair.b->until_lost();
    co_await pair.end();
}

inline coro<> law_eof_closes(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.ends.a->close();
    co_await pair.b->until_lost();
    demand(pair.b->count("eof_received") == 1, "the end is announced once");
    co_await pair.end();
}

inline coro<> law_write_after_close(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.ends.a->write("before");
    pair.ends.a->close();
    pair.ends.a->write("after");
    pair.ends.a->writelines(std::vector<bytes_view>{"after", "wards"});  // T4
    demand(pair.ends.a->dropped_writes() == 2, "writes after close are dropped and counted");
    if (pair.ends.a->can_write_eof()) pair.ends.a->write_eof();  // T7
    co_await pair.b->until_lost();
    co_await pair.a->until_lost();
    pair.ends.a->write("late");
    demand(pair.ends.a->dropped_writes() == 3, "and so are writes after connection_lost");
    demand(pair.b->received == "before", "only what was written before close arrives");
    co_await pair.end();
}

inline coro<> law_pause_reading(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.ends.b->pause_reading();
    pair.ends.b->pause_reading();
    demand(!pair.ends.b->is_reading(), "pause_reading takes effect at once");
    const bytearray sent = pattern(150'000);
    pair.ends.a->write(sent);
    for (int i = 0; i < 20; ++i) co_await sleep(duration::zero());
    demand(pair.b->received.empty(), "nothing is delivered while reading is paused");
    pair.ends.b->resume_reading();
    pair.ends.b->resume_reading();
    co_await pair.b->until_received(sent.size());
    demand(pair.b->received == sent, "resume_reading delivers what had waited, in order");
    co_await pair.end();
}

inline coro<> law_pause_from_data(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.b->on_data = [](observer& self) { self.transport().pause_reading(); };
    const bytearray sent = pattern(900'000);
    pair.ends.a->write(sent);
    std::size_t portions = 0;
    while (pair.b->received.size() < sent.size()) {
        const std::size_t before = pair.b->received.size();
        co_await pair.b->until([&] { return pair.b->received.size() > before; });
        const std::size_t after = pair.b->received.size();
        co_await sleep(duration::zero());
        demand(pair.b->received.size() == after, "a pause from within data_received stops the next one");
        ++portions;
        pair.ends.b->resume_reading();
    }
    demand(pair.b->received == sent && portions > 1, "a stream paused after each portion loses nothing");
    co_await pair.end();
}

inline coro<> law_pause_at_start(const make_transport_pair& make) {
    connected pair;
    pair.b->pause_at_start = true;
    co_await pair.connect(make);
    pair.ends.a->write("early");
    for (int i = 0; i < 20; ++i) co_await sleep(duration::zero());
    demand(pair.b->received.empty(), "a pause in connection_made holds the first bytes");
    pair.ends.b->resume_reading();
    co_await pair.b->until_received(5);
    co_await pair.end();
}

inline coro<> law_water_marks(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    demand(pair.ends.a->get_write_buffer_limits() == write_buffer_limits{16384, 65536}, "the marks are 64 KiB and 16 KiB");
    pair.ends.a->set_write_buffer_limits({.high = 1 << 30, .low = 1});
    pair.clog();
    const std::size_t size = pair.ends.a->get_write_buffer_size();
    pair.ends.a->set_write_buffer_limits({.high = size + 10, .low = size / 2});
    pair.ends.a->write(pattern(10));
    demand(pair.a->count("pause_writing") == 0, "at the high mark writing is not paused");
    pair.ends.a->write(pattern(1));
    demand(pair.a->count("pause_writing") == 1, "one byte above the high mark it is, from within write");
    pair.ends.a->write(pattern(1000));
    demand(pair.a->count("pause_writing") == 1, "and only once");
    pair.ends.a->set_write_buffer_limits({.high = size + 5000, .low = size + 2000});
    demand(pair.a->count("resume_writing") == 1, "raising the marks above the size resumes at once");
    pair.ends.a->set_write_buffer_limits({.high = 10, .low = 5});
    demand(pair.a->count("pause_writing") == 2, "lowering the high mark below the size pauses at once");
    bool thrown = false;
    try {
        pair.ends.a->set_write_buffer_limits({.high = 1, .low = 2});
    } catch (const std::invalid_argument&) {
        thrown = true;
    }
    demand(thrown, "a low mark above the high one is an error");
    pair.ends.b->resume_reading();
    co_await pair.a->until([&] { return pair.a->count("resume_writing") == 2; });
    demand(pair.ends.a->get_write_buffer_size() <= 5, "resume comes at the low mark (T17)");
    co_await pair.b->until_received(pair.clogged + 1011);
    co_await pair.end();
}

inline coro<> law_zero_high_mark(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.ends.a->set_write_buffer_limits({.high = 0, .low = std::nullopt});
    pair.ends.a->write("at once");
    demand(pair.ends.a->get_write_buffer_size() == 0, "with a high mark of 0 nothing is queued while there is room");
    pair.clog();
    demand(pair.a->count("pause_writing") == 1, "and anything queued pauses");
    pair.ends.b->resume_reading();
    co_await pair.a->until([&] { return pair.a->count("resume_writing") == 1; });
    demand(pair.ends.a->get_write_buffer_size() == 0, "until everything has been taken");
    co_await pair.end();
}

inline coro<> law_resume_writes(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    bytearray expected;  // the end of what is sent
    std::uint32_t rounds = 0;
    pair.a->on_resume = [&](observer& self) {
        if (rounds == 3) return;
        const bytearray block = pattern(100'000, ++rounds);
        self.transport().write(block);
        expected.append(block);
    };
    pair.clog();
    const bytearray rest = pattern(100'000);
    pair.ends.a->write(rest);
    expected.append(rest);
    pair.ends.b->resume_reading();
    co_await pair.b->until([&] { return rounds > 0 && pair.b->received.size() == pair.clogged + expected.size(); });
    demand(pair.b->received.view().last(expected.size()) == expected.view(),
           "what resume_writing writes follows what was written before");
    co_await pair.end();
}

inline coro<> law_end_from_resume(const make_transport_pair& make) {
    for (const bool abort : {false, true}) {  // T6
        connected pair;
        co_await pair.connect(make);
        pair.a->on_resume = [abort](observer& self) {
            self.transport().write("last words");
            if (abort) {
                self.transport().abort();
            } else {
                self.transport().close();
            }
        };
        pair.clog();
        pair.ends.a->write(pattern(100'000));
        pair.ends.b->resume_reading();
        co_await pair.a->until_lost();
        co_await pair.b->until_lost();
        if (!abort) demand(pair.b->received.ends_with("last words"), "close in resume_writing sends what was written");
        co_await pair.end();
    }
}

inline coro<> law_end_from_data(const make_transport_pair& make) {
    for (const bool abort : {false, true}) {
        connected pair;
        co_await pair.connect(make);
        std::size_t calls = 0;
        pair.b->on_data = [&calls, abort](observer& self) {
            ++calls;
            if (abort) {
                self.transport().abort();
            } else {
                self.transport().close();
            }
        };
        pair.ends.a->write(pattern(400'000));
        co_await pair.b->until_lost();
        demand(calls == 1, "after close or abort in data_received nothing more is delivered");
        co_await pair.a->until([&] { return pair.a->lost() || pair.ends.a->get_write_buffer_size() == 0; });
        co_await pair.end();
    }
}

inline coro<> law_throwing_data(const make_transport_pair& make) {
    report_collector reports;
    connected pair;
    co_await pair.connect(make);
    pair.b->on_data = [](observer&) { throw std::runtime_error("from data_received"); };
    pair.ends.a->write("x");
    co_await pair.b->until_lost();
    demand(reports.messages.size() == 1 && reports.messages[0].find("data_received") != std::string::npos,
           "what data_received throws is reported and named");
    demand(describe(pair.b->reason) == "from data_received", "and ends the connection with that error");
    co_await pair.end();
}

inline coro<> law_throwing_flow(const make_transport_pair& make) {
    report_collector reports;
    connected pair;
    co_await pair.connect(make);
    pair.a->on_pause = [](observer&) { throw std::runtime_error("from pause_writing"); };
    pair.a->on_resume = [](observer&) { throw std::runtime_error("from resume_writing"); };
    pair.clog();
    pair.ends.a->write(pattern(100'000));
    pair.ends.b->resume_reading();
    co_await pair.b->until_received(pair.clogged + 100'000);
    demand(reports.messages.size() == 2, "what pause_writing and resume_writing throw is reported");
    demand(!pair.ends.a->is_closing(), "and the connection goes on");
    co_await pair.end();
}

inline coro<> law_throwing_lost(const make_transport_pair& make) {
    report_collector reports;
    connected pair;
    co_await pair.connect(make);
    pair.a->on_lost = [](observer&) { throw std::runtime_error("from connection_lost"); };
    pair.ends.a->close();
    co_await pair.a->until_lost();
    co_await pair.b->until_lost();
    demand(reports.messages.size() == 1, "what connection_lost throws is reported");
    co_await pair.end();
}

inline coro<> law_set_protocol(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    const auto second = std::make_shared<lending_observer>();
    pair.b->on_data = [&](observer& self) {
        if (self.received.size() >= 5) self.transport().set_protocol(second);
    };
    pair.ends.a->write("hello");
    co_await pair.b->until_received(5);
    pair.ends.a->write("world, to a buffered protocol");
    co_await second->until_received(29);
    demand(second->received == "world, to a buffered protocol", "the protocol can be replaced in the middle");
    demand(pair.ends.b->get_protocol() == second, "get_protocol tells which one it is");
    bool thrown = false;
    try {
        pair.ends.b->set_protocol(nullptr);
    } catch (const std::invalid_argument&) {
        thrown = true;
    }
    demand(thrown, "a transport is never without a protocol");
    pair.ends.b->set_protocol(pair.b);
    pair.b->on_data = nullptr;
    pair.ends.a->write("back");
    co_await pair.b->until_received(9);
    co_await pair.end();
}

inline coro<> law_buffered(const make_transport_pair& make) {
    for (const std::size_t lend : {1U, 7U, 4096U, 1'000'000U}) {
        connected pair;
        const auto receiver = std::make_shared<lending_observer>();
        receiver->lend = lend;
        co_await pair.connect(make);
        pair.ends.b->set_protocol(receiver);
        const bytearray sent = pattern(lend == 1 ? 3000 : 200'000);
        pair.ends.a->write(sent);
        co_await receiver->until_received(sent.size());
        demand(receiver->received == sent, "a buffered protocol gets the same bytes");
        pair.ends.b->set_protocol(pair.b);
        co_await pair.end();
    }
}

inline coro<> law_empty_buffer(const make_transport_pair& make) {
    report_collector reports;
    connected pair;
    const auto receiver = std::make_shared<lending_observer>();
    receiver->lend = 0;
    co_await pair.connect(make);
    pair.ends.b->set_protocol(receiver);
    pair.ends.a->write("x");
    while (!receiver->lost) {
        receiver->changed.clear();
        co_await receiver->changed.wait();
    }
    demand(reports.messages.size() == 1 && reports.messages[0].find("get_buffer") != std::string::npos,
           "an empty buffer is reported and names get_buffer");
    pair.ends.a->abort();
    co_await pair.a->until_lost();
}

inline coro<> law_peer_vanishes(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    pair.clog();
    pair.ends.b->abort();
    co_await pair.a->until_lost();
    demand(pair.a->reason != nullptr, "bytes that cannot be sent any more make the loss an error");
    demand(pair.a->count("resume_writing") == 0, "a loss does not resume writing");
    co_await pair.end();
}

inline coro<> law_dropped_references(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    const std::weak_ptr<transport> weak = pair.ends.a;
    aioxx::transport& raw = *pair.ends.a;
    pair.ends.a.reset();
    demand(!weak.expired(), "an open transport holds itself");
    raw.write("alive");
    co_await pair.b->until_received(5);
    raw.close();
    co_await pair.a->until_lost();
    co_await pair.b->until_lost();
    for (int i = 0; i < 3; ++i) co_await sleep(duration::zero());
    demand(weak.expired(), "after connection_lost it does not");
}

inline coro<> law_no_half_close(const make_transport_pair& make) {
    connected pair;
    pair.b->keep_open = true;
    co_await pair.connect(make);
    demand(!pair.ends.a->can_write_eof(), "no direction can be ended alone");
    bool thrown = false;
    try {
        pair.ends.a->write_eof();
    } catch (const invalid_state_error&) {
        thrown = true;
    }
    demand(thrown, "write_eof throws invalid_state_error");
    pair.ends.a->write("the last");
    pair.ends.a->close();
    co_await pair.b->until_lost();
    co_await pair.a->until_lost();
    demand(pair.b->received == "the last" && pair.b->count("eof_received") == 1, "the peer sees the end after the bytes");
    demand(!pair.a->reason && !pair.b->reason, "which is no error");
}

inline coro<> law_read_only_end(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    bool thrown = false;
    try {
        pair.ends.b->write("against the current");
    } catch (const invalid_state_error&) {
        thrown = true;
    }
    demand(thrown, "the receiving end of a one-way medium refuses to write");
    demand(!pair.ends.a->is_reading(), "and the sending end does not read");
    co_await pair.end();
}

}  // namespace transport_checks

/// The laws, in the order in which a new transport best meets them.
[[nodiscard]] inline std::vector<transport_law> transport_laws() {
    using namespace transport_checks;
    using enum law_needs;
    return {
        {"bytes arrive whole and in order", nothing, law_order},
        {"both directions carry bytes at once", both_directions, law_both_directions},
        {"write does not keep the caller's memory", nothing, law_write_copies},
        {"writelines equals writing the pieces, with empty ones anywhere (T3, ST006)", nothing, law_writelines},
        {"writelines obeys the water marks and is sent to the end (T1, T2)", nothing, law_writelines_flow},
        {"close sends what is queued (T5)", nothing, law_close_flushes},
        {"close and abort are idempotent, in any order (ST014)", nothing, law_close_twice},
        {"abort drops what is queued, also after close (ST014)", nothing, law_abort_drops},
        {"write_eof ends one direction only", half_close, law_half_close},
        {"the peer's end closes unless the protocol wants it open", nothing, law_eof_closes},
        {"writes after the end are dropped and counted (T4, T7, ST008)", nothing, law_write_after_close},
        {"pause_reading holds the bytes back (ST002)", nothing, law_pause_reading},
        {"pause_reading from within data_received holds the next portion back", nothing, law_pause_from_data},
        {"pause_reading in connection_made holds the first bytes back (ST002)", nothing, law_pause_at_start},
        {"writing pauses above the high mark and resumes at the low one (T17, PR005)", nothing, law_water_marks},
        {"a high mark of zero queues nothing while there is room", nothing, law_zero_high_mark},
        {"resume_writing may write more (ST010)", nothing, law_resume_writes},
        {"resume_writing may close and abort (T6, FC007)", nothing, law_end_from_resume},
        {"data_received may close and abort", nothing, law_end_from_data},
        {"an exception from data_received ends the connection (ST003)", nothing, law_throwing_data},
        {"exceptions from pause_writing and resume_writing do not (FC005)", nothing, law_throwing_flow},
        {"an exception from connection_lost is reported", nothing, law_throwing_lost},
        {"the protocol can be replaced at any time", nothing, law_set_protocol},
        {"a buffered protocol gets the same bytes", nothing, law_buffered},
        {"an empty buffer from get_buffer is an error", nothing, law_empty_buffer},
        {"a peer that vanishes is an error when bytes are lost (FC008)", nothing, law_peer_vanishes},
        {"an open transport holds itself, a lost one does not", nothing, law_dropped_references},
    };
}

/// The law of a medium with one direction.
[[nodiscard]] inline transport_law one_way_law() {
    return {"a one-way medium refuses the other direction", law_needs::nothing, transport_checks::law_read_only_end};
}

/// The law of a medium with both directions that can only be ended together.
[[nodiscard]] inline transport_law no_half_close_law() {
    return {"write_eof is refused, and the peer's end closes whatever the protocol wants", law_needs::both_directions,
            transport_checks::law_no_half_close};
}

}  // namespace aioxx::testing

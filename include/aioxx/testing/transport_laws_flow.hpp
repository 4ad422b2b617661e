// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/transport_laws_flow.hpp: the laws of flow control: pausing what is read, and the water marks of what is
// written.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/demand.hpp>
#include <aioxx/testing/transport_law.hpp>

namespace aioxx::testing::transport_checks {

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
    demand_throws<std::invalid_argument>([&] { pair.ends.a->set_write_buffer_limits({.high = 1, .low = 2}); },
                                         "a low mark above the high one is an error");
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

}  // namespace aioxx::testing::transport_checks

// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/transport_laws_end.hpp: the laws of how a connection ends: closed, aborted, half-closed, lost.

#include <memory>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/demand.hpp>
#include <aioxx/testing/transport_law.hpp>

namespace aioxx::testing::transport_checks {

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
    demand_throws<invalid_state_error>([&] { pair.ends.a->write("more"); },
                                       "write after write_eof throws invalid_state_error");
    pair.ends.b->close();
    co_await pair.b->until_lost();
    co_await pair.end();
}

inline coro<> law_no_half_close(const make_transport_pair& make) {
    connected pair;
    pair.b->keep_open = true;
    co_await pair.connect(make);
    demand(!pair.ends.a->can_write_eof(), "no direction can be ended alone");
    demand_throws<invalid_state_error>([&] { pair.ends.a->write_eof(); },
                                       "write_eof throws invalid_state_error");
    pair.ends.a->write("the last");
    pair.ends.a->close();
    co_await pair.b->until_lost();
    co_await pair.a->until_lost();
    demand(pair.b->received == "the last" && pair.b->count("eof_received") == 1, "the peer sees the end after the bytes");
    demand(!pair.a->reason && !pair.b->reason, "which is no error");
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

}  // namespace aioxx::testing::transport_checks

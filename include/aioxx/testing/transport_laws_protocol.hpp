// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/transport_laws_protocol.hpp: the laws of the protocol at the end of a transport: its exceptions, its
// replacement, and the kind that lends its memory.

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/testing/demand.hpp>
#include <aioxx/testing/observer.hpp>
#include <aioxx/testing/report_collector.hpp>
#include <aioxx/testing/transport_law.hpp>

namespace aioxx::testing::transport_checks {

inline coro<> law_throwing_data(const make_transport_pair& make) {
    report_collector reports;
    connected pair;
    co_await pair.connect(make);
    pair.b->on_data = [](observer&) { throw std::runtime_error("from data_received"); };
    pair.ends.a->write("x");
    co_await pair.b->until_lost();
    demand(reports.seen.size() == 1 && reports.seen[0].message.find("data_received") != std::string::npos,
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
    demand(reports.seen.size() == 2, "what pause_writing and resume_writing throw is reported");
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
    demand(reports.seen.size() == 1, "what connection_lost throws is reported");
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
    demand_throws<std::invalid_argument>([&] { pair.ends.b->set_protocol(nullptr); },
                                         "a transport is never without a protocol");
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
    co_await receiver->until_lost();
    demand(reports.seen.size() == 1 && reports.seen[0].message.find("get_buffer") != std::string::npos,
           "an empty buffer is reported and names get_buffer");
    pair.ends.a->abort();
    co_await pair.a->until_lost();
}

}  // namespace aioxx::testing::transport_checks

// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/transport_laws_bytes.hpp: the laws of what a byte transport carries: all of it, in order, both ways.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/demand.hpp>
#include <aioxx/testing/transport_law.hpp>

namespace aioxx::testing::transport_checks {

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

inline coro<> law_read_only_end(const make_transport_pair& make) {
    connected pair;
    co_await pair.connect(make);
    demand_throws<invalid_state_error>([&] { pair.ends.b->write("against the current"); },
                                       "the receiving end of a one-way medium refuses to write");
    demand(!pair.ends.a->is_reading(), "and the sending end does not read");
    co_await pair.end();
}

}  // namespace aioxx::testing::transport_checks

// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/transport_law.hpp: what a law of byte transports is, and what all laws need: a connected pair whose ends
// are observed, and bytes to send. The laws themselves are in transport_laws_*.hpp, the list in check_transport.hpp.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/demand.hpp>
#include <aioxx/testing/observer.hpp>

namespace aioxx::testing {

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

/// A named law. Cancellation: of check(): leaves the pair as it is, for its loop to end.
struct transport_law {
    std::string name;
    law_needs needs = law_needs::nothing;
    std::function<coro<>(const make_transport_pair&)> check;
};

namespace transport_checks {

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

}  // namespace transport_checks

}  // namespace aioxx::testing

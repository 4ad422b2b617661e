// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/websocket/stream_pair.hpp: two streams that are connected in memory, for tests in virtual time.

#include <chrono>
#include <memory>
#include <utility>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/memory_link.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace support {

struct stream_pair {
    aioxx::stream near;
    aioxx::stream far;
};

inline std::shared_ptr<aioxx::stream_protocol> start_stream(std::unique_ptr<aioxx::stream_channel> channel) {
    auto state = std::make_shared<aioxx::stream_protocol>(aioxx::stream_reader::default_limit);
    std::make_shared<aioxx::stream_transport>(aioxx::get_running_loop(), std::move(channel), state)->start();
    return state;
}

/// Parameters: `network` what the link between them is like, in both directions.
inline aioxx::coro<stream_pair> make_stream_pair(aioxx::testing::link_options network = {}) {
    aioxx::testing::memory_link link(aioxx::get_running_loop(), network);
    const auto near = start_stream(std::move(link.a));
    const auto far = start_stream(std::move(link.b));
    while (near->transport() == nullptr || far->transport() == nullptr)
        co_await aioxx::sleep(std::chrono::seconds(0));
    co_return stream_pair{aioxx::make_stream(near), aioxx::make_stream(far)};
}

}  // namespace support

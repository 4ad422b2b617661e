// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/sending.hpp: the sending operations of a connection: a message in one frame or in several, one message at a time,
// each at the pace of the transport.

#include <concepts>
#include <cstddef>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/websocket/connection_state_machine.hpp>

namespace aioxx::websocket {

/// What send() takes for text: anything that is a string.
template <class T>
concept text_like = std::convertible_to<T, std::string_view>;

/// What send() takes for one message, or for a fragment of one: text, or bytes.
template <class T>
concept message_content = text_like<T> || bytes_like<T>;

/// A range of fragments.
template <class T>
concept fragment_range = !message_content<T> && std::ranges::input_range<T> &&
                         message_content<std::ranges::range_reference_t<T>>;

namespace detail {

template <class T>
inline constexpr opcode opcode_for = text_like<T> ? opcode::text : opcode::binary;

// A handle of the connection, as the user's are: it stays while the operation runs.
using machine_ptr = state_ptr<connection_state_machine>;

// Until no message in fragments is on its way. It may end, and another begin, before this task runs again.
inline coro<> wait_for_turn(machine_ptr on) {
    while (on->fragmented() != nullptr && on->is_open()) co_await on->fragmented()->wait();
}

// Waits until the transport takes more. Parameters: `written` bytes since the last time.
inline coro<> drain(machine_ptr on, std::size_t written) {
    try {
        co_await on->gate().drain(written);
    } catch (const broken_error&) {
        on->throw_closed();
    }
}

// ---- a message in one frame ----

inline coro<> send_whole(machine_ptr on, opcode kind, bytes_view content, std::optional<bool> compress) {
    if (on->fragmented() != nullptr) [[unlikely]] co_await wait_for_turn(on);
    on->require_open();
    on->put(kind, content, true, compress);
    if (!on->gate().try_drain(content.size())) [[unlikely]] co_await drain(on, 0);
}

inline coro<> send_owned(machine_ptr on, opcode kind, std::string content, std::optional<bool> compress) {
    co_await send_whole(std::move(on), kind, content, compress);
}

// ---- a message in several frames ----

// It is being sent. One that is given up fails the connection: it cannot be completed.
class fragmented_message : pinned {
public:
    fragmented_message(machine_ptr on, opcode kind, std::optional<bool> compress)
        : on_(std::move(on)), compress_(compress), next_(kind) {
        on_->begin_fragmented();
    }
    ~fragmented_message() {
        const bool begun = next_ == opcode::continuation;
        if (begun && !finished_ && on_->is_open()) on_->fail_fragmented();
        on_->end_fragmented();
    }

    [[nodiscard]] coro<> send(bytes_view fragment) { return put(fragment, false); }
    [[nodiscard]] coro<> finish() { return put({}, true); }

private:
    coro<> put(bytes_view fragment, bool last) {
        on_->require_open();
        on_->put(next_, fragment, last, compress_);
        next_ = opcode::continuation;
        finished_ = last;
        return drain(on_, fragment.size());
    }

    machine_ptr on_;
    std::optional<bool> compress_;
    opcode next_;
    bool finished_ = false;
};

template <class Fragments>
coro<> send_range(machine_ptr on, opcode kind, Fragments fragments, std::optional<bool> compress) {
    co_await wait_for_turn(on);
    on->require_open();
    auto fragment = std::ranges::begin(fragments);
    if (fragment == std::ranges::end(fragments)) co_return;
    fragmented_message message(on, kind, compress);
    for (; fragment != std::ranges::end(fragments); ++fragment) {
        auto&& content = *fragment;
        co_await message.send(bytes_view(content));
    }
    co_await message.finish();
}

template <class Fragment>
coro<> send_generated(machine_ptr on, opcode kind, async_generator<Fragment> fragments, std::optional<bool> compress) {
    co_await wait_for_turn(on);
    on->require_open();
    std::optional<fragmented_message> message;
    for (;;) {
        auto content = co_await fragments.next();
        if (!content) break;
        if (!message) {
            co_await wait_for_turn(on);
            message.emplace(on, kind, compress);
        }
        co_await message->send(bytes_view(*content));
    }
    if (message) co_await message->finish();
}

}  // namespace detail

}  // namespace aioxx::websocket

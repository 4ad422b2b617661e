// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/receiving.hpp: the receiving operations of a connection: one awaiter, and what each of them takes.

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/websocket/connection_state_machine.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/message.hpp>

namespace aioxx::websocket::detail {

// The awaiter of a receiving operation. `Take` makes the result of what has arrived: from nothing only when it says
// that an orderly end is a result. What waits, and keeps the connection, is there only when there is something to wait for.
template <class Take>
class [[nodiscard]] receive_awaiter : pinned {
public:
    receive_awaiter(connection_state_machine& from, Take take) : from_(from), take_(std::move(take)) {}
    ~receive_awaiter() {
        if (waited_) std::destroy_at(&wait_);
    }

    [[nodiscard]] bool await_ready() { return from_.look_for(Take::what); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        std::construct_at(&wait_, from_);
        waited_ = true;
        wait_.start(coroutine);
    }
    decltype(auto) await_resume() {
        if (waited_) [[unlikely]] wait_.finish();
        from_.require_message(Take::what, Take::end_is_result);
        return take_(from_);
    }

private:
    class wait final : public connection_state_machine::arrival {
    public:
        explicit wait(connection_state_machine& on) noexcept : arrival(on, Take::what) {}

    private:
        const char* waits_for() const noexcept override { return Take::operation; }
    };

    connection_state_machine& from_;
    union {
        wait wait_;
    };
    bool waited_ = false;
    [[no_unique_address]] Take take_;
};

struct take_message {
    static constexpr const char* operation = "receive";
    static constexpr wanted what = wanted::message;
    static constexpr bool end_is_result = false;
    message operator()(connection_state_machine& from) const { return from.take_message(); }
};
struct take_for_recv : take_message {
    static constexpr const char* operation = "recv";
};
struct take_message_or_end : take_message {
    static constexpr const char* operation = "next";
    static constexpr bool end_is_result = true;
    std::optional<message> operator()(connection_state_machine& from) const {
        std::optional<message> next;
        if (from.has_message()) next.emplace(from.take_message());
        return next;
    }
};
struct look_at_message : take_message {
    static constexpr const char* operation = "receive_view";
    message_view operator()(connection_state_machine& from) const { return from.look_at_message(); }
};
struct look_at_batch : take_message {
    static constexpr const char* operation = "receive_batch";
    std::span<const message_view> operator()(connection_state_machine& from) const { return from.look_at_batch(); }
};
struct look_at_part : look_at_message {
    static constexpr const char* operation = "receive_streaming";
    static constexpr wanted what = wanted::part;
};
// A message of a kind; one of the other kind stays.
template <bool Text>
message take_kind(connection_state_machine& from, const char* operation) {
    const message_view first = from.peek_message();
    if (first.is_text != Text) throw wrong_message_kind(operation, first.is_text, first.data.size());
    return from.take_message();
}
struct take_text : take_message {
    static constexpr const char* operation = "receive_text";
    std::string operator()(connection_state_machine& from) const {
        return std::string(take_kind<true>(from, operation).str());
    }
};
struct take_bytes : take_message {
    static constexpr const char* operation = "receive_bytes";
    bytearray operator()(connection_state_machine& from) const {
        message taken = take_kind<false>(from, operation);
        return std::move(taken.data);
    }
};
template <class FromText>
struct take_value : take_message {
    static constexpr const char* operation = "receive_json";
    FromText from_text;
    explicit take_value(FromText make) : from_text(std::move(make)) {}
    auto operator()(connection_state_machine& from) {
        const message taken = take_kind<true>(from, operation);
        return std::invoke(from_text, taken.str());
    }
};

}  // namespace aioxx::websocket::detail

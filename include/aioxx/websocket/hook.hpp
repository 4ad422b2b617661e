// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/hook.hpp: a function that the program gives to a server, plain or a coroutine, whichever it likes.

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket {

/// Something that is called with `Arguments` and gives a `Result`, or a coroutine that does. Empty: not set.
///
/// Lifetime: the function is kept as long as a copy of the hook exists or a call is under way.
template <class Result, class... Arguments>
class hook {
    template <class Function>
    static constexpr bool is_plain = std::is_invocable_r_v<Result, Function&, Arguments...>;
    template <class Function>
    static constexpr bool is_coroutine = std::is_invocable_r_v<coro<Result>, Function&, Arguments...>;

public:
    hook() = default;

    template <class Function>
        requires(!std::same_as<std::decay_t<Function>, hook> &&
                 (is_coroutine<std::decay_t<Function>> || is_plain<std::decay_t<Function>>))
    hook(Function&& function)  // NOLINT: an implicit conversion, as std::function has it
        : call_([kept = std::make_shared<std::decay_t<Function>>(std::forward<Function>(function))](
                    Arguments... arguments) {
              return call<std::decay_t<Function>>(kept, std::forward<Arguments>(arguments)...);
          }) {}

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(call_); }

    /// Calls it. Requires: it is set. Errors: what the function throws.
    /// Lifetime: what is referred to lives until it returns. Cancellation: as the function.
    [[nodiscard]] coro<Result> operator()(Arguments... arguments) const {
        return call_(std::forward<Arguments>(arguments)...);
    }

private:
    template <class Function>
    static coro<Result> call(std::shared_ptr<Function> function, Arguments... arguments) {
        if constexpr (is_coroutine<Function>) {
            co_return co_await (*function)(std::forward<Arguments>(arguments)...);
        } else {
            co_return (*function)(std::forward<Arguments>(arguments)...);
        }
    }

    std::function<coro<Result>(Arguments...)> call_;
};

/// Looks at a request before the handshake does. A response answers it as plain HTTP; {} lets it go on.
using request_hook = hook<std::optional<http_response>, const http_request&>;

/// Looks at the response before it is sent, and may change it. A 101 that becomes another status is a refusal.
using response_hook = hook<void, const http_request&, http_response&>;

}  // namespace aioxx::websocket

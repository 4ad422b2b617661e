// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/message_view.hpp: a received message that lies in memory of somebody else.

#include <string_view>

#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx::websocket {

/// A received message where it lies. Lifetime: what gives it says until when.
struct message_view {
    bool is_text = false;
    bytes_view data;  ///< valid UTF-8 when is_text

    [[nodiscard]] std::string_view str() const noexcept { return data.str(); }
};

}  // namespace aioxx::websocket

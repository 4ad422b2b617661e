// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/message.hpp: a received message. Borrowed ones are in proto/message_view.hpp.

#include <string_view>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/websocket/proto/message_view.hpp>
#include <aioxx/websocket/spare_buffers.hpp>

namespace aioxx::websocket {

/// A received message. Its memory is used again for a later one, unless `data` is moved away.
struct message {
    message() = default;
    message(bool text, bytearray content) noexcept : is_text(text), data(std::move(content)) {}
    message(const message&) = default;
    message(message&&) noexcept = default;
    message& operator=(message other) noexcept {
        std::swap(is_text, other.is_text);
        std::swap(data, other.data);
        return *this;
    }
    ~message() { detail::give_spare(std::move(data)); }

    bool is_text = false;
    bytearray data;  ///< valid UTF-8 when is_text

    [[nodiscard]] std::string_view str() const noexcept { return data.str(); }
};

}  // namespace aioxx::websocket

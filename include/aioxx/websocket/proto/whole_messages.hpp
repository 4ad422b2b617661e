// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/whole_messages.hpp: the messages at the front of the input that lie there whole, each in one frame and not
// compressed. Most messages do, and a loop that remembers nothing of them is a fraction of the work of frame_parser.hpp
// and message.hpp. It refuses nothing: what is wrong, or something else, it leaves where it is for those.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include <aioxx/base/config.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/frame.hpp>
#include <aioxx/websocket/proto/mask.hpp>
#include <aioxx/websocket/proto/message_view.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

namespace aioxx::websocket::detail {

// What was unmasked and cannot be taken is to be as it was.
AIOXX_COLD inline void mask_again(std::byte* payload, std::size_t size, masking_key key) noexcept {
    apply_mask(payload, bytes_view(payload, size), key);
}

// As take_whole_messages.
template <bool Masked>
std::size_t take_whole(bytes_view& input, std::uint64_t max_size, std::span<message_view> into) noexcept {
    constexpr unsigned mask_bit = Masked ? 0x80 : 0;
    constexpr std::size_t key_size = Masked ? sizeof(masking_key) : 0;
    const std::byte* at = input.data();
    std::size_t left = input.size();
    std::size_t count = 0;
    for (; count != into.size() && left >= 2; ++count) {
        const auto first = std::to_integer<unsigned>(at[0]);
        const bool is_text = first == 0x81;
        const unsigned length = std::to_integer<unsigned>(at[1]) ^ mask_bit;  // more than seven bits: the wrong mask bit
        if ((!is_text && first != 0x82) || length > 126) break;
        std::size_t header = 2 + key_size;
        std::size_t size = length;
        if (length == 126) {
            header += 2;
            if (left < header) break;
            size = std::to_integer<std::size_t>(at[2]) << 8 | std::to_integer<std::size_t>(at[3]);
            if (size < 126) break;  // has to be written shorter
        }
        if (left < header + size || size > max_size) break;
        const bytes_view payload(at + header, size);
        [[maybe_unused]] std::byte* const place = const_cast<std::byte*>(payload.data());
        [[maybe_unused]] masking_key key;
        if constexpr (Masked) {
            std::memcpy(key.data(), payload.data() - sizeof key, sizeof key);
            apply_mask(place, payload, key);
        }
        if (is_text && !is_utf8(payload)) [[unlikely]] {
            if constexpr (Masked) mask_again(place, size, key);
            break;
        }
        std::construct_at(&into[count], message_view{is_text, payload});
        at += header + size;
        left -= header + size;
    }
    input = bytes_view(at, left);
    return count;
}

/// Takes messages below 64 KiB off the front of `input`, unmasked where they lie.
///
/// Parameters: `us` our own end, which tells whether they are masked; `max_size` of a message in bytes; `into` room for
/// the results, which are constructed there.
/// Requires: `input` begins with a frame, outside a message; what is masked may be written to.
/// Returns: how many there are now in `into`. Lifetime: they refer to the input.
inline std::size_t take_whole_messages(bytes_view& input, role us, std::uint64_t max_size,
                                       std::span<message_view> into) noexcept {
    return us == role::server ? take_whole<true>(input, max_size, into) : take_whole<false>(input, max_size, into);
}

}  // namespace aioxx::websocket::detail

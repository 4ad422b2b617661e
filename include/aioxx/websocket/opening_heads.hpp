// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/opening_heads.hpp: the heads of an opening handshake, kept for as long as the connection lives. Packed, in a
// tenth of the memory: most connections are idle, and most programs never ask for them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket::detail {

// What heads of handshakes have in common, each piece at the control character that stands for it in a packed one: no head
// has control characters but tabs and those of the line ends. A tab stands for itself, 0 for the end, 1 for the accept key.
// No piece is the beginning of another, and those with the same first character are neighbours.
inline constexpr std::array<std::string_view, 32> head_pieces{
    {"",
     "",
     " HTTP/1.1\r\nHost: ",
     " GMT\r\n",
     ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
     ") Gecko/20100101 Firefox/",
     ".0.0.0 Safari/537.36\r\n",
     "; client_max_window_bits",
     "Date: ",
     "",
     "\r\n",
     "Accept-Encoding: gzip, deflate",
     "Accept-Language: en-US,en;q=0.",
     "Connection: Upgrade\r\n",
     "Cookie: ",
     "GET /",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
     "Mozilla/5.0 (",
     "Macintosh; Intel Mac OS X 10",
     "Origin: http",
     "Pragma: no-cache\r\nCache-Control: no-cache\r\n",
     "Sec-WebSocket-Key: ",
     "Sec-WebSocket-Version: 13\r\n",
     "Sec-WebSocket-Extensions: permessage-deflate",
     "Sec-WebSocket-Protocol: ",
     "Sec-Fetch-",
     "Server: aioxx\r\n",
     "Upgrade: websocket\r\n",
     "User-Agent: ",
     "Windows NT 10.0; Win64; x64",
     "X11; Linux x86_64",
     "X-Forwarded-"}};

// The first piece with each first character; 0 for none.
inline constexpr std::array<std::uint8_t, 256> first_head_pieces = [] {
    std::array<std::uint8_t, 256> first{};
    for (std::size_t code = head_pieces.size(); code-- != 0;) {
        const std::string_view piece = head_pieces[code];
        if (!piece.empty()) first[static_cast<unsigned char>(piece[0])] = static_cast<std::uint8_t>(code);
    }
    return first;
}();

// Returns: what stands for the piece that a text begins with; 0 for none.
[[nodiscard]] inline std::size_t find_head_piece(std::string_view text) noexcept {
    std::size_t code = first_head_pieces[static_cast<unsigned char>(text[0])];
    if (code == 0) return 0;
    while (!text.starts_with(head_pieces[code])) {
        ++code;
        if (code == head_pieces.size() || !head_pieces[code].starts_with(text[0])) return 0;
    }
    return code;
}

// Parameters: `accept` the key that is likely in a response; empty for a request.
[[nodiscard]] inline std::string pack_head(std::string_view head, std::string_view accept) {
    const std::size_t accept_at = accept.empty() ? std::string_view::npos : head.find(accept);
    std::string packed;
    for (std::size_t at = 0; at != head.size();) {
        if (at == accept_at) {
            packed += '\1';
            at += accept.size();
        } else if (const std::size_t code = find_head_piece(head.substr(at))) {
            packed += static_cast<char>(code);
            at += head_pieces[code].size();
        } else {
            packed += head[at++];
        }
    }
    return packed;
}

// The reverse.
[[nodiscard]] inline std::string unpack_head(std::string_view packed, std::string_view accept) {
    std::string head;
    for (const char each : packed) {
        const auto code = static_cast<unsigned char>(each);
        if (code == 1) {
            head += accept;
        } else if (code < head_pieces.size() && !head_pieces[code].empty()) {
            head += head_pieces[code];
        } else {
            head += each;
        }
    }
    return head;
}

/// A request and its response.
struct opening_heads {
    http_request request;
    http_response response;
};

/// The same in little memory.
class packed_heads {
public:
    packed_heads() = default;
    packed_heads(const http_request& request, http_response response) {
        response.body.clear();
        const std::string asked = pack_head(serialize(request), {});
        const std::string answered = pack_head(serialize(response), accept_key_for(request));
        auto text = std::make_unique_for_overwrite<char[]>(asked.size() + 1 + answered.size() + 1);
        std::memcpy(text.get(), asked.c_str(), asked.size() + 1);
        std::memcpy(text.get() + asked.size() + 1, answered.c_str(), answered.size() + 1);
        text_ = std::move(text);
    }

    /// Requires: it was not made without any.
    [[nodiscard]] opening_heads unpack() const {
        const std::string_view asked(text_.get());
        opening_heads made;
        made.request = parse<http_request>(unpack_head(asked, {}));
        const std::string_view answered(asked.data() + asked.size() + 1);
        made.response = parse<http_response>(unpack_head(answered, accept_key_for(made.request)));
        return made;
    }

private:
    static std::string accept_key_for(const http_request& request) {
        const auto key = request.headers.get("Sec-WebSocket-Key");
        return key ? accept_key(*key) : std::string();
    }

    // It is our own text: nothing in it can be wrong or too long.
    template <class Head>
    static Head parse(const std::string& text) {
        http_limits none;
        none.max_line = none.max_total = text.size() + 2;
        none.max_headers = text.size();
        http_head_parser<Head> parser(none);
        parser.feed(text);
        return parser.take_head();
    }

    std::unique_ptr<const char[]> text_;  // both, each with a 0 behind it
};

}  // namespace aioxx::websocket::detail

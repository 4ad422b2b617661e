// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/accept_key.hpp: the two keys of the opening handshake (RFC 6455 section 4), and the base64
// they are written in. The only file of the protocol that knows OpenSSL; users link libcrypto.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/masking_keys.hpp>

namespace aioxx::websocket {

/// Base64 with padding (RFC 4648 section 4), as keys and the Authorization header use it.
[[nodiscard]] inline std::string base64_encode(bytes_view data) {
    std::string text(4 * ((data.size() + 2) / 3) + 1, '\0');  // EVP_EncodeBlock writes a terminating zero
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

/// A new Sec-WebSocket-Key: sixteen random bytes.
[[nodiscard]] inline std::string make_key(entropy_source source = standard_entropy) {
    std::array<std::byte, 16> nonce;
    source(nonce.data(), nonce.size());
    return base64_encode(bytes_view(nonce.data(), nonce.size()));
}

/// Tells whether a Sec-WebSocket-Key is the base64 of sixteen bytes.
[[nodiscard]] inline bool is_valid_key(std::string_view key) noexcept {
    constexpr auto in_alphabet = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
               c == '/';
    };
    return key.size() == 24 && std::all_of(key.begin(), key.begin() + 22, in_alphabet) &&
           key.substr(22) == "==";
}

/// The Sec-WebSocket-Accept that answers a key.
///
/// Errors: aioxx::error where the system's policy forbids SHA-1 altogether.
[[nodiscard]] inline std::string accept_key(std::string_view key) {
    const std::string text =
        std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 section 1.3
    std::array<std::byte, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                   EVP_sha1(), nullptr) != 1) {
        throw error("OpenSSL refuses to compute SHA-1, which the WebSocket handshake needs");
    }
    return base64_encode(bytes_view(digest.data(), size));
}

}  // namespace aioxx::websocket

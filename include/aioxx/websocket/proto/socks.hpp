// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/socks.hpp: the client's half of SOCKS 5, which asks a proxy for a connection (RFC 1928; user name and
// password RFC 1929), without any I/O. Every answer begins with what tells its length, so that nothing behind the last one is
// read.

#include <arpa/inet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx::websocket {

/// Asks a SOCKS 5 proxy for a connection: sends take_output(), and feeds answers of needed() bytes until it is over.
class socks5_handshake {
public:
    /// Parameters: `host` and `port` to be connected with: an IP address, or a name, which the proxy resolves; `user` and
    /// `password` are offered when `user` is not empty.
    /// Errors: std::invalid_argument when one of them does not have 1 to 255 bytes.
    socks5_handshake(std::string_view host, std::uint16_t port, std::string_view user = {}, std::string_view password = {}) {
        require_length(host, "host");
        if (!user.empty()) {
            require_length(user, "user name");
            require_length(password, "password");
            put(authentication_, 1);
            put_counted(authentication_, user);
            put_counted(authentication_, password);
        }
        for (const int byte : {version, connect, 0}) put(request_, byte);
        put_address(host);
        put(request_, port >> 8);
        put(request_, port & 0xFF);

        put(output_, version);
        put(output_, user.empty() ? 1 : 2);
        put(output_, no_authentication);
        if (!user.empty()) put(output_, by_password);
    }

    /// What is to be sent now.
    [[nodiscard]] bytearray take_output() noexcept { return std::exchange(output_, bytearray()); }

    /// How many bytes of the proxy come next; 0 when it is over.
    [[nodiscard]] std::size_t needed() const noexcept { return needed_; }

    /// Parameters: `answer` the next needed() bytes.
    void feed(bytes_view answer) {
        const auto byte = [answer](std::size_t at) { return std::to_integer<int>(answer[at]); };
        needed_ = 0;
        if (next_ != phase::password && next_ != phase::address && byte(0) != version) {
            return fail("version " + std::to_string(byte(0)) + " of SOCKS in the answer, expected 5");
        }
        switch (next_) {
            case phase::method: return choose(byte(1));
            case phase::password:
                if (byte(1) != 0) return fail("user name and password refused");
                return ask();
            case phase::reply:
                if (byte(1) != 0) return fail(meaning_of(byte(1)));
                if (const std::size_t rest = size_of_address(byte(3), byte(4)); rest != 0) return expect(phase::address, rest);
                return fail("unknown address type " + std::to_string(byte(3)) + " in the reply");
            case phase::address: done_ = true;  // where it has connected from
        }
    }

    /// Whether the proxy has connected: what follows is the server's.
    [[nodiscard]] bool done() const noexcept { return done_; }

    /// What is wrong; empty: nothing.
    [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

private:
    enum class phase { method, password, reply, address };

    static constexpr int version = 5;
    static constexpr int connect = 1;
    static constexpr int no_authentication = 0;
    static constexpr int by_password = 2;
    static constexpr int ipv4 = 1;
    static constexpr int name = 3;
    static constexpr int ipv6 = 4;

    static void require_length(std::string_view text, const char* what) {
        if (!text.empty() && text.size() <= 255) return;
        throw std::invalid_argument(std::string("SOCKS 5: the ") + what + " has " + std::to_string(text.size()) +
                                    " bytes, expected 1 to 255");
    }

    static void put(bytearray& to, int byte) { to.push_back(static_cast<std::byte>(byte)); }
    static void put_counted(bytearray& to, std::string_view text) {
        put(to, static_cast<int>(text.size()));
        to.append(text);
    }
    void put_address(std::string_view host) {
        const std::string text(host);
        std::array<std::byte, 16> address;
        if (::inet_pton(AF_INET, text.c_str(), address.data()) == 1) {
            put(request_, ipv4);
            request_.append(bytes_view(address.data(), 4));
        } else if (::inet_pton(AF_INET6, text.c_str(), address.data()) == 1) {
            put(request_, ipv6);
            request_.append(bytes_view(address.data(), 16));
        } else {
            put(request_, name);
            put_counted(request_, host);
        }
    }

    void choose(int method) {
        if (method == no_authentication) return ask();
        if (method == by_password && !authentication_.empty()) {
            output_ = std::move(authentication_);
            return expect(phase::password, 2);
        }
        if (method != 0xFF) return fail("authentication method " + std::to_string(method) + " chosen, which was not offered");
        fail(authentication_.empty() ? "no acceptable authentication method, offered: none"
                                     : "no acceptable authentication method, offered: none, user name and password");
    }
    void ask() {
        output_ = std::move(request_);
        // The last of these bytes is the first one of the address.
        expect(phase::reply, 5);
    }
    void expect(phase next, std::size_t size) {
        next_ = next;
        needed_ = size;
    }
    void fail(std::string why) { fault_ = std::move(why); }

    // How much comes behind the first byte of an address, its port included; 0: the type is unknown.
    static std::size_t size_of_address(int type, int first) {
        switch (type) {
            case ipv4: return 4 - 1 + 2;
            case ipv6: return 16 - 1 + 2;
            case name: return static_cast<std::size_t>(first) + 2;
            default: return 0;
        }
    }

    // RFC 1928 section 6.
    static std::string meaning_of(int reply) {
        static constexpr std::array<const char*, 9> meanings{"", "general SOCKS server failure",
            "connection not allowed by ruleset", "network unreachable", "host unreachable", "connection refused", "TTL expired",
            "command not supported", "address type not supported"};
        const auto index = static_cast<std::size_t>(reply);
        return (index < meanings.size() ? meanings[index] : "unknown failure") + (" (reply " + std::to_string(reply) + ")");
    }

    bytearray output_;
    bytearray authentication_;  // sent when the proxy chooses it
    bytearray request_;
    phase next_ = phase::method;
    std::size_t needed_ = 2;
    bool done_ = false;
    std::string fault_;
};

}  // namespace aioxx::websocket

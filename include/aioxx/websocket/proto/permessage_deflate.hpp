// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/permessage_deflate.hpp: how two ends agree to compress messages (RFC 7692 section 7.1).
// A client offers, a server answers, the client judges the answer. The compression itself is in deflate.hpp.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/websocket/proto/extension.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket {

/// Settings of one's own compressor, which the other end need not know.
struct deflate_settings {
    int memory_level = 5;       // 1 to 9, as zlib counts it; 5 needs 16 KiB beside the window
    int level = -1;             // 0 (none) to 9 (best), -1 for zlib's default
    std::size_t threshold = 0;  // shorter messages are sent as they are

    friend bool operator==(const deflate_settings&, const deflate_settings&) = default;
};

/// What an end wants of permessage-deflate. The defaults are those of Python's websockets.
struct deflate_options {
    /// Window of the server's compressor in bits, 8 to 15. Empty: a server uses 12, a client leaves it to the
    /// server. A client that sets it fails with servers that do not know the parameter.
    std::optional<int> server_max_window_bits{};
    /// Window of the client's compressor in bits, 8 to 15. Empty: a server asks for 12 where the client lets
    /// it, a client does what the server asks.
    std::optional<int> client_max_window_bits{};
    bool server_no_context_takeover = false;  // the server forgets one message before the next
    bool client_no_context_takeover = false;  // so does the client
    deflate_settings settings{};

    friend bool operator==(const deflate_options&, const deflate_options&) = default;
};

/// What the ends have agreed on, and our own settings.
struct deflate_parameters {
    int server_max_window_bits = 15;
    int client_max_window_bits = 15;
    bool server_no_context_takeover = false;
    bool client_no_context_takeover = false;
    deflate_settings settings{};

    friend bool operator==(const deflate_parameters&, const deflate_parameters&) = default;
};

/// What a server uses, and asks for, when its options say nothing; the choice of Python's websockets.
inline constexpr int usual_window_bits = 12;

/// The name in Sec-WebSocket-Extensions.
inline constexpr std::string_view deflate_name = "permessage-deflate";

/// Checks options before they are used.
///
/// Errors: std::invalid_argument for a number out of its range.
inline void check_deflate_options(const deflate_options& options) {
    const auto check = [](std::string_view name, int value, int least, int most) {
        if (value >= least && value <= most) return;
        throw std::invalid_argument("compression: " + std::string(name) + " must be " +
                                    std::to_string(least) + " to " + std::to_string(most) + ", got " +
                                    std::to_string(value));
    };
    check("server_max_window_bits", options.server_max_window_bits.value_or(15), 8, 15);
    check("client_max_window_bits", options.client_max_window_bits.value_or(15), 8, 15);
    check("memory_level", options.settings.memory_level, 1, 9);
    check("level", options.settings.level, -1, 9);
}

/// A client's offer.
[[nodiscard]] inline extension offer_deflate(const deflate_options& options) {
    extension offer{std::string(deflate_name), {}};
    if (options.server_no_context_takeover) offer.parameters.push_back({"server_no_context_takeover"});
    if (options.client_no_context_takeover) offer.parameters.push_back({"client_no_context_takeover"});
    if (options.server_max_window_bits) {
        offer.parameters.push_back(
            {"server_max_window_bits", std::to_string(*options.server_max_window_bits)});
    }
    offer.parameters.push_back({"client_max_window_bits"});  // 7.1.2.2: that the server may limit it
    if (options.client_max_window_bits) {
        offer.parameters.back().value = std::to_string(*options.client_max_window_bits);
    }
    return offer;
}

namespace detail {

// The four parameters of 7.1 as they stand in a header.
struct deflate_request {
    struct window {
        bool named = false;
        std::optional<int> bits{};
    };
    bool server_no_context_takeover = false;
    bool client_no_context_takeover = false;
    window server{};
    window client{};
};

// 7.1.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
[[nodiscard]] inline std::optional<int> parse_window_bits(std::string_view text) noexcept {
    if (text.size() == 1 && (text[0] == '8' || text[0] == '9')) return text[0] - '0';
    if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') return 10 + (text[1] - '0');
    return std::nullopt;
}

// Returns what is wrong, or nothing and then `to` is set.
[[nodiscard]] inline std::optional<std::string> read_deflate(const extension& element, bool is_offer,
                                                             deflate_request& to) {
    for (const auto& [name, value] : element.parameters) {
        bool* const named = name == "server_no_context_takeover"   ? &to.server_no_context_takeover
                            : name == "client_no_context_takeover" ? &to.client_no_context_takeover
                            : name == "server_max_window_bits"     ? &to.server.named
                            : name == "client_max_window_bits"     ? &to.client.named
                                                                   : nullptr;
        if (named == nullptr) return "unknown parameter " + detail::quoted(name);
        if (std::exchange(*named, true)) return "parameter " + detail::quoted(name) + " stands there twice";
        bool valid = !value;
        for (deflate_request::window* const window : {&to.server, &to.client}) {
            if (named != &window->named) continue;
            if (value) window->bits = parse_window_bits(*value);
            const bool optional = is_offer && window == &to.client;  // 7.1.2.2
            valid = window->bits || (optional && !value);
        }
        if (!valid) {
            return "invalid value of parameter " + detail::quoted(name) + (value ? ": " + detail::quoted(*value) : ": none");
        }
    }
    return std::nullopt;
}

}  // namespace detail

/// A server's answer to an offer that it accepts.
struct deflate_answer {
    deflate_parameters parameters;
    extension response;  // for Sec-WebSocket-Extensions
};

/// Answers the first of a client's offers that can be accepted.
///
/// An offer with a parameter that is unknown, repeated or has a wrong value is declined (7.1), not an error.
///
/// Returns: nothing when there is none.
[[nodiscard]] inline std::optional<deflate_answer> answer_deflate(const deflate_options& options,
                                                                  const std::vector<extension>& offers) {
    for (const extension& offer : offers) {
        detail::deflate_request asked;
        if (offer.name != deflate_name || detail::read_deflate(offer, true, asked)) continue;
        deflate_answer answer{{}, {std::string(deflate_name), {}}};
        deflate_parameters& agreed = answer.parameters;
        std::vector<extension_parameter>& listed = answer.response.parameters;
        agreed.settings = options.settings;

        // 7.1.1: asked for it has to be granted; the server may also ask without having been asked.
        agreed.server_no_context_takeover =
            asked.server_no_context_takeover || options.server_no_context_takeover;
        agreed.client_no_context_takeover =
            asked.client_no_context_takeover || options.client_no_context_takeover;
        if (agreed.server_no_context_takeover) listed.push_back({"server_no_context_takeover"});
        if (agreed.client_no_context_takeover) listed.push_back({"client_no_context_takeover"});

        // 7.1.2.1: "the same or smaller value"; the parameter has to be there when it was asked for.
        agreed.server_max_window_bits = std::min(options.server_max_window_bits.value_or(usual_window_bits),
                                                 asked.server.bits.value_or(15));
        if (asked.server.bits || agreed.server_max_window_bits != 15) {
            listed.push_back({"server_max_window_bits", std::to_string(agreed.server_max_window_bits)});
        }
        // 7.1.2.2: without the parameter in the offer it must not be in the response.
        if (asked.client.named) {
            agreed.client_max_window_bits = std::min(
                options.client_max_window_bits.value_or(usual_window_bits), asked.client.bits.value_or(15));
            if (agreed.client_max_window_bits != 15) {
                listed.push_back({"client_max_window_bits", std::to_string(agreed.client_max_window_bits)});
            }
        }
        return answer;
    }
    return std::nullopt;
}

/// Judges a server's answer to offer_deflate(options).
///
/// Returns: why the connection has to fail, or nothing and then `agreed` is set.
[[nodiscard]] inline std::optional<std::string> judge_deflate(const deflate_options& options,
                                                              const extension& answer,
                                                              deflate_parameters& agreed) {
    const auto refused = [](const std::string& why) {
        return "server's answer to permessage-deflate is wrong: " + why;
    };
    detail::deflate_request said;
    if (auto wrong = detail::read_deflate(answer, false, said)) return refused(*wrong);
    if (options.server_no_context_takeover && !said.server_no_context_takeover) {  // 7.1.1.1
        return refused("server_no_context_takeover was asked for and is missing");
    }
    if (options.server_max_window_bits) {  // 7.1.2.1
        if (!said.server.bits) {
            return refused("server_max_window_bits was asked for and is missing");
        }
        if (*said.server.bits > *options.server_max_window_bits) {
            return refused("server_max_window_bits is " + std::to_string(*said.server.bits) + ", at most " +
                           std::to_string(*options.server_max_window_bits) + " was asked for");
        }
    }
    const int most = options.client_max_window_bits.value_or(15);
    if (said.client.bits.value_or(8) > most) {  // 7.1.2.2
        return refused("client_max_window_bits is " + std::to_string(*said.client.bits) + ", at most " +
                       std::to_string(most) + " was offered");
    }
    agreed.server_no_context_takeover = said.server_no_context_takeover;
    agreed.client_no_context_takeover = said.client_no_context_takeover || options.client_no_context_takeover;
    agreed.server_max_window_bits = said.server.bits.value_or(15);
    agreed.client_max_window_bits = said.client.bits.value_or(most);
    agreed.settings = options.settings;
    return std::nullopt;
}

}  // namespace aioxx::websocket

// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/fuzz/websocket_invariants.hpp: what holds for every input to the WebSocket protocol.
// Any input is accepted or refused with a documented error, however it is cut; limits hold; memory stays
// bounded. Shared by the fuzz targets and by the seeded test of garbage. A broken invariant is thrown.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/websocket/proto/client_handshake.hpp>
#include <aioxx/websocket/proto/endpoint.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>

namespace invariants {

using namespace aioxx::websocket;

inline void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
}

// The first byte of an input chooses how the rest is fed; sizes repeat from its bits.
class chooser {
public:
    explicit chooser(std::string_view& input) {
        if (input.empty()) return;
        bits_ = static_cast<unsigned char>(input[0]);
        input.remove_prefix(1);
    }
    bool flag(unsigned index) const { return (bits_ >> index & 1) != 0; }
    std::size_t piece() { return 1 + (bits_ >> 4) * (round_++ % 3); }

private:
    unsigned bits_ = 0;
    std::size_t round_ = 0;
};

// What a run over an input shows from outside, for comparing ways of cutting.
struct trace {
    std::string events;
    std::string output;

    friend bool operator==(const trace&, const trace&) = default;
};

inline void record_events(endpoint& end, std::uint64_t max_size, trace& seen) {
    while (const std::optional<event> next = end.next_event()) {
        const bool message = next->kind == event_kind::text || next->kind == event_kind::binary;
        require(next->payload.size() <= (message ? max_size : 125) || next->kind == event_kind::fault,
                "a payload exceeds its limit");
        require(next->kind != event_kind::text || is_utf8(next->payload), "a text is not UTF-8");
        if (next->kind == event_kind::fault) {
            require(next->code == close_code::protocol_error || next->code == close_code::invalid_data ||
                        next->code == close_code::message_too_big ||
                        next->code == close_code::abnormal_closure,
                    "a fault has a code that is not documented");
            require(!next->payload.empty(), "a fault has no text");
            require(!end.is_open(), "a failed connection is open");
        }
        seen.events += static_cast<char>('0' + static_cast<int>(next->kind));
        seen.events += std::string(next->payload.str()) + "|" + std::to_string(value_of(next->code)) + "\n";
    }
}

inline void check_endpoint(std::string_view input) {
    chooser choice(input);
    const role us = choice.flag(0) ? role::server : role::client;
    const std::uint64_t max_size = choice.flag(1) ? 64 : 4096;
    const endpoint_options options{.max_size = max_size, .mask_source = [] { return masking_key{}; }};

    trace whole;
    endpoint once(us, options);
    once.feed(input);
    record_events(once, max_size, whole);
    once.feed_eof();
    record_events(once, max_size, whole);
    require(once.state() == connection_state::closed, "the end of the transport does not close");
    whole.output = once.output().view().str();
    require(whole.output.size() <= 3 * input.size() + 131, "the output outgrows the input");

    trace cut;
    endpoint pieces(us, options);
    std::string copy(input);
    for (std::size_t at = 0; at < copy.size();) {
        const std::size_t size = std::min(choice.piece(), copy.size() - at);
        if (choice.flag(2)) {
            pieces.feed_in_place({reinterpret_cast<std::byte*>(copy.data() + at), size});
        } else {
            pieces.feed(std::string_view(copy).substr(at, size));
        }
        if (choice.flag(3)) pieces.retain_input();
        record_events(pieces, max_size, cut);
        at += size;
    }
    pieces.feed_eof();
    record_events(pieces, max_size, cut);
    cut.output = pieces.output().view().str();
    require(cut == whole, "the result depends on how the input is cut");
}

template <class Head>
void check_http_head(std::string_view input) {
    chooser choice(input);
    const http_limits limits{.max_line = 60, .max_headers = 5, .max_total = 200};
    http_head_parser<Head> whole(limits);
    const std::size_t used = whole.feed(input);
    require(used <= input.size() && used <= limits.max_total + 1, "more is read than the limit allows");
    require(!(whole.done() && whole.fault()), "a head is both done and refused");
    require(whole.head().headers.size() <= limits.max_headers,
            "there are more headers than the limit allows");

    http_head_parser<Head> cut(limits);
    std::size_t cut_used = 0;
    while (cut_used < input.size() && !cut.done() && !cut.fault()) {
        cut_used += cut.feed(input.substr(cut_used, choice.piece()));
    }
    require(cut.done() == whole.done() && cut.fault() == whole.fault(),
            "the result depends on how the input is cut");
    if (!whole.done()) return;
    require(cut_used == used && cut.head() == whole.head(), "the head depends on how the input is cut");
    http_head_parser<Head> again(http_limits{});
    static_cast<void>(again.feed(serialize(whole.head())));
    require(again.done(), "a head that was read cannot be written and read again");
}

inline void check_handshakes(std::string_view input) {
    chooser choice(input);
    server_handshake server(
        {.origins = choice.flag(0) ? std::vector<std::string>{"http://a"} : std::vector<std::string>{},
         .subprotocols = {"a", "b"}});
    static_cast<void>(server.feed(input));
    server.feed_eof();
    const http_response response = server.respond();
    require(server.accepted() == (response.status == 101),
            "an accepted request has another response than 101");
    require(server.accepted() || (response.status >= 400 && response.status < 600 && !response.body.empty()),
            "a refusal says nothing");
    static_cast<void>(serialize(response));

    client_handshake client({.host = "a", .subprotocols = {"a", "b"}, .max_body = 20},
                            "dGhlIHNhbXBsZSBub25jZQ==");
    static_cast<void>(client.feed(input));
    client.feed_eof();
    require(client.done(), "a handshake outlives the connection");
    require(client.fault() || client.response().status == 101,
            "an open WebSocket has another response than 101");
    if (client.fault()) {
        require(!client.fault()->text.empty(), "a fault has no text");
        require(!client.fault()->response || client.fault()->response->body.size() <= 20,
                "a body exceeds its limit");
    }
}

}  // namespace invariants

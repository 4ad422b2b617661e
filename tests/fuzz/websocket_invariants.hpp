// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/fuzz/websocket_invariants.hpp: what holds for every input to the WebSocket protocol.
// Any input is accepted or refused with a documented error, however it is cut; limits hold; memory stays
// bounded. Shared by the fuzz targets and by the seeded test of garbage. A broken invariant is thrown.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/websocket/proto/client_handshake.hpp>
#include <aioxx/websocket/proto/deflate.hpp>
#include <aioxx/websocket/proto/endpoint.hpp>
#include <aioxx/websocket/proto/extension.hpp>
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

// Parameters: `run` is how many messages at a time are asked for before each event.
inline void record_events(endpoint& end, std::uint64_t max_size, trace& seen, std::size_t run = 0) {
    std::array<message_view, 3> messages;
    for (;;) {
        const std::size_t found = end.next_messages(std::span(messages).first(run));
        for (const message_view& each : std::span(messages).first(found)) {
            require(each.data.size() <= max_size, "a payload exceeds its limit");
            require(!each.is_text || is_utf8(each.data), "a text is not UTF-8");
            seen.events += each.is_text ? '0' : '1';
            seen.events += std::string(each.str()) + "|0\n";
        }
        if (run != 0 && found == run) continue;
        const std::optional<event> next = end.next_event();
        if (!next) return;
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
    endpoint_options options{
        .max_size = max_size, .mask_source = [] { return masking_key{}; }, .max_fragments = 20};
    if (choice.flag(4)) {
        options.compression = deflate_parameters{};
        options.compression->server_no_context_takeover = choice.flag(5);
        options.compression->client_no_context_takeover = choice.flag(5);
    }

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
    const std::size_t run = input.size() % 4;
    for (std::size_t at = 0; at < copy.size();) {
        const std::size_t size = std::min(choice.piece(), copy.size() - at);
        if (choice.flag(2)) {
            pieces.feed_in_place({reinterpret_cast<std::byte*>(copy.data() + at), size});
        } else {
            pieces.feed(std::string_view(copy).substr(at, size));
        }
        if (choice.flag(3)) pieces.retain_input();
        record_events(pieces, max_size, cut, run);
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
         .subprotocols = {"a", "b"},
         .compression = deflate_options{}});
    static_cast<void>(server.feed(input));
    server.feed_eof();
    const http_response response = server.respond();
    require(server.accepted() == (response.status == 101),
            "an accepted request has another response than 101");
    require(server.accepted() || !server.fault()->text.empty(), "a fault has no text");
    require(server.accepted() || (response.status >= 400 && response.status < 600 && !response.body.empty()),
            "a refusal says nothing");
    static_cast<void>(serialize(response));

    client_handshake client(
        {.host = "a", .subprotocols = {"a", "b"}, .compression = deflate_options{}, .max_body = 20},
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

// What zlib makes of a payload and the four bytes behind it (RFC 7692 section 7.2.2), in one go.
struct inflated_at_once {
    std::string data;
    int code = 0;
    bool between_blocks = false;

    explicit inflated_at_once(std::string payload, int window_bits) : data(1U << 18, '\0') {
        payload += std::string_view("\0\0\xFF\xFF", 4);
        z_stream stream{};
        require(inflateInit2(&stream, -window_bits) == Z_OK, "no memory for zlib");
        aioxx::websocket::detail::set_input(stream, payload);
        aioxx::websocket::detail::set_output(stream,
                                             {reinterpret_cast<std::byte*>(data.data()), data.size()});
        code = inflate(&stream, Z_SYNC_FLUSH);
        between_blocks = (stream.data_type & 128) != 0;
        data.resize(data.size() - stream.avail_out);
        inflateEnd(&stream);
    }
};

inline void check_inflate(std::string_view input) {
    chooser choice(input);
    const int window_bits = choice.flag(0) ? 15 : choice.flag(1) ? 8 : 10;
    const std::uint64_t limit = choice.flag(2) ? 100 : 10'000;
    const bool forget = choice.flag(3);

    inflater once(window_bits, forget);
    aioxx::bytearray whole;
    const inflater::result result = once.inflate(input, true, whole, limit);
    require(whole.size() <= limit + 1, "more is inflated than the limit allows");
    require((whole.size() > limit) == (result == inflater::result::too_big), "a limit is broken unnoticed");

    inflater pieces(window_bits, forget);
    aioxx::bytearray cut;
    inflater::result cut_result = inflater::result::good;
    for (std::size_t at = 0; cut_result == inflater::result::good;) {
        const std::size_t size = std::min(choice.piece(), input.size() - at);
        const bool last = at + size == input.size();
        cut_result = pieces.inflate(input.substr(at, size), last, cut, limit - cut.size());
        at += size;
        if (last) break;
    }
    const bool refused = result == inflater::result::invalid || cut_result == inflater::result::invalid;
    if (window_bits == 15 || !refused) {
        require(cut_result == result && cut == whole, "the result depends on how the input is cut");
    } else {  // references beyond a smaller window, which zlib notices when it has to look into the window
        require(whole.startswith(cut) || cut.startswith(whole), "the data depend on how the input is cut");
    }

    const inflated_at_once zlib{std::string(input), window_bits};
    const std::string_view theirs = std::string_view(zlib.data).substr(0, whole.size());
    if (zlib.code == Z_STREAM_END) {  // there zlib stops, and we go on
        require(whole.view().str().substr(0, theirs.size()) == theirs, "zlib inflates something else");
    } else {
        require(whole.view().str() == theirs, "zlib inflates something else");
        require(result == inflater::result::too_big ||
                    (window_bits != 15 && result == inflater::result::invalid) ||  // as above
                    (result == inflater::result::good) ==
                        ((zlib.code == Z_OK || zlib.code == Z_BUF_ERROR) && zlib.between_blocks),
                "zlib judges the input otherwise");
    }

    deflater out(window_bits, forget);
    inflater back(window_bits, forget);
    for (int i = 0; i != 2; ++i) {
        aioxx::bytearray payload;
        aioxx::bytearray message;
        out.compress(input.substr(0, input.size() / 2), false, payload);
        out.compress(input.substr(input.size() / 2), true, payload);
        require(back.inflate(payload.view(), true, message, input.size()) == inflater::result::good &&
                    message.view() == aioxx::bytes_view(input),
                "a message does not come back");
    }
}

inline void check_extension(std::string_view input) {
    chooser choice(input);
    http_headers headers;
    std::string line;
    for (const char c : std::string(input) + "\n") {
        if (c == '\n') {
            headers.add("Sec-WebSocket-Extensions", std::exchange(line, {}));
        } else if (aioxx::websocket::detail::is_field_value({&c, 1})) {
            line += c;
        }
    }
    std::vector<extension> elements;
    if (const auto wrong = parse_extensions(headers, elements)) {
        require(!wrong->empty() && wrong->size() < 150, "a fault has no text, or one that is too long");
        return;
    }
    http_headers written;
    for (const extension& element : elements)
        written.add("Sec-WebSocket-Extensions", to_string(element));
    std::vector<extension> again;
    require(!parse_extensions(written, again) && again == elements,
            "extensions that were read cannot be written and read again");

    deflate_options options;
    options.server_no_context_takeover = choice.flag(0);
    options.client_no_context_takeover = choice.flag(1);
    if (choice.flag(2)) options.server_max_window_bits = 10;
    if (choice.flag(3)) options.client_max_window_bits = 10;
    const auto in_range = [](const deflate_parameters& agreed) {
        require(agreed.server_max_window_bits >= 8 && agreed.server_max_window_bits <= 15 &&
                    agreed.client_max_window_bits >= 8 && agreed.client_max_window_bits <= 15,
                "a window is out of its range");
    };
    if (const auto answer = answer_deflate(options, elements)) {
        in_range(answer->parameters);
        require(answer->parameters.server_max_window_bits <= options.server_max_window_bits.value_or(12),
                "a server's window is larger than it wants");
        deflate_parameters agreed;
        deflate_options
            modest;  // a client that asks for nothing has to accept any answer that it understands
        require(!judge_deflate(modest, answer->response, agreed), "an answer is refused");
        require(agreed.server_max_window_bits == answer->parameters.server_max_window_bits &&
                    agreed.client_max_window_bits == answer->parameters.client_max_window_bits,
                "the ends disagree");
    }
    for (const extension& element : elements) {
        deflate_parameters agreed;
        if (judge_deflate(options, element, agreed)) continue;
        in_range(agreed);
        require(agreed.client_max_window_bits <= options.client_max_window_bits.value_or(15) &&
                    agreed.server_max_window_bits <= options.server_max_window_bits.value_or(15),
                "a window is larger than what was offered");
    }
}

}  // namespace invariants

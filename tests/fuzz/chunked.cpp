// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/chunked.cpp: chunked bodies; the first byte of an input chooses how it is fed.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <aioxx/websocket/proto/chunked.hpp>

#include "fuzz/websocket_invariants.hpp"

namespace {

using namespace aioxx;
using namespace aioxx::websocket;
using invariants::require;

struct outcome {
    std::string content;
    std::size_t used = 0;
    bool done = false;
    std::string fault;

    friend bool operator==(const outcome&, const outcome&) = default;
};

// Parameters: `next_size` gives the sizes of the pieces.
template <class Size>
outcome decode(std::string_view body, Size next_size) {
    chunked_decoder decoder({.max_line = 20, .max_trailers = 30});
    outcome result;
    while (result.used < body.size() && !decoder.done() && !decoder.fault()) {
        bytes_view input = body.substr(result.used, next_size());
        const std::size_t given = input.size();
        const bytes_view content = decoder.take(input);
        require(content.empty() || (content.chars() >= body.data() &&
                                    content.chars() + content.size() <= body.data() + body.size()),
                "the content is not a part of the input");
        result.content += content.str();
        result.used += given - input.size();
        require(given != input.size(), "nothing was read");
    }
    decoder.feed_eof();
    result.done = decoder.done();
    require(decoder.done() != decoder.fault().has_value(), "a body at its end is neither done nor refused");
    if (decoder.fault()) {
        require(decoder.fault()->status == 400 && !decoder.fault()->text.empty(), "a fault says nothing");
        result.fault = decoder.fault()->text;
    }
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view body(reinterpret_cast<const char*>(data), size);
    invariants::chooser choice(body);
    const outcome whole = decode(body, [&] { return body.size(); });
    const outcome cut = decode(body, [&] { return choice.piece(); });
    require(whole == cut, "the result depends on how the input is cut");

    std::string again;
    append_chunk(again, whole.content);
    again += last_chunk;
    const outcome reread = decode(again, [&] { return again.size(); });
    require(reread.done && reread.content == whole.content, "what was written cannot be read again");
    return 0;
}

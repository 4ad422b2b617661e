// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/event_stream.cpp: streams of events; the first byte of an input chooses how it is fed.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/websocket/proto/event_stream.hpp>

#include "fuzz/websocket_invariants.hpp"

namespace {

using namespace aioxx;
using namespace aioxx::websocket;
using invariants::require;

struct outcome {
    std::vector<server_sent_event> events;
    std::string last_event_id;
    std::optional<std::chrono::milliseconds> retry;
    std::optional<event_stream_fault> fault;

    friend bool operator==(const outcome&, const outcome&) = default;
};

// Parameters: `next_size` gives the sizes of the pieces.
template <class Size>
outcome parse(std::string_view stream, event_stream_limits limits, Size next_size) {
    event_stream_parser parser(limits, "old");
    outcome result;
    while (!stream.empty() && !parser.fault()) {
        bytes_view input = stream.substr(0, next_size());
        const std::size_t given = input.size();
        if (auto event = parser.take(input)) result.events.push_back(std::move(*event));
        require(given != input.size(), "nothing was read");
        stream.remove_prefix(given - input.size());
    }
    result.last_event_id = parser.last_event_id();
    result.retry = parser.retry();
    result.fault = parser.fault();
    return result;
}

void check_event(const server_sent_event& event, std::size_t max_event) {
    require(event.data.size() <= max_event, "an event exceeds its limit");
    require(is_utf8(event.data) && is_utf8(event.event) && is_utf8(*event.id), "an event is not UTF-8");
    require(!event.event.empty(), "an event has no type");
    require(event.event.find_first_of("\r\n") == std::string::npos, "a type has a line break");
    require(event.id->find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            "an id has a character that cannot be");
    require(!event.retry || event.retry->count() >= 0, "a time is negative");

    const std::string written = serialize(event);
    const outcome again = parse(written, {}, [&] { return written.size(); });
    require(again.events.size() == 1 && again.events[0] == event, "what was written cannot be read again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view stream(reinterpret_cast<const char*>(data), size);
    invariants::chooser choice(stream);
    const event_stream_limits limits{.max_line = choice.flag(0) ? 40U : 4096U,
                                     .max_event = choice.flag(1) ? 30U : 4096U};
    const outcome whole = parse(stream, limits, [&] { return stream.size(); });
    const outcome cut = parse(stream, limits, [&] { return choice.piece(); });
    require(whole == cut, "the result depends on how the input is cut");
    require(!whole.fault || (!whole.fault->text.empty() && whole.fault->seen != 0), "a fault says nothing");
    for (const server_sent_event& event : whole.events) check_event(event, limits.max_event);
    return 0;
}

// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/event_stream.hpp: the format text/event-stream of server-sent events (WHATWG HTML, section
// "Server-sent events"), read and written. Reading is lenient as the standard wants it: unknown fields are
// passed over, and what is not UTF-8 is replaced.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/decode.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

namespace aioxx::websocket {

/// An event of a stream, received or to be sent (HTML: MessageEvent; httpx-sse: ServerSentEvent).
// Not an aggregate, for the reason given in options.hpp.
struct server_sent_event {
    server_sent_event() = default;
    /// `co_await sink.send({"the data", "the type", "the id"});`
    template <class Data>
        requires(std::constructible_from<std::string, Data> &&
                 !std::same_as<std::remove_cvref_t<Data>, server_sent_event>)
    server_sent_event(Data&& with_data, std::string of_type = "message", std::optional<std::string> with_id = {})
        : event(std::move(of_type)), data(std::forward<Data>(with_data)), id(std::move(with_id)) {}

    std::string event = "message";  ///< its type; "message" stands for none
    std::string data{};             ///< lines are separated by '\n'

    /// What a client that comes back says it has seen. Received: the one in force, possibly empty.
    /// To be sent: nothing leaves the one in force, an empty one takes it away.
    std::optional<std::string> id{};

    /// How long clients are to wait before they connect again, if that comes with the event.
    std::optional<std::chrono::milliseconds> retry{};

    friend bool operator==(const server_sent_event&, const server_sent_event&) = default;
};

/// How much of a stream is kept while an event is not complete.
struct event_stream_limits {
    std::size_t max_line = 1U << 20;   // bytes of one line, without its end
    std::size_t max_event = 1U << 20;  // bytes of the data of one event
};

/// Why a stream was refused.
struct event_stream_fault {
    std::string text;
    std::size_t seen = 0;  // bytes of what exceeds its limit, as far as they have come

    friend bool operator==(const event_stream_fault&, const event_stream_fault&) = default;
};

/// Reads a stream, in pieces of any size. An event that is not complete when the stream ends is dropped, as
/// the standard says: nobody takes it.
///
/// Example:
///     while (!input.empty() && !parser.fault()) {
///         if (auto event = parser.take(input)) use(*event);
///     }
class event_stream_parser {
public:
    /// Parameters: `last_event_id` in force at the beginning: what was seen on an earlier connection. The
    /// standard would forget it; browsers do not.
    explicit event_stream_parser(event_stream_limits limits = {}, std::string last_event_id = {})
        : limits_(limits), id_(last_event_id), last_event_id_(std::move(last_event_id)) {}

    /// Reads on, up to the end of the next event.
    ///
    /// Parameters: `input` loses what was read.
    /// Returns: the event; nothing when the input is used up, and after a fault.
    [[nodiscard]] std::optional<server_sent_event> take(bytes_view& input) {
        while (!input.empty() && !fault_) {
            if (!take_line(input)) continue;
            if (std::exchange(at_start_, false) && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
            if (line_.empty()) {
                if (auto complete = dispatch()) return complete;
            } else {
                process(line_);
                line_.clear();
            }
        }
        return std::nullopt;
    }

    /// The id of the latest event that had one, also of an event without data, which is none.
    [[nodiscard]] const std::string& last_event_id() const noexcept { return last_event_id_; }

    /// The latest reconnection time, whether it came with an event or not.
    [[nodiscard]] std::optional<std::chrono::milliseconds> retry() const noexcept { return retry_; }

    [[nodiscard]] const std::optional<event_stream_fault>& fault() const noexcept { return fault_; }

private:
    // A line ends in CR, LF or CRLF. One that ends in CR is complete at once: the LF may take its time.
    // Returns: whether the line is complete; it is in line_, without its end.
    bool take_line(bytes_view& input) {
        if (std::exchange(after_cr_, false) && input.str().front() == '\n') {
            input.remove_prefix(1);
            return false;
        }
        const std::string_view seen = input.str().substr(0, limits_.max_line + 1 - line_.size());
        const auto end =
            std::find_if(seen.begin(), seen.end(), [](char c) { return c == '\n' || c == '\r'; });
        const auto size = static_cast<std::size_t>(end - seen.begin());
        line_.append(seen, 0, size);
        if (line_.size() > limits_.max_line) {
            refuse("line of an event stream longer than " + std::to_string(limits_.max_line) + " bytes",
                   line_.size());
        }
        const bool complete = end != seen.end();
        after_cr_ = complete && *end == '\r';
        input.remove_prefix(size + (complete ? 1 : 0));
        return complete;
    }

    // "field: value", with or without the space. A line without a colon is a field without a value.
    void process(std::string_view line) {
        const std::size_t colon = std::min(line.find(':'), line.size());
        const std::string_view field = line.substr(0, colon);
        std::string_view value = line.substr(std::min(colon + 1, line.size()));
        if (value.starts_with(' ')) value.remove_prefix(1);
        if (field == "data") {
            add_data(value);
        } else if (field == "event") {
            event_ = decoded(value);
        } else if (field == "id") {
            if (value.find('\0') == std::string_view::npos) id_ = decoded(value);
        } else if (field == "retry") {
            set_retry(value);
        }
    }

    void add_data(std::string_view value) {
        data_.append(decoded(value)).push_back('\n');
        const std::size_t size = data_.size() - 1;
        if (size <= limits_.max_event) return;
        refuse("event with more than " + std::to_string(limits_.max_event) + " bytes of data", size);
    }

    void set_retry(std::string_view value) {
        const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
        if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) return;
        std::chrono::milliseconds::rep time = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), time);
        static_cast<void>(end);
        retry_ = error == std::errc() ? std::chrono::milliseconds(time) : std::chrono::milliseconds::max();
        event_retry_ = retry_;
    }

    // An empty line. Ids count even where there is no data, and then no event.
    std::optional<server_sent_event> dispatch() {
        last_event_id_ = id_;
        std::string type = std::exchange(event_, {});
        std::string data = std::exchange(data_, {});
        const auto retry = std::exchange(event_retry_, std::nullopt);
        if (data.empty()) return std::nullopt;
        data.pop_back();
        server_sent_event complete(std::move(data), type.empty() ? "message" : std::move(type), id_);
        complete.retry = retry;
        return complete;
    }

    // Line by line gives the same as the whole stream at once: no character goes on behind the end of a line.
    static std::string decoded(std::string_view value) {
        return aioxx::detail::decoded(value, text_encoding::utf_8, decode_errors::replace);
    }

    void refuse(std::string text, std::size_t seen) { fault_ = event_stream_fault{std::move(text), seen}; }

    event_stream_limits limits_;
    std::string line_;   // the line being read
    std::string event_;  // the buffers of the event being read, as the standard names them
    std::string data_;   // each line with a '\n'
    std::string id_;
    std::optional<std::chrono::milliseconds> event_retry_;
    std::string last_event_id_;
    std::optional<std::chrono::milliseconds> retry_;
    std::optional<event_stream_fault> fault_;
    bool at_start_ = true;   // no line is complete: a byte order mark may come
    bool after_cr_ = false;  // an LF that comes next belongs to the last line
};

namespace detail {

// One field for each line of the text.
inline void append_field_lines(std::string& stream, std::string_view field, std::string_view text) {
    for (;;) {
        const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
        stream.append(field).append(text.substr(0, end)).push_back('\n');
        if (end == text.size()) return;
        text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
    }
}

inline void require_utf8(const char* what, std::string_view text) {
    if (is_utf8(text)) return;
    throw std::invalid_argument(std::string("server-sent event: the ") + what + " is not UTF-8");
}

inline void append_single_line(std::string& stream, const char* what, std::string_view field,
                               std::string_view text) {
    require_utf8(what, text);
    if (text.find_first_of("\r\n") != std::string_view::npos) {
        throw std::invalid_argument(std::string("server-sent event: the ") + what + " " +
                                    detail::quoted(text) + " has a line break; expected a single line");
    }
    stream.append(field).append(text).push_back('\n');
}

}  // namespace detail

/// A comment: clients pass over it. It keeps a connection from looking dead.
///
/// Errors: std::invalid_argument when the text is not UTF-8.
[[nodiscard]] inline std::string serialize_comment(std::string_view text) {
    detail::require_utf8("comment", text);
    std::string stream;
    detail::append_field_lines(stream, text.empty() ? ":" : ": ", text);
    return stream += '\n';
}

/// The reconnection time on its own, without an event.
///
/// Errors: std::invalid_argument for a negative time.
[[nodiscard]] inline std::string serialize_retry(std::chrono::milliseconds time) {
    if (time.count() < 0) {
        throw std::invalid_argument("server-sent event: the retry time is " + std::to_string(time.count()) +
                                    " ms; expected 0 or more");
    }
    return "retry: " + std::to_string(time.count()) + "\n\n";
}

/// An event as it is sent. Line breaks of the data, CR and CRLF as well, arrive as '\n'.
///
/// Errors: std::invalid_argument naming what has a line break that must not have one (type, id), an id with a
/// NUL, which clients ignore, what is not UTF-8, and a negative retry time.
[[nodiscard]] inline std::string serialize(const server_sent_event& event) {
    std::string stream;
    stream.reserve(event.data.size() + 32);
    if (!event.event.empty() && event.event != "message") {
        detail::append_single_line(stream, "event type", "event: ", event.event);
    }
    if (event.id) {
        if (event.id->find('\0') != std::string::npos) {
            throw std::invalid_argument("server-sent event: the id " + detail::quoted(*event.id) +
                                        " has a NUL");
        }
        detail::append_single_line(stream, "id", "id: ", *event.id);
    }
    detail::require_utf8("data", event.data);
    detail::append_field_lines(stream, "data: ", event.data);
    if (!event.retry) return stream += '\n';
    return stream += serialize_retry(*event.retry);
}

}  // namespace aioxx::websocket

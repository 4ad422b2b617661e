// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/http_head.hpp: request and response heads of HTTP/1.1 (RFC 9112), read and written.
// Enough for the opening handshake and for answering plain requests beside it: no bodies, no transfer
// codings. Strict where leniency has let requests be smuggled: lines end in CRLF, no folding, no space before
// a colon.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx::websocket {

namespace detail {

[[nodiscard]] constexpr bool is_token_character(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

// Visible characters and what lies beyond ASCII.
[[nodiscard]] constexpr bool is_visible(char c) noexcept {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) != 0x7F;
}

[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is_visible(c) || c == ' ' || c == '\t'; });
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
    constexpr auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [=](char a, char b) { return lower(a) == lower(b); });
}

// For error texts: what the peer sent, made printable and short.
[[nodiscard]] inline std::string quoted(std::string_view text) {
    constexpr std::size_t longest = 60;
    std::string result = "'";
    for (char c : text.substr(0, longest))
        result += is_visible(c) || c == ' ' ? c : '?';
    return result + (text.size() > longest ? "...'" : "'");
}

}  // namespace detail

/// One line of a head.
struct http_header {
    std::string name;
    std::string value;

    friend bool operator==(const http_header&, const http_header&) = default;
};

/// The header lines of a head in their order. Names are compared without regard to case, as HTTP wants it.
class http_headers {
public:
    http_headers() = default;

    /// Errors: std::invalid_argument as of add().
    http_headers(std::initializer_list<http_header> lines) {
        for (const http_header& line : lines)
            add(line.name, line.value);
    }

    /// Appends a line; lines of the same name stay.
    ///
    /// Errors: std::invalid_argument when the name is not a token or the value has a line break or another
    /// control character: neither may come from outside unchecked.
    void add(std::string_view name, std::string_view value) {
        if (!detail::is_token(name)) {
            throw std::invalid_argument("header name " + detail::quoted(name) + " is not an HTTP token");
        }
        if (!detail::is_field_value(value)) {
            throw std::invalid_argument("value of the header " + std::string(name) +
                                        " has control characters: " + detail::quoted(value));
        }
        lines_.push_back({std::string(name), std::string(value)});
    }

    /// Replaces all lines of the name by one.
    ///
    /// Errors: as add().
    void set(std::string_view name, std::string_view value) {
        erase(name);
        add(name, value);
    }

    /// Adds lines, which replace all those of the same names; among each other they may have one name.
    void override_with(http_headers others) {
        for (const http_header& line : others.lines_) erase(line.name);
        std::move(others.lines_.begin(), others.lines_.end(), std::back_inserter(lines_));
    }

    /// Removes all lines of the name.
    void erase(std::string_view name) {
        std::erase_if(lines_,
                      [&](const http_header& line) { return detail::equal_ignoring_case(line.name, name); });
    }

    [[nodiscard]] std::size_t count(std::string_view name) const noexcept {
        return static_cast<std::size_t>(std::count_if(
            lines_.begin(), lines_.end(),
            [&](const http_header& line) { return detail::equal_ignoring_case(line.name, name); }));
    }
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return count(name) != 0; }

    /// The value of the first line of the name, or nothing.
    ///
    /// Lifetime: until the headers are changed.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept {
        for (const http_header& line : lines_) {
            if (detail::equal_ignoring_case(line.name, name)) return line.value;
        }
        return std::nullopt;
    }

    /// The elements of a comma-separated list, over all lines of the name; empty ones are left out.
    ///
    /// Lifetime: until the headers are changed.
    [[nodiscard]] std::vector<std::string_view> get_list(std::string_view name) const {
        std::vector<std::string_view> elements;
        for (const http_header& line : lines_) {
            if (!detail::equal_ignoring_case(line.name, name)) continue;
            std::string_view rest = line.value;
            while (!rest.empty()) {
                const std::size_t comma = std::min(rest.find(','), rest.size());
                const std::string_view element = detail::trim(rest.substr(0, comma));
                if (!element.empty()) elements.push_back(element);
                rest.remove_prefix(std::min(comma + 1, rest.size()));
            }
        }
        return elements;
    }

    /// Tells whether such a list has an element, without regard to case.
    [[nodiscard]] bool list_contains(std::string_view name, std::string_view element) const {
        const std::vector<std::string_view> elements = get_list(name);
        return std::any_of(elements.begin(), elements.end(), [&](std::string_view candidate) {
            return detail::equal_ignoring_case(candidate, element);
        });
    }

    [[nodiscard]] auto begin() const noexcept { return lines_.begin(); }
    [[nodiscard]] auto end() const noexcept { return lines_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return lines_.size(); }
    [[nodiscard]] bool empty() const noexcept { return lines_.empty(); }

    friend bool operator==(const http_headers&, const http_headers&) = default;

private:
    std::vector<http_header> lines_;
};

/// A request without its body.
struct http_request {
    std::string method = "GET";
    std::string target = "/";  // path and query, as they came
    std::string version = "HTTP/1.1";
    http_headers headers{};

    friend bool operator==(const http_request&, const http_request&) = default;
};

/// A response. A parsed one has no body: that is the reader's business.
struct http_response {
    int status = 200;
    std::string reason{};  // empty: the usual phrase is written
    http_headers headers{};
    std::string body{};
    std::string version = "HTTP/1.1";

    friend bool operator==(const http_response&, const http_response&) = default;
};

/// The usual phrase of a status code, or an empty text.
[[nodiscard]] constexpr std::string_view reason_phrase(int status) noexcept {
    switch (status) {
        case 101:
            return "Switching Protocols";
        case 200:
            return "OK";
        case 204:
            return "No Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 426:
            return "Upgrade Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return {};
    }
}

namespace detail {

inline void append_headers(std::string& text, const http_headers& headers) {
    for (const http_header& line : headers)
        text.append(line.name).append(": ").append(line.value).append("\r\n");
    text += "\r\n";
}

}  // namespace detail

/// The bytes of a request's head.
///
/// Errors: std::invalid_argument when the method or the target would break the request line.
[[nodiscard]] inline std::string serialize(const http_request& request) {
    if (!detail::is_token(request.method)) {
        throw std::invalid_argument("HTTP method " + detail::quoted(request.method) + " is not a token");
    }
    if (request.target.empty() ||
        !std::all_of(request.target.begin(), request.target.end(), detail::is_visible)) {
        throw std::invalid_argument("HTTP target " + detail::quoted(request.target) +
                                    " is empty or has spaces or control characters");
    }
    std::string text = request.method + " " + request.target + " " + request.version + "\r\n";
    detail::append_headers(text, request.headers);
    return text;
}

/// The bytes of a response and of its body.
///
/// Errors: std::invalid_argument when the status has not three digits or the reason has control characters.
[[nodiscard]] inline std::string serialize(const http_response& response) {
    if (response.status < 100 || response.status > 999) {
        throw std::invalid_argument("HTTP status " + std::to_string(response.status) +
                                    " has not three digits");
    }
    if (!detail::is_field_value(response.reason)) {
        throw std::invalid_argument("HTTP reason " + detail::quoted(response.reason) +
                                    " has control characters");
    }
    std::string text = response.version + " " + std::to_string(response.status) + " ";
    text += response.reason.empty() ? reason_phrase(response.status) : std::string_view(response.reason);
    text += "\r\n";
    detail::append_headers(text, response.headers);
    return text + response.body;
}

/// Why a head was refused; the status is the one that a server answers with.
struct http_fault {
    int status = 400;
    std::string text;

    friend bool operator==(const http_fault&, const http_fault&) = default;
};

/// How much of a head is read before it is refused.
struct http_limits {
    std::size_t max_line = 8192;    // bytes of one line, without its end
    std::size_t max_headers = 100;  // lines after the first
    std::size_t max_total = 65536;  // bytes of the whole head
};

namespace detail {

// "HTTP/1.1", or any other pair of digits.
[[nodiscard]] constexpr bool is_http_version(std::string_view text) noexcept {
    constexpr auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return text.size() == 8 && text.substr(0, 5) == "HTTP/" && digit(text[5]) && text[6] == '.' &&
           digit(text[7]);
}

[[nodiscard]] inline std::optional<http_fault> parse_start(std::string_view line, http_request& request) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return http_fault{400, "request line " + quoted(line) + " is not 'method target version'"};
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method)) return http_fault{400, "HTTP method " + quoted(method) + " is not a token"};
    if (target.empty() || !std::all_of(target.begin(), target.end(), is_visible)) {
        return http_fault{400,
                          "HTTP target " + quoted(target) + " is empty or has spaces or control characters"};
    }
    if (!is_http_version(version))
        return http_fault{400, "HTTP version " + quoted(version) + " is malformed"};
    request.method = method;
    request.target = target;
    request.version = version;
    return std::nullopt;
}

[[nodiscard]] inline std::optional<http_fault> parse_start(std::string_view line, http_response& response) {
    constexpr auto digit = [](char c) { return c >= '0' && c <= '9'; };
    // "HTTP/1.1 101 reason": the space before an empty reason is often forgotten.
    const std::string_view version = line.substr(0, 8);
    const std::string_view status = line.size() > 9 ? line.substr(9, 3) : std::string_view();
    if (!is_http_version(version) || status.size() != 3 || line[8] != ' ' ||
        !std::all_of(status.begin(), status.end(), digit) || status[0] == '0' ||
        (line.size() > 12 && line[12] != ' ')) {
        return http_fault{502, "status line " + quoted(line) + " is not 'version status reason'"};
    }
    const std::string_view reason = line.size() > 13 ? line.substr(13) : std::string_view();
    if (!is_field_value(reason))
        return http_fault{502, "HTTP reason " + quoted(reason) + " has control characters"};
    response.version = version;
    response.status = (status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0');
    response.reason = reason;
    return std::nullopt;
}

}  // namespace detail

/// Reads a head, in pieces of any size. `Head` is http_request or http_response.
template <class Head>
class http_head_parser {
public:
    explicit http_head_parser(http_limits limits = {}) noexcept : limits_(limits) {}

    /// Reads on.
    ///
    /// Returns: how many bytes belong to the head. The rest, once done(), is what follows it on the wire.
    std::size_t feed(bytes_view data) {
        const char* const text = reinterpret_cast<const char*>(data.data());
        std::size_t used = 0;
        while (used != data.size() && !done_ && !fault_) {
            // One byte beyond each limit is enough to see it broken; a line may still end in a carriage
            // return.
            const std::size_t room =
                std::min(limits_.max_line + 2 - line_.size(), limits_.max_total - total_ + 1);
            const std::size_t size = std::min(room, data.size() - used);
            const void* const end = std::memchr(text + used, '\n', size);
            const std::size_t taken =
                end == nullptr ? size
                               : static_cast<std::size_t>(static_cast<const char*>(end) - (text + used)) + 1;
            line_.append(text + used, taken);
            used += taken;
            total_ += taken;
            if (total_ > limits_.max_total) {
                refuse(431, "HTTP head longer than " + std::to_string(limits_.max_total) + " bytes");
            } else if (line_.back() == '\n') {
                end_line();
            } else if (line_.size() > limits_.max_line + 1) {
                refuse_line();
            }
        }
        return used;
    }

    /// The transport has ended. Only then is a head that stops half-way a fault.
    void feed_eof() {
        if (!done_ && !fault_) refuse(400, "the connection ended inside the HTTP head");
    }

    [[nodiscard]] bool done() const noexcept { return done_; }
    [[nodiscard]] const std::optional<http_fault>& fault() const noexcept { return fault_; }

    /// What has been read so far; all of it once done().
    [[nodiscard]] const Head& head() const noexcept { return head_; }
    [[nodiscard]] Head take_head() noexcept { return std::move(head_); }

private:
    void end_line() {
        line_.pop_back();
        if (line_.empty() || line_.back() != '\r') return refuse(400, "HTTP line that does not end in CRLF");
        line_.pop_back();
        if (!started_) {
            started_ = true;
            fault_ = detail::parse_start(line_, head_);
        } else if (line_.empty()) {
            done_ = true;
        } else {
            header_line(line_);
        }
        line_.clear();
    }

    void header_line(std::string_view line) {
        if (line[0] == ' ' || line[0] == '\t')
            return refuse(400, "folded HTTP header line");  // RFC 9112 section 5.2
        const std::size_t colon = line.find(':');
        const std::string_view name = line.substr(0, colon);
        if (colon == std::string_view::npos || !detail::is_token(name)) {
            return refuse(
                400, "HTTP header line " + detail::quoted(line) + " has no name that is a token and a colon");
        }
        const std::string_view value = detail::trim(line.substr(colon + 1));
        if (!detail::is_field_value(value)) {
            return refuse(400, "HTTP header " + std::string(name) + " has control characters in its value");
        }
        if (head_.headers.size() == limits_.max_headers) {
            return refuse(431, "more than " + std::to_string(limits_.max_headers) + " HTTP headers");
        }
        head_.headers.add(name, value);
    }

    void refuse_line() {
        refuse(started_ ? 431 : 414, "HTTP line longer than " + std::to_string(limits_.max_line) + " bytes");
    }

    void refuse(int status, std::string text) { fault_ = http_fault{status, std::move(text)}; }

    http_limits limits_;
    Head head_;
    std::string line_;  // the line being read
    std::size_t total_ = 0;
    std::optional<http_fault> fault_;
    bool started_ = false;  // the first line is complete
    bool done_ = false;
};

}  // namespace aioxx::websocket

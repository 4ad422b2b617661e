// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/trace.hpp: what went over a connection, as text that people can read, change and write themselves.
// One line for each event: seconds since the start, the direction, and the bytes as a Python literal, `eof`,
// or `lost` with an optional reason. Empty lines and lines that begin with # mean nothing.
//
//     # seen from the client: > it has sent, < it has received
//     0.000000000 > b'GET / HTTP/1.0\r\n\r\n'
//     0.041250000 < b'HTTP/1.0 200 OK\r\n\r\nhello'
//     0.041250000 < eof
//     0.041300000 > eof
//
// A literal knows the escapes \\ \' \" \n \r \t and \xNN. Recorded by recorder.hpp, played by replayer.hpp.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>

namespace aioxx::testing {

/// Bytes as a Python literal: `b'a\r\n\xff'`.
[[nodiscard]] inline std::string to_literal(bytes_view data) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "b'";
    for (const char c : data.str()) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '\\' || c == '\'') {
            text += {'\\', c};
        } else if (c == '\n') {
            text += "\\n";
        } else if (c == '\r') {
            text += "\\r";
        } else if (c == '\t') {
            text += "\\t";
        } else if (code >= 0x20 && code < 0x7f) {
            text += c;
        } else {
            text += {'\\', 'x', digits[code >> 4U], digits[code & 15U]};
        }
    }
    return text + '\'';
}

/// As above, for reports: of more bytes than `most` only the first ones, and how many there are.
[[nodiscard]] inline std::string to_short_literal(bytes_view data, std::size_t most = 40) {
    if (data.size() <= most) return to_literal(data);
    return to_literal(data.first(most)) + "... (" + std::to_string(data.size()) + " bytes)";
}

/// Something that went over a connection, or happened to it.
struct trace_event {
    enum class direction { sent, received };  ///< as the end sees it that was recorded
    enum class kind { bytes, eof, lost };

    duration at{};  ///< since the start
    direction way = direction::sent;
    kind what = kind::bytes;
    bytearray data;        ///< at least one byte; of a loss the reason's text, or nothing
    std::size_t line = 0;  ///< where it stands in the text, from 1 on
};

/// What went over a connection, in the order of time.
class trace {
public:
    [[nodiscard]] const std::vector<trace_event>& events() const noexcept { return events_; }

    /// Puts an event at the end; its line is the one that to_text will write.
    void add(trace_event event) {
        event.line = events_.size() + 2;
        events_.push_back(std::move(event));
    }

    /// The same as the other end would have seen it, but for the time that it took.
    [[nodiscard]] trace reversed() const {
        using enum trace_event::direction;
        trace other = *this;
        for (trace_event& event : other.events_) event.way = event.way == sent ? received : sent;
        return other;
    }

    [[nodiscard]] std::string to_text() const;

    /// Reads what to_text writes, or people do.
    ///
    /// Errors: std::invalid_argument naming the line, what was expected there, and what was found.
    [[nodiscard]] static trace parse(std::string_view text);

    /// Writes it into a file, which is replaced. Errors: broken_error naming the path.
    void save(const std::string& path) const;

    /// Errors: broken_error when the file cannot be read; std::invalid_argument as for parse; both name the
    /// path.
    [[nodiscard]] static trace load(const std::string& path);

private:
    class line_parser;

    std::vector<trace_event> events_;
};

// ---- definitions ----

inline std::string trace::to_text() const {
    std::string text = "# aioxx trace: seconds, > sent or < received, what\n";
    for (const trace_event& event : events_) {
        const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(event.at).count();
        const std::string fraction = std::to_string(1'000'000'000 + nanoseconds % 1'000'000'000);
        text += std::to_string(nanoseconds / 1'000'000'000) + '.' + fraction.substr(1);
        text += event.way == trace_event::direction::sent ? " > " : " < ";
        if (event.what == trace_event::kind::eof) text += "eof";
        if (event.what == trace_event::kind::lost) text += event.data.empty() ? "lost" : "lost ";
        if (!event.data.empty()) text += to_literal(event.data);
        text += '\n';
    }
    return text;
}

class trace::line_parser {
public:
    line_parser(std::string_view line, std::size_t number) : rest_(line), number_(number) {}

    [[nodiscard]] trace_event parse(duration former) {
        trace_event event;
        event.line = number_;
        event.at = time(former);
        event.way = direction();
        if (take("eof")) {
            event.what = trace_event::kind::eof;
        } else if (take("lost")) {
            event.what = trace_event::kind::lost;
            skip_blanks();
            if (!rest_.empty()) event.data = literal();
        } else {
            event.data = literal();
            if (event.data.empty()) fail("at least one byte", "b''");
        }
        skip_blanks();
        if (!rest_.empty()) fail("the end of the line");
        return event;
    }

private:
    [[noreturn]] void fail(const std::string& expected, std::string got = {}) const {
        if (got.empty()) {
            got = rest_.empty() ? "the end of the line" : '"' + std::string(rest_.substr(0, 40)) + '"';
        }
        throw std::invalid_argument("line " + std::to_string(number_) + ": expected " + expected + ", got " +
                                    got);
    }

    void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

    bool take(std::string_view wanted) {
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(wanted.size());
        return true;
    }

    duration time(duration former) {
        constexpr const char* expected = "a time in seconds, as 0.25";
        constexpr std::size_t most_digits = 9;
        const std::string_view start = rest_;
        std::uint32_t seconds = 0;
        const auto whole = std::from_chars(start.data(), start.data() + start.size(), seconds);
        if (whole.ec != std::errc()) fail(expected);
        rest_.remove_prefix(static_cast<std::size_t>(whole.ptr - start.data()));
        std::int64_t nanoseconds = 0;
        if (take(".")) {
            std::string digits(
                rest_.substr(0, std::min(rest_.find_first_not_of("0123456789"), rest_.size())));
            rest_.remove_prefix(digits.size());
            if (digits.empty() || digits.size() > most_digits) {
                rest_ = start;
                fail("1 to 9 digits behind the point of a time");
            }
            digits.resize(most_digits, '0');
            nanoseconds = std::stoll(digits);
        }
        const duration at = std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds);
        if (at < former) {
            rest_ = start;
            fail("a time that is not before that of the event above");
        }
        if (rest_.find_first_of(" \t") != 0) {
            rest_ = start;
            fail(expected + std::string(" and a blank"));
        }
        return at;
    }

    trace_event::direction direction() {
        skip_blanks();
        const bool sent = take(">");
        if (!sent && !take("<")) fail("> or <");
        skip_blanks();
        return sent ? trace_event::direction::sent : trace_event::direction::received;
    }

    bytearray literal() {
        if (!take("b'")) fail("eof, lost, or bytes as b'...'");
        bytearray data;
        while (!take("'")) {
            if (rest_.empty()) fail("a ' at the end of the bytes");
            const char c = rest_.front();
            data.append(c == '\\' ? escape() : static_cast<std::byte>(c));
            if (c != '\\') rest_.remove_prefix(1);
        }
        return data;
    }

    std::byte escape() {
        constexpr std::array<std::pair<std::string_view, char>, 6> short_ones = {
            {{"\\\\", '\\'}, {"\\'", '\''}, {"\\\"", '"'}, {"\\n", '\n'}, {"\\r", '\r'}, {"\\t", '\t'}}};
        for (const auto& [text, meant] : short_ones) {
            if (take(text)) return static_cast<std::byte>(meant);
        }
        constexpr std::size_t size = 4;  // \xNN
        const std::string_view code = rest_.substr(0, size);
        unsigned value = 0;
        const char* end = code.data() + code.size();
        if (code.size() != size || !code.starts_with("\\x") ||
            std::from_chars(code.data() + 2, end, value, 16).ptr != end) {
            fail("\\\\, \\', \\\", \\n, \\r, \\t or \\x and two hexadecimal digits");
        }
        rest_.remove_prefix(size);
        return static_cast<std::byte>(value);
    }

    std::string_view rest_;
    std::size_t number_;
};

inline trace trace::parse(std::string_view text) {
    trace parsed;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        const std::size_t start = line.find_first_not_of(" \t");
        if (start == std::string_view::npos || line[start] == '#') continue;
        const duration former = parsed.events_.empty() ? duration::zero() : parsed.events_.back().at;
        parsed.events_.push_back(line_parser(line.substr(start), number).parse(former));
    }
    return parsed;
}

inline void trace::save(const std::string& path) const {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << to_text();
    file.close();
    if (!file) {
        throw broken_error(std::make_error_code(std::errc::io_error), "cannot write the trace " + path);
    }
}

inline trace trace::load(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) {
        throw broken_error(std::make_error_code(std::errc::no_such_file_or_directory),
                           "cannot read the trace " + path);
    }
    try {
        return parse(text);
    } catch (const std::invalid_argument& wrong) {
        throw std::invalid_argument(path + ", " + wrong.what());
    }
}

}  // namespace aioxx::testing

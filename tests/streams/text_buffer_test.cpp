// SPDX-License-Identifier: BSL-1.0
// The values are those of io.TextIOWrapper of Python 3.11.

#include <aioxx/streams/text_buffer.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

using texts = std::vector<std::string>;

// Characters of one to four bytes, and ends of lines of all kinds beside each other.
const std::string sample = "naïve\r\n€ uro\rline\n\n\r\n\r\r😀 end\r";

// Takes what can be taken after each piece, until there is nothing any more.
template <class Take>
texts taken(const std::vector<std::string_view>& pieces, text_options options, Take take) {
    text_buffer buffer(options);
    texts all;
    const auto take_what_is_there = [&] {
        while (const std::optional<std::string> text = take(buffer)) {
            if (text->empty()) return;
            all.push_back(*text);
        }
    };
    for (const std::string_view piece : pieces) {
        buffer.feed(piece);
        take_what_is_there();
    }
    buffer.finish();
    take_what_is_there();
    CHECK(buffer.at_eof());
    return all;
}

// Demands the same of a text as a whole, byte by byte, and in three pieces that are cut anywhere.
template <class Take>
void demand_of_all_cuts(std::string_view text, text_options options, Take take, const texts& expected) {
    CHECK(taken({text}, options, take) == expected);
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < text.size(); ++at) bytes.push_back(text.substr(at, 1));
    CHECK(taken(bytes, options, take) == expected);
    bool all_equal = true;
    for (std::size_t first = 0; first <= text.size() && all_equal; ++first) {
        for (std::size_t second = first; second <= text.size() && all_equal; ++second) {
            CAPTURE(first, second);
            const std::vector<std::string_view> pieces{text.substr(0, first), text.substr(first, second - first),
                                                       text.substr(second)};
            all_equal = taken(pieces, options, take) == expected;
            CHECK(all_equal);
        }
    }
}

const auto line = [](text_buffer& buffer) { return buffer.take_line(); };
const auto three = [](text_buffer& buffer) { return buffer.take(3); };
const auto everything = [](text_buffer& buffer) { return buffer.take_all(); };

std::string what_of(text_buffer& buffer) {
    try {
        static_cast<void>(buffer.take_line());
    } catch (const decode_error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("lines are those of Python for each kind of line end, wherever the text is cut", "[streams]") {
    const auto demand_lines = [](newline_mode mode, const texts& expected) {
        INFO(static_cast<int>(mode));
        demand_of_all_cuts(sample, {.newline = mode}, line, expected);
    };
    demand_lines(newline_mode::universal, {"naïve\n", "€ uro\n", "line\n", "\n", "\n", "\n", "\n", "😀 end\n"});
    demand_lines(newline_mode::any, {"naïve\r\n", "€ uro\r", "line\n", "\n", "\r\n", "\r", "\r", "😀 end\r"});
    demand_lines(newline_mode::lf, {"naïve\r\n", "€ uro\rline\n", "\n", "\r\n", "\r\r😀 end\r"});
    demand_lines(newline_mode::cr, {"naïve\r", "\n€ uro\r", "line\n\n\r", "\n\r", "\r", "😀 end\r"});
    demand_lines(newline_mode::crlf, {"naïve\r\n", "€ uro\rline\n\n\r\n", "\r\r😀 end\r"});
}

TEST_CASE("characters are counted as in Python, wherever the text is cut", "[streams]") {
    demand_of_all_cuts(sample, {}, three,
                       {"naï", "ve\n", "€ u", "ro\n", "lin", "e\n\n", "\n\n\n", "😀 e", "nd\n"});
    const texts unchanged{"naï", "ve\r", "\n€ ", "uro", "\rli", "ne\n", "\n\r\n", "\r\r😀", " en", "d\r"};
    for (const newline_mode mode : {newline_mode::any, newline_mode::lf, newline_mode::cr, newline_mode::crlf}) {
        demand_of_all_cuts(sample, {.newline = mode}, three, unchanged);
    }
}

TEST_CASE("operations of different kinds follow each other as in Python", "[streams]") {
    const auto mixed = [](newline_mode mode) {
        text_buffer buffer({.newline = mode});
        buffer.feed(sample);
        buffer.finish();
        texts all;
        all.push_back(buffer.take(1).value());
        all.push_back(buffer.take_line().value());
        all.push_back(buffer.take(4).value());
        all.push_back(buffer.take_line().value());
        all.push_back(buffer.take_line().value());
        all.push_back(buffer.take_all().value());
        return all;
    };
    CHECK(mixed(newline_mode::universal) == texts{"n", "aïve\n", "€ ur", "o\n", "line\n", "\n\n\n\n😀 end\n"});
    CHECK(mixed(newline_mode::any) == texts{"n", "aïve\r\n", "€ ur", "o\r", "line\n", "\n\r\n\r\r😀 end\r"});
    CHECK(mixed(newline_mode::lf) == texts{"n", "aïve\r\n", "€ ur", "o\rline\n", "\n", "\r\n\r\r😀 end\r"});
    CHECK(mixed(newline_mode::cr) == texts{"n", "aïve\r", "\n€ u", "ro\r", "line\n\n\r", "\n\r\r😀 end\r"});
    CHECK(mixed(newline_mode::crlf) == texts{"n", "aïve\r\n", "€ ur", "o\rline\n\n\r\n", "\r\r😀 end\r", ""});
}

TEST_CASE("what cannot be decoded becomes what Python makes of it, wherever the text is cut", "[streams]") {
    const std::string faulty = "a\xC3\xA9\xFF\xE2\x82"
                               "b\xED\xA0\x80\xF0\x9F\x98\n\xC3";
    const auto demand_text = [&](decode_errors errors, const std::string& expected) {
        demand_of_all_cuts(faulty, {.errors = errors}, everything, {expected});
    };
    demand_text(decode_errors::replace, "aé\uFFFD\uFFFDb\uFFFD\uFFFD\uFFFD\uFFFD\n\uFFFD");
    demand_text(decode_errors::ignore, "aéb\n");
    demand_text(decode_errors::backslashreplace, "aé\\xff\\xe2\\x82b\\xed\\xa0\\x80\\xf0\\x9f\\x98\n\\xc3");
}

TEST_CASE("a fault ends the text after what stands before it, wherever the text is cut", "[streams]") {
    const std::string faulty = "first\nseco\xE2\x82nd\n";
    for (std::size_t cut = 0; cut <= faulty.size(); ++cut) {
        CAPTURE(cut);
        text_buffer buffer;
        buffer.feed(std::string_view(faulty).substr(0, cut));
        buffer.feed(std::string_view(faulty).substr(cut));
        CHECK(buffer.take_line() == "first\n");
        CHECK(what_of(buffer) == "'utf-8' codec can't decode bytes in position 4-5: invalid continuation byte");
        CHECK(what_of(buffer) == "'utf-8' codec can't decode bytes in position 4-5: invalid continuation byte");
        CHECK(buffer.take(2) == "se");
        CHECK_THROWS_AS(buffer.take(3), decode_error);
        CHECK(buffer.take_some() == "co");
        CHECK_THROWS_AS(buffer.take_some(), decode_error);
        buffer.finish();
        CHECK_THROWS_AS(buffer.take_all(), decode_error);
        CHECK_FALSE(buffer.at_eof());
    }
}

TEST_CASE("a character that the end of the text cuts off is a fault", "[streams]") {
    text_buffer buffer;
    buffer.feed("ab\xF0\x9F\x98");
    CHECK_FALSE(buffer.take_line());
    buffer.finish();
    CHECK(what_of(buffer) == "'utf-8' codec can't decode bytes in position 2-4: unexpected end of data");
}

TEST_CASE("more is asked for while an operation has not enough", "[streams]") {
    text_buffer buffer;
    CHECK_FALSE(buffer.take_some());
    CHECK(buffer.take(0) == "");
    buffer.feed("ab\xE2\x82");
    CHECK_FALSE(buffer.take(3));
    CHECK_FALSE(buffer.take_line());
    CHECK_FALSE(buffer.take_all());
    CHECK(buffer.take(1) == "a");
    buffer.feed("\xAC");
    CHECK(buffer.take(2) == "b€");
    CHECK_FALSE(buffer.at_eof());
    buffer.finish();
    CHECK(buffer.at_eof());
    CHECK(buffer.take(5) == "");
    CHECK(buffer.take_some() == "");
    CHECK(buffer.take_line() == "");
    CHECK(buffer.take_all() == "");
}

TEST_CASE("a carriage return ends a line at once when both kinds become one", "[streams]") {
    text_buffer translated;
    translated.feed("a\r");
    CHECK(translated.take_line() == "a\n");
    translated.feed("\nb\n");
    CHECK(translated.take_line() == "b\n");

    text_buffer unchanged({.newline = newline_mode::any});
    unchanged.feed("a\r");
    CHECK_FALSE(unchanged.take_line());
    unchanged.feed("b");
    CHECK(unchanged.take_line() == "a\r");
}

TEST_CASE("a line above the limit is dropped, and the next one can be taken", "[streams]") {
    CHECK_THROWS_AS(text_buffer({.limit = 0}), std::invalid_argument);

    text_buffer buffer({.limit = 4});
    buffer.feed("1234\n12345\nnext\n");
    CHECK(buffer.take_line() == "1234\n");
    CHECK_THROWS_AS(buffer.take_line(), limit_error);
    CHECK(buffer.take_line() == "next\n");
    buffer.feed("1234");
    CHECK_FALSE(buffer.take_line());
    buffer.feed("5");
    CHECK_THROWS_AS(buffer.take_line(), limit_error);
    buffer.feed("6\nlast");
    CHECK(buffer.take_line() == "6\n");
    buffer.finish();
    CHECK(buffer.take_line() == "last");
}

// SPDX-License-Identifier: BSL-1.0

#include "../../examples/aggregator/line_splitter.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "../../examples/aggregator/display.hpp"
#include "../../examples/aggregator/record.hpp"
#include "support/catch.hpp"

using namespace aggregator;

namespace {

struct kept_line {
    std::string text;
    bool continues;
    bool to_be_continued;
    bool crlf;
    bool no_newline;

    bool operator==(const kept_line&) const = default;
};

// The lines of a text that arrives in pieces of the given sizes, in turn.
std::vector<kept_line> split(std::string_view text, std::size_t max_line, const std::vector<std::size_t>& sizes) {
    std::vector<kept_line> lines;
    const auto keep = [&](const line& found) {
        lines.push_back({std::string(found.text.str()), found.continues, found.to_be_continued, found.crlf,
                         found.no_newline});
    };
    line_splitter splitter(max_line);
    for (std::size_t turn = 0; !text.empty(); ++turn) {
        const std::size_t size = std::min(sizes[turn % sizes.size()], text.size());
        splitter.feed(text.substr(0, size), keep);
        text.remove_prefix(size);
    }
    splitter.finish(keep);
    return lines;
}

std::string joined(const std::vector<kept_line>& lines) {
    std::string text;
    for (const kept_line& each : lines) {
        text += each.text;
        if (each.crlf) text += '\r';
        if (!each.to_be_continued && !each.no_newline) text += '\n';
    }
    return text;
}

std::string json(std::string_view text) {
    std::string written;
    append_json_string(written, text);
    return written;
}

std::string safe(std::string_view text) {
    std::string written;
    append_safe(written, text);
    return written;
}

std::string base64(std::string_view bytes) {
    std::string written;
    append_base64(written, bytes);
    return written;
}

std::string shown(const display& how, const shown_source& source, channel fd, std::string_view text) {
    record line;
    line.seq = 7;
    line.ts = 5;
    line.fd = fd;
    line.text = text;
    std::string written;
    how.append(written, source, line);
    return written;
}

}  // namespace

TEST_CASE("lines are the same however the bytes arrive", "[aggregator]") {
    const std::string text = "one\n\ntwo\r\nthree is a longer line\n\r\n\r\rfour";
    for (const std::size_t max_line : {1U, 2U, 3U, 5U, 8U, 100U}) {
        CAPTURE(max_line);
        const auto whole = split(text, max_line, {text.size()});
        CHECK(joined(whole) == text);
        for (const kept_line& each : whole) CHECK(each.text.size() <= max_line);
        CHECK(split(text, max_line, {1}) == whole);
        std::minstd_rand random(static_cast<std::uint32_t>(max_line));
        for (int trial = 0; trial < 50; ++trial) {
            std::vector<std::size_t> sizes;
            for (int i = 0; i < 7; ++i) sizes.push_back(1 + random() % 9);
            CHECK(split(text, max_line, sizes) == whole);
        }
    }
}

TEST_CASE("a line as long as the limit is whole, and one byte more makes two parts", "[aggregator]") {
    const std::vector<kept_line> fits{{"12345", false, false, false, false}};
    CHECK(split("12345\n", 5, {100}) == fits);
    const std::vector<kept_line> parts{{"12345", false, true, false, false}, {"6", true, false, false, false}};
    CHECK(split("123456\n", 5, {100}) == parts);
}

TEST_CASE("the end of the stream gives out a line without an end, and nothing after a complete one", "[aggregator]") {
    const std::vector<kept_line> unfinished{{"a", false, false, false, false}, {"b", false, false, false, true}};
    CHECK(split("a\nb", 10, {100}) == unfinished);
    const std::vector<kept_line> complete{{"a", false, false, false, false}};
    CHECK(split("a\n", 10, {100}) == complete);
    CHECK(split("", 10, {100}).empty());
}

TEST_CASE("JSON strings escape what JSON demands and replace only the bytes that are not UTF-8", "[aggregator]") {
    CHECK(json("plain") == "\"plain\"");
    CHECK(json("\"\\\t\n\x01\x1f") == R"("\"\\\t\u000a\u0001\u001f")");
    CHECK(json("\u00e4\u20ac\U0001F600") == "\"\u00e4\u20ac\U0001F600\"");
    CHECK(json("\u00e4\xff\u00e4") == "\"\u00e4\\ufffd\u00e4\"");
    CHECK(json("\xed\xa0\x80") == "\"\\ufffd\\ufffd\\ufffd\"");  // a surrogate
    CHECK(json("\xc0\xaf") == "\"\\ufffd\\ufffd\"");              // an overlong form
    CHECK(json("a\xe2\x82") == "\"a\\ufffd\\ufffd\"");            // cut off
    CHECK(json(std::string_view("\0x", 2)) == "\"\\u0000x\"");
}

TEST_CASE("base64 gives any bytes back", "[aggregator]") {
    CHECK(base64("") == "");
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foobar") == "Zm9vYmFy");
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes += static_cast<char>(i);
        CHECK(from_base64(base64(bytes)) == bytes);
    }
}

TEST_CASE("a record has the exact bytes beside its text only when it needs them", "[aggregator]") {
    record line;
    line.seq = 3;
    line.ts = 1'700'000'000'000'000;
    line.fd = channel::err;
    line.text = "hello";
    std::string written;
    append_fields(written, line);
    CHECK(written == R"("seq":3,"ts":1700000000000000,"fd":2,"msg":"hello")");

    line.text = "\xff";
    line.flags = "part,cont";
    written.clear();
    append_fields(written, line);
    CHECK(written == R"("seq":3,"ts":1700000000000000,"fd":2,"msg":"\ufffd","raw":"/w==","fl":["part","cont"])");
}

TEST_CASE("colours pass and everything else that a terminal obeys is made visible", "[aggregator]") {
    CHECK(safe("a\tb\x1b[1;31mc\x1b[0m") == "a\tb\x1b[1;31mc\x1b[0m");
    CHECK(safe("\x1b[2J") == "\\x1b[2J");
    CHECK(safe("\x1b]52;c;x\x07") == "\\x1b]52;c;x\\x07");
    CHECK(safe("\x1b[31") == "\\x1b[31");
    CHECK(safe("\x1b") == "\\x1b");
    CHECK(safe("\x7f\r\b") == "\\x7f\\x0d\\x08");
    CHECK(safe("\u00e4\u20ac\U0001F600") == "\u00e4\u20ac\U0001F600");
    CHECK(safe("\xc2\x9b" "2J\u00e4") == "\\xc2\\x9b2J\u00e4");  // U+009B begins a sequence as ESC [ does
    CHECK(safe("\x9b" "2J\u00e4") == "\\x9b2J\u00e4");
}

TEST_CASE("a line shows its source, and whether it was an error", "[aggregator]") {
    const shown_source web{"web", 36, "\"src\":\"web\","};
    display plain(style::plain, false, false);
    plain.announce("web");
    plain.announce("worker");
    CHECK(shown(plain, web, channel::out, "text") == "web    | text\n");
    CHECK(shown(plain, web, channel::err, "text") == "web    ! text\n");
    CHECK(shown(plain, web, channel::note, "text") == "web    . text\n");

    const display pretty(style::pretty, true, false);
    CHECK(shown(pretty, web, channel::out, "text") == "\x1b[36mweb │ \x1b[0mtext\n");
    CHECK(shown(pretty, web, channel::err, "text") == "\x1b[36mweb\x1b[1;31m ┃ \x1b[0mtext\n");
    CHECK(shown(pretty, web, channel::out, "\x1b[31mred") == "\x1b[36mweb │ \x1b[0m\x1b[31mred\x1b[0m\n");

    const display bare(style::plain, false, false, false);
    CHECK(shown(bare, web, channel::out, "text") == "text\n");

    const display as_json(style::json, false, false);
    CHECK(shown(as_json, web, channel::out, "text") == "{\"src\":\"web\",\"seq\":7,\"ts\":5,\"fd\":1,\"msg\":\"text\"}\n");
}

TEST_CASE("twelve names have twelve colours, and a name has the same one in every program", "[aggregator]") {
    color_chooser colors;
    std::vector<int> chosen;
    for (int i = 0; i < 12; ++i) chosen.push_back(colors.choose("name" + std::to_string(i)));
    std::sort(chosen.begin(), chosen.end());
    CHECK(std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end());
    CHECK(colors.choose("one more") != 0);
    CHECK(color_chooser().choose("web") == color_chooser().choose("web"));
}

// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/trace.hpp>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::to_literal;
using testing::to_short_literal;
using testing::trace;
using testing::trace_event;
using enum testing::trace_event::direction;
using enum testing::trace_event::kind;

namespace {

std::string complaint(const std::string& text) {
    return support::complaint_of<std::invalid_argument>([&] { return trace::parse(text); });
}

}  // namespace

TEST_CASE("bytes are written as a Python literal", "[testing]") {
    CHECK(to_literal("") == "b''");
    CHECK(to_literal("plain \"text\"") == "b'plain \"text\"'");
    CHECK(to_literal("it's\t\\\r\n") == "b'it\\'s\\t\\\\\\r\\n'");
    CHECK(to_literal(std::string("\0\x1f\x7f\xff", 4)) == "b'\\x00\\x1f\\x7f\\xff'");
    CHECK(to_short_literal("abc", 3) == "b'abc'");
    CHECK(to_short_literal("abcd", 3) == "b'abc'... (4 bytes)");
}

TEST_CASE("a trace is written one event to a line", "[testing]") {
    trace seen;
    seen.add({0s, sent, bytes, bytearray("GET /\r\n")});
    seen.add({1500ms, received, bytes, bytearray("\xff")});
    seen.add({2s, received, eof, {}});
    seen.add({75s + 1ns, sent, lost, bytearray("reset")});
    seen.add({80s, received, lost, {}});
    CHECK(seen.to_text() ==
          "# aioxx trace: seconds, > sent or < received, what\n"
          "0.000000000 > b'GET /\\r\\n'\n"
          "1.500000000 < b'\\xff'\n"
          "2.000000000 < eof\n"
          "75.000000001 > lost b'reset'\n"
          "80.000000000 < lost\n");
}

TEST_CASE("what was written is read back, with the same lines", "[testing]") {
    trace seen;
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    seen.add({1ns, sent, bytes, bytearray(all)});
    seen.add({1h, received, eof, {}});
    seen.add({1h, sent, lost, bytearray("it's over")});
    const trace again = trace::parse(seen.to_text());
    REQUIRE(again.events().size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const trace_event& before = seen.events()[i];
        const trace_event& after = again.events()[i];
        CHECK(after.at == before.at);
        CHECK(after.way == before.way);
        CHECK(after.what == before.what);
        CHECK(after.data == before.data);
        CHECK(after.line == before.line);
    }
    CHECK(again.to_text() == seen.to_text());
}

TEST_CASE("people may write traces by hand", "[testing]") {
    const trace parsed = trace::parse(
        "# a greeting\r\n"
        "\n"
        "  0   <   b'say \\\"hi\\\"'  \r\n"
        "0.5\t>\tb'hi'\n"
        "   # and then\n"
        "0.5 > eof");
    REQUIRE(parsed.events().size() == 3);
    CHECK(parsed.events()[0].data == "say \"hi\"");
    CHECK(parsed.events()[0].line == 3);
    CHECK(parsed.events()[1].at == 500ms);
    CHECK(parsed.events()[2].what == eof);
    CHECK(parsed.events()[2].line == 6);
    CHECK(trace::parse("").events().empty());
}

TEST_CASE("the other end sees the opposite directions", "[testing]") {
    const trace other = trace::parse("0 > b'a'\n1 < eof\n").reversed();
    CHECK(other.events()[0].way == received);
    CHECK(other.events()[1].way == sent);
    CHECK(other.events()[1].line == 2);
}

TEST_CASE("a bad trace is refused, with its line and what was expected there", "[testing]") {
    const std::string good = "0.1 > b'x'\n";
    CHECK(complaint(good + "soon > b'x'") ==
          "line 2: expected a time in seconds, as 0.25, got \"soon > b'x'\"");
    CHECK(complaint("-1 > b'x'").starts_with("line 1: expected a time in seconds"));
    CHECK(complaint("99999999999999 > b'x'").starts_with("line 1: expected a time in seconds"));
    CHECK(complaint("1. > b'x'")
              .starts_with("line 1: expected 1 to 9 digits behind the point of a time, got \"1. >"));
    CHECK(complaint("1.0123456789 > b'x'").starts_with("line 1: expected 1 to 9 digits"));
    CHECK(complaint("1> b'x'") == "line 1: expected a time in seconds, as 0.25 and a blank, got \"1> b'x'\"");
    CHECK(complaint("1") == "line 1: expected a time in seconds, as 0.25 and a blank, got \"1\"");
    CHECK(complaint(good + "0.05 > b'x'") ==
          "line 2: expected a time that is not before that of the event above, got \"0.05 > b'x'\"");
    CHECK(complaint("1 = b'x'") == "line 1: expected > or <, got \"= b'x'\"");
    CHECK(complaint("1 >") == "line 1: expected eof, lost, or bytes as b'...', got the end of the line");
    CHECK(complaint("1 > 'x'") == "line 1: expected eof, lost, or bytes as b'...', got \"'x'\"");
    CHECK(complaint("1 > b''") == "line 1: expected at least one byte, got b''");
    CHECK(complaint("1 > b'x") == "line 1: expected a ' at the end of the bytes, got the end of the line");
    CHECK(complaint("1 > b'\\q'") ==
          "line 1: expected \\\\, \\', \\\", \\n, \\r, \\t or \\x and two hexadecimal digits, got \"\\q'\"");
    CHECK(complaint("1 > b'\\x1'").starts_with("line 1: expected \\\\"));
    CHECK(complaint("1 > b'\\x-1'").starts_with("line 1: expected \\\\"));
    CHECK(complaint("1 > b'\\x").starts_with("line 1: expected \\\\"));
    CHECK(complaint("1 > b'x' y") == "line 1: expected the end of the line, got \"y\"");
    CHECK(complaint("1 > eofs") == "line 1: expected the end of the line, got \"s\"");
    CHECK(complaint("1 > lost reset")
              .starts_with("line 1: expected eof, lost, or bytes as b'...', got \"reset\""));
}

TEST_CASE("traces are kept in files", "[testing]") {
    const support::temporary_directory directory;
    const std::string path = directory.path("some.trace");
    trace seen;
    seen.add({1ms, sent, bytes, bytearray("x\n")});
    seen.save(path);
    CHECK(trace::load(path).to_text() == seen.to_text());
    std::ofstream(path) << "0 > b'x'\n0 ! b'y'\n";
    CHECK_THROWS_WITH(trace::load(path), path + ", line 2: expected > or <, got \"! b'y'\"");
    const std::string nowhere = directory.path("none/some.trace");
    CHECK_THROWS_WITH(seen.save(nowhere), "cannot write the trace " + nowhere + ": Input/output error");
    CHECK_THROWS_WITH(trace::load(nowhere),
                      "cannot read the trace " + nowhere + ": No such file or directory");
}

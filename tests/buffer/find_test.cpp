// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/find.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

until_search search_for(const std::vector<std::string>& separators) {
    const std::vector<bytes_view> views(separators.begin(), separators.end());
    return until_search(std::span<const bytes_view>(views));
}

// asyncio's rule, word by word: at each end, from the front, the shortest separator that ends there.
std::optional<match> model(const std::string& buffer, const std::vector<std::string>& separators) {
    for (std::size_t end = 1; end <= buffer.size(); ++end) {
        std::optional<match> best;
        for (const std::string& separator : separators) {
            if (!std::string_view(buffer).substr(0, end).ends_with(separator)) continue;
            if (!best || end - separator.size() > best->begin) best = match{end - separator.size(), end};
        }
        if (best) return best;
    }
    return std::nullopt;
}

}  // namespace

TEST_CASE("one separator is found with its bounds", "[buffer]") {
    CHECK(until_search().find("ab\ncd\n") == match{2, 3});
    CHECK(until_search(";").find("ab;") == match{2, 3});
    CHECK(until_search("\r\n\r\n").find("head\r\n\r\nbody") == match{4, 8});
    CHECK(until_search("a\0b").find(bytes_view("xa\0b")) == match{1, 4});
    CHECK_FALSE(until_search(";").find("ab").has_value());
    CHECK_FALSE(until_search(";").find("").has_value());
    CHECK_FALSE(until_search("long separator").find("short").has_value());
}

TEST_CASE("of several separators the match that ends first wins, even the longer one", "[buffer]") {
    CHECK(search_for({"bcd", "d"}).find("abcd") == match{3, 4});  // equal ends: the shorter
    CHECK(search_for({"d", "bcd"}).find("abcd") == match{3, 4});
    CHECK(search_for({"abc", "d"}).find("xabcd") == match{1, 4});    // the longer ends first
    CHECK(search_for({"abcd", "bc"}).find("xabcd") == match{2, 4});  // begins later, but ends first
    CHECK(search_for({"\n", "\r\n"}).find("line\r\nline\n") == match{5, 6});
    CHECK(search_for({"aa", "aa"}).find("aaa") == match{0, 2});
}

TEST_CASE("the search goes on where a match may still begin", "[buffer]") {
    until_search search("abc");
    CHECK_FALSE(search.find("a").has_value());
    CHECK(search.scanned() == 0);
    CHECK_FALSE(search.find("xxxab").has_value());
    CHECK(search.scanned() == 3);  // len + 1 - 3
    CHECK(search.find("xxxabc") == match{3, 6});
    until_search several = search_for({"\n", "abcd"});
    CHECK_FALSE(several.find("xxxxx").has_value());
    CHECK(several.scanned() == 2);  // len + 1 - longest
    until_search newline;
    CHECK_FALSE(newline.find("xxxxx").has_value());
    CHECK(newline.scanned() == 5);
}

TEST_CASE("what was looked at is not looked at again", "[buffer]") {
    // Shown by breaking the precondition: a separator put where the search has been is not seen.
    std::string buffer(10'000, 'x');
    for (until_search search : {until_search(), until_search("\r\n"), search_for({"\n", "\r\n\r\n"})}) {
        REQUIRE_FALSE(search.find(buffer).has_value());
        std::string changed = buffer;
        changed[search.scanned() - 1] = '\n';
        changed[search.scanned() - 2] = '\r';
        CHECK_FALSE(search.find(changed).has_value());
        search.restart();
        CHECK(search.scanned() == 0);
        CHECK(search.find(changed).has_value());
    }
}

TEST_CASE("a rare separator is not looked for behind the match of another", "[buffer]") {
    // Shown by what is known of the front afterwards: the search came in steps, each twice as long as the
    // last.
    std::string buffer(100'000, 'x');
    buffer[5000] = '\n';
    until_search search = search_for({"rare", "\n"});
    CHECK(search.find(buffer) == match{5000, 5001});
    CHECK(search.scanned() >= 2000);
    CHECK(search.scanned() <= 5000);
    CHECK(search.find(buffer) == match{5000, 5001});
}

TEST_CASE("a separator may be longer than a step of the search", "[buffer]") {
    const std::string separator(1000, '-');
    const std::string buffer = std::string(700, 'x') + separator + "y;";
    CHECK(search_for({separator, ";"}).find(buffer) == match{700, 1700});
    CHECK(search_for({separator + "z", ";"}).find(buffer) == match{1701, 1702});
}

TEST_CASE("an empty separator or none is refused", "[buffer]") {
    CHECK_THROWS_AS(until_search(""), std::invalid_argument);
    CHECK_THROWS_AS(search_for({}), std::invalid_argument);
    CHECK_THROWS_AS(search_for({"a", ""}), std::invalid_argument);
    CHECK_THROWS_AS(search_for({"", "a"}), std::invalid_argument);
}

TEST_CASE("whole, byte by byte and in random pieces, the same match is found", "[buffer]") {
    std::mt19937 random(7);
    const auto draw = [&](std::size_t shortest, std::size_t longest) {
        std::string text(shortest + random() % (longest - shortest + 1), '\0');
        for (char& c : text)
            c = "abc"[random() % 3];
        return text;
    };
    for (int round = 0; round < 3000; ++round) {
        // Long buffers of one letter in front, so that matches lie behind the first steps of the search too.
        const std::string buffer = std::string(round % 5 == 0 ? random() % 1200 : 0, 'x') + draw(0, 40);
        std::vector<std::string> separators;
        for (std::size_t count = 1 + random() % 3; count != 0; --count)
            separators.push_back(draw(1, 5));
        const std::optional<match> expected = model(buffer, separators);
        CAPTURE(round, buffer, separators);

        REQUIRE(search_for(separators).find(buffer) == expected);

        for (const std::size_t most : {std::size_t{1}, std::size_t{7}}) {
            until_search search = search_for(separators);
            std::optional<match> found;
            for (std::size_t size = 0; !found && size < buffer.size();) {
                size = std::min(buffer.size(), size + 1 + random() % most);
                found = search.find(bytes_view(buffer).first(size));
                // The first match by its end does not depend on what follows it.
                if (found) REQUIRE(found->end <= size);
            }
            REQUIRE(found == expected);
        }
    }
}

TEST_CASE("many separators are found in one pass, whatever their last bytes", "[buffer]") {
    std::vector<std::string> separators;
    for (char c = 'A'; c <= 'Z'; ++c)
        separators.push_back(std::string("--") + c);
    std::string buffer(3000, 'x');
    buffer += "QRS--Q";
    until_search search = search_for(separators);
    CHECK(search.find(buffer) == match{3003, 3006});
    const until_search copy = search;
    search.restart();
    CHECK(search.find(bytes_view(buffer).first(3004)) == std::nullopt);
    CHECK(search.scanned() == 3002);
    CHECK(search.find(buffer) == match{3003, 3006});
    CHECK(copy.scanned() == 3003);
}

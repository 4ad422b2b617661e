// SPDX-License-Identifier: BSL-1.0

#include <aioxx/files/walk.hpp>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using support::run_bounded;
namespace fs = std::filesystem;

TEST_CASE("a walk finds everything below a directory, directories before what they contain", "[files]") {
    const support::temporary_directory folder;
    const fs::path root = folder.path("root");
    std::set<fs::path> made;
    for (int i = 0; i < 7; ++i) {
        const fs::path place = root / std::to_string(i) / "deeper";
        fs::create_directories(place);
        made.insert(place.parent_path());
        made.insert(place);
        for (int j = 0; j < 100; ++j) {
            std::ofstream(place / std::to_string(j)) << j;
            made.insert(place / std::to_string(j));
        }
    }
    run_bounded([](fs::path from, std::set<fs::path> expected) -> coro<> {
        std::set<fs::path> found;
        bool in_order = true;
        auto entries = walk(from);
        for (;;) {
            const auto entry = co_await entries.next();
            if (!entry) break;
            const fs::path above = entry->path().parent_path();
            in_order = in_order && (above == from || found.count(above) == 1);
            found.insert(entry->path());
        }
        CHECK(found == expected);
        CHECK(in_order);
    }(root, made));
}

TEST_CASE("a walk through nothing ends at once, and one that cannot begin says where", "[files]") {
    const support::temporary_directory folder;
    run_bounded([](fs::path empty) -> coro<> {
        auto none = walk(empty);
        const auto entry = co_await none.next();
        CHECK_FALSE(entry);
        auto missing = walk(empty / "missing");
        std::string message;
        try {
            const auto first = co_await missing.next();
        } catch (const broken_error& refused) {
            message = refused.what();
        }
        CHECK(message.find("missing") != std::string::npos);
    }(folder.path("")));
}

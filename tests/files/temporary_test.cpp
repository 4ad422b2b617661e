// SPDX-License-Identifier: BSL-1.0

#include <aioxx/files/temporary.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <sys/stat.h>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using support::run_bounded;
namespace fs = std::filesystem;

TEST_CASE("a temporary file without a name can be written and read, and leaves nothing", "[files]") {
    const support::temporary_directory folder;
    run_bounded([](fs::path place) -> coro<> {
        const async_file file = co_await create_temporary_file(place);
        co_await file.send("kept for a while");
        co_await file.seek(0);
        const bytearray back = co_await file.read();
        CHECK(back == "kept for a while");
        CHECK(fs::is_empty(place));
    }(folder.path("")));
}

TEST_CASE("a temporary file with a name goes with the last copy of it, unless it is kept", "[files]") {
    const support::temporary_directory folder;
    run_bounded([](fs::path place) -> coro<> {
        fs::path path;
        {
            std::optional<named_temporary_file> made = co_await create_named_temporary_file(place, "log-");
            path = made->path();
            CHECK(path.filename().string().rfind("log-", 0) == 0);
            struct stat found {};
            CHECK(::stat(path.c_str(), &found) == 0);
            CHECK((found.st_mode & 0777) == 0600);
            co_await made->file().send("content");
            const named_temporary_file copy = *made;
            made.reset();
            CHECK(fs::exists(path));
            const bytearray content = co_await read_bytes(path);
            CHECK(content == "content");
        }
        CHECK_FALSE(fs::exists(path));
        {
            named_temporary_file kept = co_await create_named_temporary_file(place);
            path = kept.path();
            kept.keep();
        }
        CHECK(fs::exists(path));
    }(folder.path("")));
}

TEST_CASE("a temporary directory goes with everything in it", "[files]") {
    const support::temporary_directory folder;
    run_bounded([](fs::path place) -> coro<> {
        fs::path path;
        {
            temporary_directory made = co_await create_temporary_directory(place);
            path = made.path();
            co_await write_bytes(path / "file", "x");
            fs::create_directories(path / "deeper" / "still");
            temporary_directory moved = std::move(made);
            CHECK(moved.path() == path);
        }
        CHECK_FALSE(fs::exists(path));
        temporary_directory other = co_await create_temporary_directory(place);
        path = other.path();
        CHECK(fs::exists(path));
        co_await other.cleanup();
        CHECK_FALSE(fs::exists(path));
        co_await other.cleanup();
    }(folder.path("")));
}

TEST_CASE("what cannot be made names the place", "[files]") {
    run_bounded([]() -> coro<> {
        std::string message;
        try {
            const temporary_directory made = co_await create_temporary_directory("/nowhere/at/all");
        } catch (const broken_error& refused) {
            message = refused.what();
        }
        CHECK(message.find("/nowhere/at/all") != std::string::npos);
        try {
            const named_temporary_file made = co_await create_named_temporary_file("/nowhere/else");
        } catch (const broken_error& refused) {
            message = refused.what();
        }
        CHECK(message.find("/nowhere/else") != std::string::npos);
    }());
}

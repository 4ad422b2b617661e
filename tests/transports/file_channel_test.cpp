// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/file_channel.hpp>

#include <chrono>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/check_transport.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::observer;
using support::run_bounded;

namespace {

std::shared_ptr<stream_transport> start(const std::string& path, int flags, pipe_end end,
                                        std::shared_ptr<observer> served) {
    unique_fd file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    REQUIRE(file);
    event_loop& loop = get_running_loop();
    auto made = std::make_shared<stream_transport>(loop, std::make_unique<file_channel>(loop, std::move(file), end),
                                                   std::move(served));
    made->start();
    return made;
}

std::string content_of(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
}

}  // namespace

TEST_CASE("a file is read to its end, which closes, and can be paused", "[transports]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string text(300'000, 'x');
        std::ofstream(folder.path("file")) << text;
        const auto served = std::make_shared<observer>();
        const auto made = start(folder.path("file"), O_RDONLY, pipe_end::read, served);
        bool paused = false;
        served->on_data = [&](observer& self) {
            if (paused) return;
            paused = true;
            self.transport().pause_reading();
            get_running_loop().call_later(1ms, [&self] { self.transport().resume_reading(); });
        };
        co_await served->until_lost();
        CHECK(served->received == text);
        CHECK(served->count("eof_received") == 1);
        CHECK_FALSE(served->reason);
        CHECK(paused);
    }());
}

TEST_CASE("everything that was written is in the file when the transport is closed", "[transports]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const auto served = std::make_shared<observer>();
        const auto made = start(folder.path("file"), O_WRONLY | O_CREAT, pipe_end::write, served);
        co_await served->until([&] { return served->count("connection_made") == 1; });
        std::string all;
        for (int number = 0; number < 50; ++number) {
            const std::string part(static_cast<std::size_t>(number) * 1000, static_cast<char>('a' + number % 26));
            made->write(part);
            all += part;
        }
        CHECK(made->get_write_buffer_size() > 0);
        made->close();
        co_await served->until_lost();
        CHECK_FALSE(served->reason);
        CHECK(content_of(folder.path("file")) == all);
    }());
}

TEST_CASE("an error of the file ends the transport with it", "[transports]") {
    run_bounded([]() -> coro<> {
        const auto served = std::make_shared<observer>();
        const auto made = start("/dev/full", O_WRONLY, pipe_end::write, served);
        co_await served->until([&] { return served->count("connection_made") == 1; });
        made->write("x");
        co_await served->until_lost();
        CHECK(served->reason);
        const support::temporary_directory folder;
        const auto directory = std::make_shared<observer>();
        const auto reading = start(folder.path(""), O_RDONLY | O_DIRECTORY, pipe_end::read, directory);
        co_await directory->until_lost();
        CHECK(directory->reason);
    }());
}

TEST_CASE("a transport that is aborted while a thread works leaves nothing behind", "[transports]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const auto served = std::make_shared<observer>();
        const auto made = start(folder.path("file"), O_WRONLY | O_CREAT, pipe_end::write, served);
        co_await served->until([&] { return served->count("connection_made") == 1; });
        made->write(std::string(100'000, 'x'));
        made->abort();
        co_await served->until_lost();
    }());
}

// SPDX-License-Identifier: BSL-1.0

// The laws of byte transports over the pipes of a child process, which passes on what it reads: /bin/cat. One end is its
// standard input, the other its standard output.

#include <aioxx/testing/check_transport.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/transports/child.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/spawn.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using testing::transport_law;
using testing::transport_pair;

namespace {

// A child that is running, and the parent's ends of its pipes. It is waited for in any case.
struct started_child {
    std::shared_ptr<child> running;
    std::array<unique_fd, 3> pipes;
};

started_child start(std::vector<std::string> arguments, std::size_t pipe_size) {
    process_options options;
    options.err = stdio::inherit();
    options.pipe_size = pipe_size;
    spawned_process spawned = spawn(arguments, options);
    auto running = std::make_shared<child>(get_running_loop(), spawned.pid, std::move(spawned.pidfd));
    running->start({});
    return {std::move(running), std::move(spawned.pipes)};
}

coro<transport_pair> through_a_child(std::size_t pipe_size, std::shared_ptr<base_protocol> for_a,
                                     std::shared_ptr<base_protocol> for_b) {
    event_loop& loop = get_running_loop();
    started_child cat = start(std::vector<std::string>(1, "/bin/cat"), pipe_size);
    auto input = std::make_unique<pipe_channel>(loop, std::move(cat.pipes[0]), pipe_end::write);
    auto output = std::make_unique<pipe_channel>(loop, std::move(cat.pipes[1]), pipe_end::read);
    auto a = std::make_shared<stream_transport>(loop, std::move(input), std::move(for_a));
    auto b = std::make_shared<stream_transport>(loop, std::move(output), std::move(for_b));
    const future<> made = create_future();
    a->start();
    b->start([made](std::exception_ptr) { made.set_result(); });
    co_await made;
    co_return transport_pair{a, b};
}

// A child reads on while its output has room, so that nothing is queued for sure, and it takes what it has read with it
// when it ends. What these two laws say is asked of children that do not read, below.
const std::set<std::string> not_of_a_child{"abort drops what is queued, also after close (ST014)",
                                           "a peer that vanishes is an error when bytes are lost (FC008)"};

void check(std::size_t pipe_size) {
    const std::size_t before = support::open_descriptors();
    std::size_t left_out = 0;
    auto laws = testing::transport_laws();
    laws.push_back(testing::one_way_law());
    for (const transport_law& law : laws) {
        // Nor can be asked what needs both directions, or the end of one of them alone: input and output of a child
        // have one direction each.
        if (law.needs != testing::law_needs::nothing) continue;
        if (not_of_a_child.contains(law.name)) {
            ++left_out;
            continue;
        }
        INFO(law.name);
        const auto make = [pipe_size](std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b) {
            return through_a_child(pipe_size, std::move(for_a), std::move(for_b));
        };
        CHECK_NOTHROW(run(wait_for(law.check(make), std::chrono::seconds(20))));
        CHECK(support::has_no_children());
        CHECK(support::open_descriptors() == before);
    }
    CHECK(left_out == not_of_a_child.size());
}

// The input of a child that does not read, with bytes queued.
struct clogged_input {
    std::shared_ptr<child> running;
    std::shared_ptr<testing::observer> told = std::make_shared<testing::observer>();
    std::shared_ptr<stream_transport> input;
};

coro<clogged_input> clog() {
    std::vector<std::string> arguments(1, "/bin/sleep");
    arguments.emplace_back("1000");
    started_child sleeping = start(std::move(arguments), 0);
    clogged_input made;
    made.running = std::move(sleeping.running);
    auto channel = std::make_unique<pipe_channel>(get_running_loop(), std::move(sleeping.pipes[0]), pipe_end::write);
    made.input = std::make_shared<stream_transport>(get_running_loop(), std::move(channel), made.told);
    made.input->start();
    co_await made.told->until([&] { return made.told->count("connection_made") == 1; });
    made.input->write(bytearray(1'000'000, std::byte{'x'}));
    CHECK(made.input->get_write_buffer_size() > 0);
    co_return made;
}

}  // namespace

TEST_CASE("the pipes of a child process obey the laws of transports", "[conformance]") { check(1024 * 1024); }

TEST_CASE("the pipes of a child process obey the laws of transports when they hold one page", "[conformance]") {
    check(4096);
}

TEST_CASE("abort drops what a child has not read, also after close", "[conformance][ST014]") {
    support::run_bounded([]() -> coro<> {
        const clogged_input pipe = co_await clog();
        pipe.input->close();
        for (int turn = 0; turn < 5; ++turn) co_await sleep(duration::zero());
        CHECK_FALSE(pipe.told->lost());
        pipe.input->abort();
        CHECK(pipe.input->get_write_buffer_size() == 0);
        co_await pipe.told->until_lost();
        CHECK(pipe.told->reason == nullptr);
        pipe.running->send_signal(SIGKILL);
    }());
    CHECK(support::has_no_children());
}

TEST_CASE("a child that ends without having read everything is an error", "[conformance][FC008]") {
    support::run_bounded([]() -> coro<> {
        const clogged_input pipe = co_await clog();
        pipe.running->send_signal(SIGKILL);
        co_await pipe.told->until_lost();
        CHECK(describe(pipe.told->reason).find("roken pipe") != std::string::npos);
        CHECK(pipe.told->count("resume_writing") == 0);
    }());
    CHECK(support::has_no_children());
}

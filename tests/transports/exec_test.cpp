// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/exec.hpp>

#include <cstdlib>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/processes.hpp"

using namespace aioxx;
using support::has_no_children;
using support::open_descriptors;

namespace {

// Runs /bin/true with changes of a plan, without descriptors of its own.
template <class Change>
detail::launched launch_with(Change change) {
    const std::vector<std::string> arguments{"/bin/true"};
    const std::vector<char*> argv = detail::pointers_to(arguments);
    const std::vector<detail::child_descriptors::move> none;
    detail::exec_plan plan;
    plan.candidates = arguments;
    plan.arguments = argv.data();
    plan.environment = environ;
    plan.moves = &none;
    change(plan);
    const detail::launched started = detail::launch(plan, 3);
    if (!started.failure) REQUIRE(::waitpid(started.pid, nullptr, 0) == started.pid);
    return started;
}

}  // namespace

TEST_CASE("a program is looked for where PATH says, an empty part of which is the working directory", "[transports]") {
    const std::string former = ::getenv("PATH");
    ::setenv("PATH", "/one::/two", 1);
    CHECK(detail::candidates_for("tool") == std::vector<std::string>{"/one/tool", "./tool", "/two/tool"});
    CHECK(detail::candidates_for("./tool") == std::vector<std::string>{"./tool"});
    ::unsetenv("PATH");
    CHECK(detail::candidates_for("tool") == std::vector<std::string>{"/bin/tool", "/usr/bin/tool"});
    ::setenv("PATH", former.c_str(), 1);
}

TEST_CASE("a child that fails on its way tells the stage and the reason, and is gone", "[transports]") {
    const std::size_t before = open_descriptors();
    CHECK_FALSE(launch_with([](detail::exec_plan&) {}).failure);
    const std::vector<detail::child_descriptors::move> bad{{4000, 5}};
    const auto descriptors = launch_with([&](detail::exec_plan& plan) { plan.moves = &bad; });
    REQUIRE(descriptors.failure);
    CHECK((descriptors.failure->stage == detail::exec_stage::descriptors));
    CHECK(descriptors.failure->code == EBADF);
    const auto terminal = launch_with([](detail::exec_plan& plan) { plan.terminal = 4000; });
    REQUIRE(terminal.failure);
    CHECK((terminal.failure->stage == detail::exec_stage::terminal));
    const auto directory = launch_with([](detail::exec_plan& plan) { plan.directory = "/nowhere"; });
    REQUIRE(directory.failure);
    CHECK((directory.failure->stage == detail::exec_stage::directory));
    CHECK(directory.failure->code == ENOENT);
    const auto program = launch_with([](detail::exec_plan& plan) { plan.candidates = {"/nowhere/at/all"}; });
    REQUIRE(program.failure);
    CHECK((program.failure->stage == detail::exec_stage::program));
    CHECK(open_descriptors() == before);
    CHECK(has_no_children());
}

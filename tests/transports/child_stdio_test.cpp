// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/child_stdio.hpp>

#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/processes.hpp"

using namespace aioxx;
using support::open_descriptors;

TEST_CASE("what a child is given lies above all its numbers, so that nothing is overwritten", "[transports]") {
    const std::size_t before = open_descriptors();
    {
        detail::child_descriptors plan({{0, 40}, {1, 3}});
        plan.add(0, stdio::devnull(), 0, {});
        plan.add(1, stdio::pipe(), 4096, {});
        plan.add(2, stdio::to_stdout(), 0, {});
        REQUIRE(plan.moves().size() == 5);
        const int numbers[] = {40, 3, 0, 1, 2};
        for (std::size_t i = 0; i < 5; ++i) CHECK(plan.moves()[i].number == numbers[i]);
        for (std::size_t i = 0; i < 4; ++i) CHECK(plan.moves()[i].from > 40);
        CHECK(plan.moves()[4].from == 1);  // where standard output is by then
        CHECK(plan.lowest_free() == 41);
        CHECK(plan.terminal() == -1);
        const auto ours = plan.take_parents();
        CHECK_FALSE(ours[0]);
        CHECK((::fcntl(ours[1].get(), F_GETFL) & O_NONBLOCK) != 0);
        CHECK_FALSE(ours[2]);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("one terminal serves all that lead to it, and tells its size", "[transports]") {
    detail::child_descriptors plan({});
    plan.add(0, stdio::terminal(), 0, {90, 30});
    plan.add(1, stdio::terminal(), 0, {90, 30});
    plan.add(2, stdio::terminal(), 0, {90, 30});
    CHECK(plan.terminal() == 0);
    const std::string first = ::ttyname(plan.moves()[0].from);
    CHECK(std::string(::ttyname(plan.moves()[1].from)) == first);
    CHECK(std::string(::ttyname(plan.moves()[2].from)) == first);
    const auto ours = plan.take_parents();
    REQUIRE(ours[0]);
    REQUIRE(ours[1]);
    CHECK_FALSE(ours[2]);
    winsize size{};
    REQUIRE(::ioctl(ours[0].get(), TIOCGWINSZ, &size) == 0);
    CHECK(size.ws_col == 90);
    CHECK(size.ws_row == 30);
    set_terminal_size(ours[1].get(), {100, 40});
    REQUIRE(::ioctl(plan.moves()[0].from, TIOCGWINSZ, &size) == 0);
    CHECK(size.ws_col == 100);
    CHECK_THROWS_AS(set_terminal_size(-1, {}), broken_error);
}

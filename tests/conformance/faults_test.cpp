// SPDX-License-Identifier: BSL-1.0
// tests/conformance/faults_test.cpp: every scene with a fault at each of its points: with a task cancelled before its
// start, at each suspension and between each wake-up and resumption, and with each allocation failing.

#include "conformance/scenes.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>

#include <aioxx/core/future_base.hpp>
#include <aioxx/tasks/error_group.hpp>
#include <aioxx/testing/fault_plan.hpp>
#include <aioxx/testing/seeds.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace aioxx::testing;

namespace {

bool is_injected(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const fault_injected&) {
        return true;
    } catch (const error_group& group) {
        // The others are on purpose of the scene, or what followed from the fault.
        return group.contains<fault_injected>();
    } catch (const std::exception&) {
        return false;
    }
}

// Returns: how many points were visited.
std::size_t sweep(fault kind, const scenes::scene& played, std::uint64_t orders) {
    std::size_t points = 0;
    explore(orders, [&](std::uint64_t seed) {
        const auto play = [&](fault_plan& plan) {
            scenes::stage stage(seed);
            plan.watch(stage.loop());
            stage.disturb([&plan] { return plan.struck(); });
            played.set_up(stage);
            stage.play(is_injected);
            const future_base* victim = plan.victim();
            scenes::demand(victim == nullptr || victim->cancelled(), "the task that was cancelled ends so");
        };
        points += fault_plan::visit(kind, play, {.check_frames = true});
    });
    return points;
}

}  // namespace

TEST_CASE("every scene goes on when a task is cancelled before its start", "[conformance]") {
    for (const scenes::scene& each : scenes::all_scenes) {
        INFO(each.name);
        CHECK(sweep(fault::cancel_before_start, each, 30) > 0);
    }
}

TEST_CASE("every scene goes on when a task is cancelled at any of its suspensions", "[conformance]") {
    for (const scenes::scene& each : scenes::all_scenes) {
        INFO(each.name);
        CHECK(sweep(fault::cancel_at_suspension, each, 30) > 0);
    }
}

TEST_CASE("every scene goes on when a task is cancelled between a wake-up and its resumption", "[conformance]") {
    for (const scenes::scene& each : scenes::all_scenes) {
        INFO(each.name);
        CHECK(sweep(fault::cancel_after_wake_up, each, 30) > 0);
    }
}

TEST_CASE("every scene goes on when an allocation fails in one of its tasks", "[conformance]") {
    std::size_t points = 0;
    for (const scenes::scene& each : scenes::all_scenes) {
        INFO(each.name);
        points += sweep(fault::failed_allocation, each, 10);
    }
    CHECK(points > 0);
}

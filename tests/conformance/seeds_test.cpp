// SPDX-License-Identifier: BSL-1.0
// tests/conformance/seeds_test.cpp: every scene under a thousand orders of its tasks.

#include "conformance/scenes.hpp"

#include <cstdint>
#include <exception>

#include <aioxx/testing/frame_watch.hpp>
#include <aioxx/testing/seeds.hpp>

#include "support/catch.hpp"

using namespace aioxx::testing;

TEST_CASE("every scene plays to its end under a thousand orders of its tasks", "[conformance]") {
    for (const scenes::scene& each : scenes::all_scenes) {
        INFO(each.name);
        explore(1000, [&each](std::uint64_t seed) {
            scenes::stage stage(seed);
            each.set_up(stage);
            stage.play([](const std::exception_ptr&) { return false; });
        });
    }
    SUCCEED();
}

TEST_CASE("no scene loses a coroutine, task or future", "[conformance]") {
    for (const scenes::scene& each : scenes::all_scenes) {
        INFO(each.name);
        explore(100, [&each](std::uint64_t seed) {
            check_frames([&] {
                scenes::stage stage(seed);
                each.set_up(stage);
                stage.play([](const std::exception_ptr&) { return false; });
            });
        });
    }
    SUCCEED();
}

TEST_CASE("a start that is cancelled while its task says that it is ready is just cancelled", "[conformance]") {
    explore(100, [](std::uint64_t seed) {
        scenes::stage stage(seed);
        scenes::start_scene.set_up(stage);
        stage.play([](const std::exception_ptr&) { return false; });
    });
    SUCCEED();
}

// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/task_group.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/core/context_var.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/timeout.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

coro<> sleep_for(duration delay) { co_await aioxx::sleep(delay); }
// Writes down that it was cancelled, and takes its time for it.
coro<> cleaning(std::string& log, std::string name, duration needed = {}) {
    bool cancelled = false;
    try {
        co_await wait_forever();
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) co_await aioxx::sleep(needed);
    log += name + " ";
    throw cancelled_error();
}

// Throws something else when it is cancelled.
coro<> fail_when_cancelled(std::string what) {
    try {
        co_await wait_forever();
    } catch (const cancelled_error&) {
    }
    throw std::runtime_error(what);
}

// The texts of a group's exceptions. Empty when something else is thrown, or nothing.
coro<std::string> errors_of(coro<> block) {
    std::string text;
    try {
        co_await std::move(block);
    } catch (const error_group& group) {
        for (const auto& exception : group.exceptions()) text += describe(exception) + ";";
    }
    co_return text;
}

}  // namespace

TEST_CASE("TG001 a group waits for its tasks, whose results are there afterwards", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        task<int> first;
        task<int> second;
        co_await with_task_group([&](task_group& group) -> coro<> {
            first = group.create_task(after(2s, 1));
            second = group.create_task(after(1s, 2), "second");
            CHECK(second.name() == "second");  // TG020
            co_return;
        });
        CHECK(first.result() + second.result() == 3);
        CHECK(test.elapsed() == 2s);
    }(loop));
}

TEST_CASE("a group returns what its body returns", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto value = co_await with_task_group([](task_group& group) -> coro<std::unique_ptr<int>> {
            const auto number = group.create_task(after(1s, 5));
            co_return std::make_unique<int>(co_await number);
        });
        CHECK(*value == 5);
        co_await with_task_group([](task_group&) -> coro<> { co_return; });
    }());
}

TEST_CASE("the body of a group may capture, and lives as long as the group", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto make = [](std::shared_ptr<int> number) {
            return with_task_group([number = std::move(number)](task_group& group) -> coro<int> {
                group.create_task(sleep_for(1s));
                co_await aioxx::sleep(2s);
                co_return *number;
            });
        };
        coro<int> block = make(std::make_shared<int>(7));
        const int value = co_await std::move(block);
        CHECK(value == 7);
    }());
}

TEST_CASE("TG002 tasks can be added by children, also after the body has ended", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto grandchild = [&]() -> coro<> {
        co_await aioxx::sleep(1s);
        log += "grandchild";
    };
    const auto child = [&](task_group& group) -> coro<> {
        co_await aioxx::sleep(1s);
        group.create_task(grandchild());
    };
    const auto main = [&]() -> coro<> {
        co_await with_task_group([&](task_group& group) -> coro<> {
            group.create_task(child(group));
            co_return;
        });
    };
    loop.run(main());
    CHECK(log == "grandchild");
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("TG003 a child that is cancelled on its own does not affect the group", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        task<int> other;
        co_await with_task_group([&](task_group& group) -> coro<> {
            auto child = group.create_task(wait_forever());
            other = group.create_task(after(2s, 1));
            co_await aioxx::sleep(1s);
            child.cancel();
        });
        CHECK(other.result() == 1);
    }());
}

TEST_CASE("TG004 the first failure cancels the others, and the group throws it", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto main = [&]() -> coro<> {
        try {
            co_await with_task_group([&](task_group& group) -> coro<> {
                group.create_task(cleaning(log, "sibling", 1s));
                group.create_task(fails_after(1s, "boom"));
                co_return;
            });
            FAIL("went on");
        } catch (const error_group& caught) {
            CHECK(std::string(caught.what()) == "errors in a task group (1):\n  boom");
            CHECK(caught.contains<std::runtime_error>());
        }
        CHECK(log == "sibling ");
        CHECK(loop.elapsed() == 2s);
        CHECK(current_task()->cancelling() == 0);
    };
    loop.run(main());
}

TEST_CASE("TG005 several failures are all in the group, and the body is cancelled", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto block = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            group.create_task(fails_after(1s, "first"));
            group.create_task(fail_when_cancelled("second"));
            try {
                co_await aioxx::sleep(1h);
            } catch (const cancelled_error&) {
                log += "body cancelled";
                throw;
            }
        });
    };
    const auto main = [&]() -> coro<> {
        const std::string text = co_await errors_of(block());
        CHECK(text == "first;second;");
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);
    };
    loop.run(main());
    CHECK(log == "body cancelled");
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("TG006 TG007 a cancellation from outside ends the body and the tasks, and comes out", "[tasks]") {
    test_loop loop;
    for (const bool body_waits : {false, true}) {
        CAPTURE(body_waits);
        std::string log;
        const auto block = [&]() -> coro<> {
            return with_task_group([&](task_group& group) -> coro<> {
                group.create_task(cleaning(log, "a", 1s));
                group.create_task(cleaning(log, "b", 2s));
                if (body_waits) co_await cleaning(log, "body");
            });
        };
        const auto main = [&]() -> coro<> {
            auto running = create_task(block());
            co_await aioxx::sleep(1s);
            running.cancel("enough");
            CHECK_THROWS_AS(co_await running, cancelled_error);
            CHECK(running.cancelling() == 1);
        };
        loop.run(main());
        CHECK(log == (body_waits ? "body a b " : "a b "));
    }
}

TEST_CASE("a group that is cancelled again and again waits for its children all the same", "[tasks]") {
    test_loop loop;
    bool ended = false;
    const auto stubborn = [&]() -> coro<> {
        for (int count = 0; count < 3; ++count) {
            try {
                co_await aioxx::sleep(10s);
            } catch (const cancelled_error&) {
            }
        }
        ended = true;
    };
    const auto block = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            group.create_task(stubborn());
            co_return;
        });
    };
    const auto main = [&]() -> coro<> {
        auto running = create_task(block());
        for (int count = 0; count < 3; ++count) {
            co_await aioxx::sleep(1s);
            running.cancel();
        }
        CHECK_THROWS_AS(co_await running, cancelled_error);
    };
    loop.run(main());
    CHECK(ended);
}

TEST_CASE("TG008 TG025 errors of the cleanup go before a cancellation, which the next suspension throws", "[tasks]") {
    test_loop loop;
    const auto block = [&]() -> coro<> {
        return with_task_group([](task_group& group) -> coro<> {
            group.create_task(fail_when_cancelled("in cleanup"));
            co_return;
        });
    };
    const auto outer = [&]() -> coro<> {
        const std::string text = co_await errors_of(block());
        CHECK(text == "in cleanup;");
        CHECK(current_task()->cancelling() == 1);
        CHECK_THROWS_AS(co_await aioxx::sleep(0s), cancelled_error);
        co_await aioxx::sleep(1s);
    };
    const auto main = [&]() -> coro<> {
        auto running = create_task(outer());
        co_await aioxx::sleep(1s);
        running.cancel();
        co_await running;
    };
    loop.run(main());
}

TEST_CASE("TG009 TG016 an error of the body cancels the tasks and comes last", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto block = [&](bool with_failing_child) -> coro<> {
        return with_task_group([&, with_failing_child](task_group& group) -> coro<> {
            group.create_task(cleaning(log, "child"));
            if (with_failing_child) group.create_task(fail_when_cancelled("child"));
            co_await aioxx::sleep(1s);
            throw std::logic_error("body");
        });
    };
    const auto main = [&]() -> coro<> {
        const std::string alone = co_await errors_of(block(false));
        CHECK(alone == "body;");
        const std::string both = co_await errors_of(block(true));
        CHECK(both == "child;body;");
    };
    loop.run(main());
    CHECK(log == "child child ");
}

TEST_CASE("TG010 TG012 an inner group's errors are a group in the outer group", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto inner = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            group.create_task(fails_after(1s, "deep"));
            co_return;
        });
    };
    const auto outer = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            group.create_task(cleaning(log, "sibling"));
            group.create_task(inner());
            co_return;
        });
    };
    const auto main = [&]() -> coro<> {
        const std::string text = co_await errors_of(outer());
        CHECK(text == "errors in a task group (1):\n  deep;");
    };
    loop.run(main());
    CHECK(log == "sibling ");
}

TEST_CASE("K2 TG011 a failing outer group cancels the inner one, which lets that through", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto outer = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            group.create_task(fails_after(1s, "outer"));
            co_await with_task_group([&](task_group& inner) -> coro<> {
                inner.create_task(cleaning(log, "inner"));
                co_return;
            });
            log += "went on ";
        });
    };
    const auto main = [&]() -> coro<> {
        const std::string text = co_await errors_of(outer());
        CHECK(text == "outer;");
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);
    };
    loop.run(main());
    CHECK(log == "inner ");
}

TEST_CASE("K2 TG024 when both groups fail, the outer one's cancellation stays pending in the inner one's errors", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto outer = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            group.create_task(fails_after(1s, "outer"));
            try {
                co_await with_task_group([&](task_group& inner) -> coro<> {
                    inner.create_task(fail_when_cancelled("inner"));
                    co_await aioxx::sleep(1h);
                });
            } catch (const error_group&) {
                log += "inner failed ";
            }
            CHECK(current_task()->cancelling() == 1);
            co_await aioxx::sleep(1h);
            log += "went on";
        });
    };
    const auto main = [&]() -> coro<> {
        const std::string text = co_await errors_of(outer());
        CHECK(text == "outer;");
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);
    };
    loop.run(main());
    CHECK(log == "inner failed ");
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("TG013 a body that is slow to end when it is cancelled is waited for", "[tasks]") {
    test_loop loop;
    const auto block = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            group.create_task(fails_after(1s, "first"));
            bool cancelled = false;
            try {
                co_await aioxx::sleep(1h);
            } catch (const cancelled_error&) {
                cancelled = true;
            }
            CHECK(cancelled);
            co_await aioxx::sleep(5s);
        });
    };
    const auto main = [&]() -> coro<> {
        const std::string text = co_await errors_of(block());
        CHECK(text == "first;");
        CHECK(loop.elapsed() == 6s);
        CHECK(current_task()->cancelling() == 0);
    };
    loop.run(main());
}

TEST_CASE("TG015 K2 a body that turns its cancellation into an error leaves the count as it was", "[tasks]") {
    test_loop loop;
    const auto block = [&]() -> coro<> {
        return with_task_group([](task_group& group) -> coro<> {
            group.create_task(fails_after(1s, "child"));
            co_await fail_when_cancelled("body");
        });
    };
    const auto main = [&]() -> coro<> {
        const std::string text = co_await errors_of(block());
        CHECK(text == "child;body;");
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);
    };
    loop.run(main());
}

TEST_CASE("TG018 tasks that have ended are let go while the group is open", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        co_await with_task_group([](task_group& group) -> coro<> {
            auto witness = std::make_shared<int>(1);
            const auto hold = [](std::shared_ptr<int> held) -> coro<std::shared_ptr<int>> { co_return held; };
            for (int count = 0; count < 100; ++count) {
                group.create_task(hold(witness));
                co_await aioxx::sleep(0s);
                co_await aioxx::sleep(0s);
            }
            CHECK(witness.use_count() <= 2);
        });
    }());
}

TEST_CASE("TG019 tasks that start tasks without an end are stopped by a failure", "[tasks]") {
    test_loop loop;
    struct spawner {
        static coro<> grow(task_group& group, int depth) {
            co_await aioxx::sleep(1s);
            if (depth == 8) throw std::runtime_error("deep enough");
            group.create_task(grow(group, depth + 1));
            group.create_task(grow(group, depth + 1));
            co_await wait_forever();
        }
    };
    CHECK_THROWS_AS(loop.run(with_task_group([](task_group& group) -> coro<> {
                        group.create_task(spawner::grow(group, 0));
                        co_return;
                    })),
                    error_group);
    CHECK(loop.loop().tasks().empty());
}

TEST_CASE("TG021 a group that shuts down takes no more tasks", "[tasks]") {
    test_loop loop;
    const auto block = [&]() -> coro<> {
        return with_task_group([](task_group& group) -> coro<> {
            group.create_task(fails_after(1s, "first"));
            try {
                co_await aioxx::sleep(1h);
            } catch (const cancelled_error&) {
            }
            auto destroyed = std::make_shared<int>(1);
            const auto hold = [](std::shared_ptr<int>) -> coro<> { co_return; };
            try {
                group.create_task(hold(destroyed));
                FAIL("accepted");
            } catch (const invalid_state_error& caught) {
                CHECK(std::string(caught.what()) == "create_task: the task group is shutting down");
            }
            CHECK(destroyed.use_count() == 1);
        });
    };
    const auto main = [&]() -> coro<> { static_cast<void>(co_await errors_of(block())); };
    loop.run(main());
}

TEST_CASE("TG026 cancel ends a group without an error, from the body and from a child", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto cancels = [](task_group& group) -> coro<> {
        co_await aioxx::sleep(1s);
        group.cancel();
        group.cancel();
    };
    const auto main = [&]() -> coro<> {
        co_await with_task_group([&](task_group& group) -> coro<> {
            group.create_task(cleaning(log, "a"));
            co_await aioxx::sleep(1s);
            group.cancel();
        });
        co_await with_task_group([&](task_group& group) -> coro<> {
            group.create_task(cleaning(log, "b"));
            group.create_task(cancels(group));
            co_await aioxx::sleep(1h);
            log += "went on ";
        });
        co_await with_task_group([&](task_group& group) -> coro<> {
            group.create_task(cleaning(log, "c"));
            group.create_task(cancels(group));
            co_return;
        });
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);
    };
    loop.run(main());
    CHECK(log == "a b c ");
}

TEST_CASE("K4 TG026 a cancellation from outside is not lost in a group that cancels itself", "[tasks]") {
    test_loop loop;
    const auto block = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            std::string log;
            group.create_task(wait_forever());
            group.cancel();
            current_task()->cancel();
            co_await aioxx::sleep(1h);
        });
    };
    const auto main = [&]() -> coro<> {
        auto running = create_task(block());
        CHECK_THROWS_AS(co_await running, cancelled_error);
        CHECK(running.cancelling() == 1);
    };
    loop.run(main());
}

TEST_CASE("TG026 errors come out of a group that was cancelled", "[tasks]") {
    test_loop loop;
    const auto block = [&]() -> coro<> {
        return with_task_group([](task_group& group) -> coro<> {
            group.create_task(fail_when_cancelled("in cleanup"));
            co_await aioxx::sleep(1s);
            group.cancel();
        });
    };
    const auto main = [&]() -> coro<> {
        const std::string text = co_await errors_of(block());
        CHECK(text == "in cleanup;");
        CHECK(current_task()->cancelling() == 0);
    };
    loop.run(main());
}

TEST_CASE("a group works in the cleanup of a task that was cancelled", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        current_task()->cancel();
        CHECK_THROWS_AS(co_await aioxx::sleep(0s), cancelled_error);
        co_await with_task_group([](task_group& group) -> coro<> {
            group.create_task(wait_forever());
            co_await aioxx::sleep(1s);
            group.cancel();
            co_await aioxx::sleep(1h);
        });
        co_await with_task_group([](task_group& group) -> coro<> {
            group.cancel();  // and its request is never delivered
            co_return;
        });
        CHECK(current_task()->cancelling() == 1);
        co_await aioxx::sleep(1s);
    }());
}

TEST_CASE("a cancellation that is pending when a group begins goes through it", "[tasks]") {
    test_loop loop;
    const auto main = [&]() -> coro<> {
        current_task()->cancel();
        bool cancelled = false;
        try {
            co_await with_task_group([](task_group& group) -> coro<> {
                group.create_task(wait_forever());
                co_return;
            });
        } catch (const cancelled_error&) {
            cancelled = true;
        }
        CHECK(cancelled);
        CHECK(current_task()->cancelling() == 1);
    };
    loop.run(main());
}

TEST_CASE("TO015 a limit around a group ends it with timeout_error, or with the group's errors", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto quiet = [&]() -> coro<> {
        return with_task_group([&](task_group& group) -> coro<> {
            group.create_task(cleaning(log, "child"));
            co_return;
        });
    };
    const auto failing = [&]() -> coro<> {
        return with_task_group([](task_group& group) -> coro<> {
            group.create_task(fail_when_cancelled("in cleanup"));
            co_return;
        });
    };
    const auto main = [&]() -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(quiet(), 1s), timeout_error);
        CHECK(log == "child ");
        CHECK_THROWS_AS(co_await wait_for(failing(), 1s), error_group);
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);
    };
    loop.run(main());
}

TEST_CASE("a group can be destroyed while its tasks run", "[tasks]") {
    test_loop loop;
    create_task(loop.loop(), with_task_group([](task_group& group) -> coro<> {
                    group.create_task(wait_forever());
                    group.create_task(wait_forever());
                    co_return;
                }));
    loop.settle();
    loop.loop().close();
    CHECK(loop.loop().tasks().empty());
}

TEST_CASE("TG014 a failing child ends a body that is slow to give in, through one more layer of tasks", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto layer = create_task([]() -> coro<> {
            co_await with_task_group([](task_group& group) -> coro<> {
                group.create_task([]() -> coro<> {
                    co_await aioxx::sleep(1s);
                    throw std::runtime_error("child");
                }());
                for (int round = 0; round < 3; ++round) {
                    try {
                        co_await aioxx::sleep(10s);
                    } catch (const cancelled_error&) {
                    }
                }
            });
        }());
        bool failed = false;
        try {
            co_await layer;
        } catch (const error_group& group) {
            failed = group.contains<std::runtime_error>();
        }
        CHECK(failed);
    }());
}

TEST_CASE("TG017 K5 Ctrl-C's error in a group is in the group with the others and hides none", "[tasks]") {
    // Here an interrupt is no different from other errors: the runner cancels the main task from outside.
    test_loop loop;
    loop.run([]() -> coro<> {
        std::string what;
        try {
            co_await with_task_group([](task_group& group) -> coro<> {
                group.create_task([]() -> coro<> {
                    throw interrupted_error();
                    co_return;
                }());
                group.create_task([]() -> coro<> {
                    throw std::runtime_error("the other one");
                    co_return;
                }());
                co_return;
            });
        } catch (const error_group& group) {
            what = group.what();
            CHECK(group.contains<interrupted_error>());
        }
        CHECK(what.find("the other one") != std::string::npos);
    }());
}

TEST_CASE("TG020 a group's tasks get the name and the context variables they are started with", "[tasks]") {
    static context_var<int> number("number", 0);
    test_loop loop;
    loop.run([]() -> coro<> {
        context other;
        run_in_context(other, [] { number.set(7); });
        int seen = 0;
        co_await with_task_group([&](task_group& group) -> coro<> {
            auto child = group.create_task(
                [](int& value) -> coro<> {
                    value = number.get();
                    CHECK(current_task()->name() == "named");
                    co_return;
                }(seen),
                {.name = "named", .values = &other});
            co_return;
        });
        CHECK(seen == 7);
    }());
}

TEST_CASE("TG022 an error of clean-up inside of a group leaves no cancellation behind", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<std::string> what;
        try {
            co_await with_task_group([](task_group& group) -> coro<> {
                group.create_task([]() -> coro<> {
                    co_await aioxx::sleep(1s);
                    throw std::runtime_error("child");
                }());
                bool cancelled = false;
                try {
                    co_await aioxx::sleep(1h);
                } catch (const cancelled_error&) {
                    cancelled = true;
                }
                if (cancelled) throw std::runtime_error("clean-up");
            });
        } catch (const error_group& group) {
            for (const auto& each : group.exceptions()) what.push_back(describe(each));
        }
        CHECK(what == std::vector<std::string>{"child", "clean-up"});
        CHECK(current_task()->cancelling() == 0);
    }());
}

TEST_CASE("TG023 a group needs a task", "[tasks]") {
    test_loop loop;
    std::string what;
    auto orphan = with_task_group([](task_group&) -> coro<> { co_return; });
    loop.loop().call_soon([&] {
        // Driven by hand, outside of any task.
        auto handle = orphan.release();
        handle.resume();
        try {
            handle.promise().outcome.take_value();
        } catch (const invalid_state_error& caught) {
            what = caught.what();
        }
        handle.destroy();
    });
    loop.settle();
    CHECK(what == "with_task_group: there is no current task");
}

TEST_CASE("start waits until the task says that it is ready, and gives its value", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        bool ended = false;
        co_await with_task_group([&](task_group& group) -> coro<> {
            const std::string address = co_await group.start<std::string>([&ended](task_status<std::string> status) -> coro<> {
                co_await aioxx::sleep(2s);
                status.started("127.0.0.1");
                co_await aioxx::sleep(3s);
                ended = true;
            });
            CHECK(address == "127.0.0.1");
            CHECK(test.elapsed() == 2s);
            co_await group.start([](task_status<> status) -> coro<> {
                status.started();
                co_return;
            });
        });
        CHECK(ended);
        CHECK(test.elapsed() == 5s);
    }(loop));
}

TEST_CASE("a task that fails before it is ready fails start and not the group, afterwards the group", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        std::string early;
        std::string never;
        co_await with_task_group([&](task_group& group) -> coro<> {
            try {
                co_await group.start([](task_status<>) -> coro<> {
                    co_await aioxx::sleep(1s);
                    throw std::runtime_error("early");
                });
            } catch (const std::runtime_error& caught) {
                early = caught.what();
            }
            try {
                co_await group.start<int>([](task_status<int>) -> coro<> { co_return; });
            } catch (const invalid_state_error& caught) {
                never = caught.what();
            }
        });
        CHECK(early == "early");
        CHECK(never == "start: the task ended without calling started");

        bool failed = false;
        try {
            co_await with_task_group([](task_group& group) -> coro<> {
                co_await group.start([](task_status<> status) -> coro<> {
                    status.started();
                    co_await aioxx::sleep(1s);
                    throw std::runtime_error("late");
                });
                co_await aioxx::sleep(1h);
            });
        } catch (const error_group& group) {
            failed = group.contains<std::runtime_error>();
        }
        CHECK(failed);
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("cancelling start cancels the task, which the group waits for", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        bool cleaned_up = false;
        co_await with_task_group([&cleaned_up](task_group& group) -> coro<> {
            bool timed_out = false;
            timeout_scope limit(1s);
            try {
                co_await limit.run(group.start([&cleaned_up](task_status<>) -> coro<> {
                    bool cancelled = false;
                    try {
                        co_await aioxx::sleep(1h);
                    } catch (const cancelled_error&) {
                        cancelled = true;
                    }
                    if (cancelled) co_await aioxx::sleep(1s);
                    cleaned_up = true;
                    throw cancelled_error();
                }));
            } catch (const timeout_error&) {
                timed_out = true;
            }
            CHECK(timed_out);
            CHECK(!cleaned_up);
        });
        CHECK(cleaned_up);
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("a cancellation between the last child's end and the block's is not lost", "[tasks][K2]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        future<> last = create_future();
        auto block = create_task([](future<> awaited) -> coro<> {
            co_await with_task_group([&awaited](task_group& group) -> coro<> {
                group.create_task([](future<> end) -> coro<> { co_await end; }(awaited));
                co_return;
            });
            co_await aioxx::sleep(1h);
        }(last));
        co_await aioxx::sleep(1s);
        last.set_result();
        // The child ends in the next batch, and wakes the group in the one after.
        std::string ended = "not at all";
        for (int batch = 0; batch < 6 && !block.shared_state()->stack().empty(); ++batch) {
            if (block.shared_state()->waits_for() == nullptr) {
                block.cancel();
                break;
            }
            co_await aioxx::sleep(0s);
        }
        try {
            co_await block;
        } catch (const cancelled_error&) {
            ended = "cancelled";
        }
        CHECK(ended == "cancelled");
    }());
    CHECK(loop.elapsed() == 1s);
}

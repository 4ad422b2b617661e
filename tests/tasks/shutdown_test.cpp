// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/shutdown.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

coro<> with_cleanup(std::string& log, std::string name, duration needed) {
    bool cancelled = false;
    try {
        co_await create_future<>();
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) co_await aioxx::sleep(needed);
    log += name + " ";
}

// Goes away some time after it was asked to, or never.
class slow_resource final : public loop_resource {
public:
    slow_resource(event_loop& loop, std::string& log, std::optional<duration> needed)
        : loop_(loop), log_(log), needed_(needed) {
        loop.attach(*this);
    }
    void abandon() noexcept override {
        log_ += "abandoned ";
        if (!needed_) return;
        loop_.call_later(*needed_, [this] {
            unlink();
            log_ += "gone ";
        });
    }
    [[nodiscard]] std::string describe() const override { return "slow resource"; }

private:
    event_loop& loop_;
    std::string& log_;
    std::optional<duration> needed_;
};

}  // namespace

TEST_CASE("RN002 shutdown cancels tasks and waits for their cleanup", "[tasks]") {
    test_loop loop;
    std::string log;
    create_task(loop.loop(), with_cleanup(log, "slow", 2s));
    create_task(loop.loop(), with_cleanup(log, "fast", 1s));
    loop.settle();
    shut_down(loop.loop(), 10s);
    CHECK(log == "fast slow ");
    CHECK(loop.loop().tasks().empty());
    CHECK(loop.reports().empty());
}

TEST_CASE("shutdown ends tasks that another one's cleanup starts", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto starts_another = [&]() -> coro<> {
        try {
            co_await create_future<>();
        } catch (const cancelled_error&) {
            static_cast<void>(create_task(with_cleanup(log, "late", 1s)));
        }
    };
    create_task(loop.loop(), starts_another());
    loop.settle();
    shut_down(loop.loop(), 10s);
    CHECK(loop.loop().tasks().empty());
    CHECK(loop.elapsed() < 2s);
}

TEST_CASE("shutdown does not cancel a cleanup that is under way a second time", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto observed = create_task(loop.loop(), with_cleanup(log, "cleaned", 1s));
    loop.settle();
    shut_down(loop.loop(), 10s);
    CHECK(log == "cleaned ");
    CHECK(observed.cancelling() == 1);
}

TEST_CASE("RN002 errors of tasks that are shut down are reported", "[tasks]") {
    test_loop loop;
    create_task(loop.loop(), []() -> coro<> {
        try {
            co_await create_future<>();
        } catch (const cancelled_error&) {
        }
        throw std::runtime_error("in cleanup");
    }());
    loop.settle();
    shut_down(loop.loop(), 10s);
    REQUIRE(loop.reports().size() == 1);
    CHECK(describe(loop.reports().front().exception) == "in cleanup");
}

TEST_CASE("shutdown asks resources for their end after the tasks, and waits", "[tasks]") {
    test_loop loop;
    std::string log;
    slow_resource resource(loop.loop(), log, 1s);
    create_task(loop.loop(), with_cleanup(log, "task", 1s));
    loop.settle();
    shut_down(loop.loop(), 10s);
    CHECK(log == "task abandoned gone ");
}

TEST_CASE("what does not end in time is reported by name", "[tasks]") {
    test_loop loop;
    std::string log;
    slow_resource resource(loop.loop(), log, std::nullopt);
    const auto stubborn = []() -> coro<> {
        for (;;) {
            try {
                co_await aioxx::sleep(1h);
            } catch (const cancelled_error&) {
            }
        }
    };
    create_task(loop.loop(), stubborn(), "stubborn");
    loop.settle();
    shut_down(loop.loop(), 5s);
    CHECK(loop.elapsed() >= 5s);
    CHECK(loop.elapsed() < 5010ms);
    REQUIRE(loop.reports().size() == 2);
    CHECK(loop.reports()[0].message == "did not end in time at shutdown");
    CHECK(loop.reports()[0].source == "stubborn waits for sleep");
    CHECK(loop.reports()[1].source == "slow resource");
}

TEST_CASE("shutting down an idle loop takes no time", "[tasks]") {
    test_loop loop;
    shut_down(loop.loop(), 10s);
    CHECK(loop.elapsed() == 0s);
}

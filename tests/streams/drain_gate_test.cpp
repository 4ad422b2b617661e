// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/drain_gate.hpp>

#include <memory>
#include <string>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using testing::step;
using testing::test_loop;

namespace {

std::exception_ptr broken(std::errc code) {
    return std::make_exception_ptr(broken_error(std::make_error_code(code), "send"));
}

template <class Step>
std::error_code code_of(Step& waiting) {
    try {
        waiting.result();
    } catch (const broken_error& failure) {
        return failure.code();
    }
    return {};
}

}  // namespace

TEST_CASE("drain does not suspend unless writing is paused", "[streams]") {
    test_loop loop;
    drain_gate gate;
    CHECK(gate.drain(100).await_ready());
    gate.pause();
    CHECK(!gate.drain().await_ready());
    gate.resume();
    CHECK(gate.drain().await_ready());
}

TEST_CASE("a drain is tried without waiting: not while paused, after a loss or refused bytes, or for ever", "[streams]") {
    drain_gate gate;
    CHECK(gate.try_drain(100));
    gate.pause();
    CHECK(!gate.try_drain(0));
    gate.resume();
    CHECK(gate.try_drain(0));
    int passed = 1;
    while (gate.try_drain(1024) && passed < 1000) ++passed;
    CHECK(passed == 64);  // 100 and 63 times 1024 bytes are less than 64 KiB
    CHECK(!gate.drain().await_ready());
    drain_gate refusing;
    refusing.refuse();
    CHECK(!refusing.try_drain(0));
    drain_gate lost;
    lost.lose(nullptr);
    CHECK(!lost.try_drain(0));
    CHECK(lost.drain().await_ready());  // and throws
}

TEST_CASE("any number of drains wait and all go on with resume (R2, SM012)", "[streams]") {
    test_loop loop;
    drain_gate gate;
    gate.pause();
    std::vector<std::unique_ptr<step<void>>> waiting;
    for (int i = 0; i < 10; ++i) waiting.push_back(std::make_unique<step<void>>(loop, [&] { return gate.drain(); }));
    for (const auto& one : waiting) CHECK(one->pending());
    waiting[3]->cancel();
    waiting[3]->resume();
    CHECK_THROWS_AS(waiting[3]->result(), cancelled_error);
    for (std::size_t i = 0; i < 10; ++i) CHECK(waiting[i]->pending() == (i != 3));
    gate.resume();
    loop.settle();
    for (std::size_t i = 0; i < 10; ++i) {
        if (i != 3) CHECK_NOTHROW(waiting[i]->result());
    }
}

TEST_CASE("who writes without end lets the others run once in a while (R3)", "[streams]") {
    test_loop loop;
    drain_gate gate;
    int suspended = 0;
    for (int i = 0; i < 64; ++i) {
        step writing(loop, [&] { return gate.drain(16 * 1024); });
        CHECK(writing.ready());
    }
    for (int i = 0; i < 64; ++i) {
        auto awaiter = gate.drain(16 * 1024);
        if (!awaiter.await_ready()) {
            ++suspended;
            step yields(loop, [&] { return gate.drain(); });
            CHECK(yields.ready());  // a breath, nothing to wait for
        }
    }
    CHECK(suspended == 16);
}

TEST_CASE("who writes without end lets the loop look at its descriptors, too", "[streams]") {
    test_loop loop;
    drain_gate gate;
    std::string order;
    const auto write_on = [](drain_gate& to, std::string& told) -> coro<> {
        co_await to.drain(64 * 1024);
        told += 'w';
    };
    const auto writing = create_task(loop.loop(), write_on(gate, order));
    // Callbacks that follow each other in one turn come first.
    loop.loop().call_soon([&] {
        order += '1';
        get_running_loop().call_soon([&] {
            order += '2';
            get_running_loop().call_soon([&] { order += '3'; });
        });
    });
    loop.settle();
    CHECK(order == "123w");
    CHECK(writing.done());
}

TEST_CASE("a drain that only takes breath is cancelled as any other", "[streams]") {
    test_loop loop;
    drain_gate gate;
    const auto write_on = [](drain_gate& to) -> coro<> { co_await to.drain(64 * 1024); };
    SECTION("before it begins") {
        auto writing = create_task(loop.loop(), write_on(gate));
        writing.cancel();
        loop.settle();
        CHECK(writing.cancelled());
    }
    SECTION("in the same turn") {
        auto writing = create_task(loop.loop(), write_on(gate));
        loop.loop().call_soon([&] { writing.cancel(); });
        loop.settle();
        CHECK(writing.cancelled());
    }
}

TEST_CASE("every drain after a loss learns the original reason", "[streams]") {
    test_loop loop;
    drain_gate gate;
    gate.pause();
    step paused(loop, [&] { return gate.drain(); });
    step closed(loop, [&] { return gate.wait_closed(); });
    CHECK(closed.pending());
    gate.lose(broken(std::errc::host_unreachable));
    loop.settle();
    CHECK(code_of(paused) == std::errc::host_unreachable);
    CHECK_NOTHROW(closed.result());
    for (int i = 0; i < 2; ++i) {
        step later(loop, [&] { return gate.drain(10); });
        CHECK(code_of(later) == std::errc::host_unreachable);
    }
    CHECK(gate.lost());
}

TEST_CASE("a drain after a clean end says that the connection is gone (SM015)", "[streams]") {
    test_loop loop;
    drain_gate gate;
    gate.lose(nullptr);
    step later(loop, [&] { return gate.drain(10); });
    CHECK(code_of(later) == std::errc::connection_reset);
    CHECK(gate.reason() == nullptr);
}

TEST_CASE("a drain after refused bytes waits for the reason, whatever resumes", "[streams]") {
    test_loop loop;
    drain_gate gate;
    gate.refuse();
    step refused(loop, [&] { return gate.drain(10); });
    CHECK(refused.pending());
    gate.pause();
    gate.resume();
    loop.settle();
    CHECK(refused.pending());
    gate.lose(broken(std::errc::broken_pipe));
    loop.settle();
    CHECK(code_of(refused) == std::errc::broken_pipe);
}

// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/asio_signals.hpp>

#include <csignal>
#include <memory>
#include <string>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/event_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

// The loop stops at the first signal; nothing else wakes it.
struct scene {
    scene() : loop(std::make_unique<asio_backend>()) {}
    void raise_and_run(int signal) {
        std::raise(signal);
        loop.run_forever();
    }
    event_loop loop;
};

}  // namespace

TEST_CASE("a signal's handler runs on the loop, once for each delivery, and may use the loop", "[core][EV007]") {
    scene s;
    int runs = 0;
    s.loop.add_signal_handler(SIGUSR1, [&] {
        CHECK(&get_running_loop() == &s.loop);
        ++runs;
        s.loop.call_soon([&] { s.loop.stop(); });
    });
    s.raise_and_run(SIGUSR1);
    CHECK(runs == 1);
    s.raise_and_run(SIGUSR1);
    CHECK(runs == 2);
}

TEST_CASE("a second handler replaces the first, also from within it", "[core]") {
    scene s;
    std::string order;
    s.loop.add_signal_handler(SIGUSR1, [&] { FAIL("replaced"); });
    s.loop.add_signal_handler(SIGUSR1, [&] {
        order += 'a';
        s.loop.add_signal_handler(SIGUSR1, [&] {
            order += 'b';
            s.loop.stop();
        });
        s.loop.stop();
    });
    s.raise_and_run(SIGUSR1);
    s.raise_and_run(SIGUSR1);
    CHECK(order == "ab");
}

TEST_CASE("a handler that removes itself does not run again, and the disposition is as before", "[core][EV008][MI002]") {
    scene s;
    int runs = 0;
    s.loop.add_signal_handler(SIGUSR2, [&] {
        ++runs;
        CHECK(s.loop.remove_signal_handler(SIGUSR2));
        s.loop.stop();
    });
    s.raise_and_run(SIGUSR2);
    CHECK(runs == 1);
    struct sigaction now{};
    ::sigaction(SIGUSR2, nullptr, &now);
    CHECK(now.sa_handler == SIG_DFL);
}

TEST_CASE("closing the loop removes its signal handlers", "[core][EV008]") {
    scene s;
    s.loop.add_signal_handler(SIGUSR1, [] {});
    struct sigaction now{};
    ::sigaction(SIGUSR1, nullptr, &now);
    CHECK(now.sa_handler != SIG_DFL);
    s.loop.close();
    ::sigaction(SIGUSR1, nullptr, &now);
    CHECK(now.sa_handler == SIG_DFL);
}

TEST_CASE("two signals have a handler each", "[core]") {
    scene s;
    std::string order;
    s.loop.add_signal_handler(SIGUSR1, [&] { order += '1'; });
    s.loop.add_signal_handler(SIGUSR2, [&] {
        order += '2';
        s.loop.stop();
    });
    std::raise(SIGUSR1);
    s.raise_and_run(SIGUSR2);
    CHECK(order == "12");
}

// SPDX-License-Identifier: BSL-1.0

// A cancel scope ends what runs in it, at every await; clean-up that has to wait runs in a shield, with a limit.

#include <chrono>
#include <iostream>

#include <aioxx/aioxx.hpp>

using namespace std::chrono_literals;

aioxx::coro<> say_goodbye() {
    co_await aioxx::sleep(10ms);  // stands for a farewell to a peer
    std::cout << "goodbye was said" << std::endl;
}

aioxx::coro<> talk() {
    bool cancelled = false;
    try {
        std::cout << "talking" << std::endl;
        co_await aioxx::sleep(1h);
    } catch (const aioxx::cancelled_error&) {
        cancelled = true;
    }
    if (!cancelled) co_return;
    try {
        co_await say_goodbye();  // not reached: the scope is cancelled still
    } catch (const aioxx::cancelled_error&) {
        std::cout << "interrupted again" << std::endl;
    }
    co_await aioxx::shielded(aioxx::fail_after(5s, say_goodbye()));
    throw aioxx::cancelled_error();  // to be passed on, as always
}

aioxx::coro<> shielded_cleanup() {
    aioxx::cancel_scope scope;
    aioxx::get_running_loop().call_later(10ms, [&scope] { scope.cancel(); });
    const bool finished = co_await scope.run(talk());
    std::cout << (finished ? "finished" : "cancelled") << ", and on we go" << std::endl;
}

int main() { aioxx::run(shielded_cleanup()); }

// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/sync/channel_steps.hpp: sending and receiving by hand, for the tests of channels.

#include <string>
#include <system_error>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/sync/channel.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

namespace aioxx {

template <class T>
auto sending(testing::test_loop& loop, channel_sender<T>& sender, T item) {
    return testing::step(loop, [&sender, item = std::move(item)]() mutable { return sender.send(std::move(item)); });
}
template <class T>
auto receiving(testing::test_loop& loop, channel_receiver<T>& receiver) {
    return testing::step(loop, [&receiver] { return receiver.receive(); });
}

template <class Step>
std::string outcome(Step& stepped) {
    if (stepped.pending()) return "pending";
    if (stepped.woken()) return "woken";
    try {
        stepped.result();
        return "done";
    } catch (const cancelled_error&) {
        return "cancelled";
    } catch (const broken_error& reason) {
        return reason.code() == std::errc::broken_pipe ? "broken" : "broken for another reason";
    } catch (const closed_error&) {
        return "closed";
    }
}

// Runs what a test does between two batches: nothing resumes in between.
template <class Function>
void at_once(testing::test_loop& loop, Function function) {
    loop.loop().call_soon([&function] { function(); });
    loop.settle();
}

}  // namespace aioxx

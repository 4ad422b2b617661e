// SPDX-License-Identifier: BSL-1.0
// differential/scenarios.cpp [word...]: writes the traces of aioxx, of all scenarios or of those whose names
// contain a word.

#include <algorithm>
#include <iostream>
#include <span>
#include <string_view>
#include <utility>

#include <aioxx/tasks/run_until_complete.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

void run_on_loop(coro<> (*body)(tracer&), tracer& trace) {
    traced_loop owner(trace);
    event_loop& loop = owner.loop();
    try {
        run_until_complete(loop, body(trace));
    } catch (...) {
        trace("ended with", why());
    }
    for (int pass = 0; pass < 32; ++pass) {  // whatever is ready, without any time passing
        loop.stop();
        loop.run_forever();
    }
    if (!loop.tasks().empty()) trace("left behind", loop.tasks().size());
    trace.close();
}

struct run {
    tracer& trace;

    void operator()(coro<> (*body)(tracer&)) const { run_on_loop(body, trace); }
    void operator()(void (*body)(tracer&)) const { body(trace); }
};

void run_all(std::string_view group, const scenarios& all, std::span<char*> words) {
    for (const scenario& each : all) {
        const std::string name = std::string(group) + '/' + std::string(each.name);
        const auto contained = [&](const char* word) { return name.find(word) != std::string::npos; };
        if (!words.empty() && std::none_of(words.begin(), words.end(), contained)) continue;
        std::cout << "== " << name << std::endl;
        tracer trace;
        try {
            std::visit(run{trace}, each.body);
        } catch (...) {
            trace("ended with", why());
        }
        for (const std::string& line : trace.lines()) std::cout << line << '\n';
    }
}

}  // namespace
}  // namespace differential

int main(int count, char** arguments) {
    using namespace differential;
    const auto words = std::span(arguments, static_cast<std::size_t>(count)).subspan(1);
    run_all("cancellation", cancellation_scenarios, words);
    run_all("futures", futures_scenarios, words);
    run_all("gather_wait", gather_wait_scenarios, words);
    run_all("flow", flow_scenarios, words);
    run_all("loop", loop_scenarios, words);
    run_all("queues", queues_scenarios, words);
    run_all("reader", reader_scenarios, words);
    run_all("shutdown", shutdown_scenarios, words);
    run_all("sync", sync_scenarios, words);
    run_all("task_groups", task_groups_scenarios, words);
    run_all("tasks", tasks_scenarios, words);
    run_all("timeouts", timeouts_scenarios, words);
}

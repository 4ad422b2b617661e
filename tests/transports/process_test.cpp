// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/process.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/wait.h>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/shutdown.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/report_collector.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::has_no_children;
using support::open_descriptors;
using support::sh;
using support::run_bounded;

namespace {

using strings = std::vector<std::string>;

// Writes down its calls: "made", "data 1", "lost 1", "exited", "connection lost", "pause", "resume". Neighbouring
// calls about data of one pipe are one.
class recorder : public subprocess_protocol {
public:
    strings calls;
    std::array<std::string, 3> data;
    subprocess_transport* process = nullptr;
    std::function<void(recorder&, const std::string&)> on_call;  // what a test does in a callback

    std::size_t count(const std::string& call) const {
        return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
    }
    // Where a call stands.
    std::size_t position(const std::string& call) const {
        return static_cast<std::size_t>(std::find(calls.begin(), calls.end(), call) - calls.begin());
    }

    coro<> until(std::string call) {
        while (count(call) == 0) co_await changed_.wait();
    }
    coro<> until_data(int fd, std::size_t size) {
        while (data[static_cast<std::size_t>(fd)].size() < size) co_await changed_.wait();
    }

    void connection_made(subprocess_transport& made) override {
        process = &made;
        note("made");
    }
    void pipe_data_received(int fd, bytes_view arrived) override {
        data[static_cast<std::size_t>(fd)] += arrived.str();
        note("data " + std::to_string(fd));
    }
    void pipe_connection_lost(int fd, std::exception_ptr reason) override {
        note("lost " + std::to_string(fd) + (reason ? " " + describe(reason) : std::string()));
    }
    void process_exited() override { note("exited"); }
    void connection_lost(std::exception_ptr reason) override {
        note("connection lost" + (reason ? " " + describe(reason) : std::string()));
    }
    void pause_writing() override { note("pause"); }
    void resume_writing() override { note("resume"); }

private:
    void note(const std::string& call) {
        if (calls.empty() || calls.back() != call || !call.starts_with("data")) calls.push_back(call);
        changed_.set();
        changed_.clear();
        if (on_call) on_call(*this, call);
    }

    event changed_;
};

struct running {
    std::shared_ptr<process_transport> process;
    std::shared_ptr<recorder> protocol = std::make_shared<recorder>();

    aioxx::transport& pipe(int fd) const { return *process->get_pipe_transport(fd); }
};

// Parameters: `zombie` the child has ended before its transport starts.
running prepare(const std::string& command, const process_options& options = {}, bool zombie = false) {
    running made;
    spawned_process started = spawn(sh(command), options);
    if (zombie) {
        siginfo_t info{};
        REQUIRE(::waitid(P_PIDFD, static_cast<id_t>(started.pidfd.get()), &info, WEXITED | WNOWAIT) == 0);
    }
    made.process = std::make_shared<process_transport>(get_running_loop(), std::move(started), made.protocol);
    return made;
}

running start(const std::string& command, const process_options& options = {}, bool zombie = false) {
    running made = prepare(command, options, zombie);
    made.process->start();
    return made;
}

coro<> end_of(const running& child) { co_await wait_for(child.protocol->until("connection lost"), 20s); }

process_options without_pipes() {
    process_options options;
    options.in = options.out = options.err = stdio::devnull();
    return options;
}

}  // namespace

TEST_CASE("SP014 the callbacks of a process come in their order, each end once", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("echo one; echo two >&2; echo three; exit 3");
        co_await end_of(child);
        const recorder& seen = *child.protocol;
        CHECK(seen.calls.front() == "made");
        CHECK(seen.calls.back() == "connection lost");
        CHECK(seen.data[1] == "one\nthree\n");
        CHECK(seen.data[2] == "two\n");
        for (const char* once : {"made", "lost 0", "lost 1", "lost 2", "exited", "connection lost"}) {
            CAPTURE(once);
            CHECK(seen.count(once) == 1);
        }
        CHECK(seen.position("data 1") < seen.position("lost 1"));
        CHECK(seen.position("data 2") < seen.position("lost 2"));
        CHECK(child.process->get_returncode() == 3);
    }());
    CHECK(has_no_children());
}

TEST_CASE("SP018 what happens before connection_made is told after it", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("echo early; exit 4", {}, true);
        CHECK(child.protocol->calls.empty());
        co_await end_of(child);
        CHECK(child.protocol->calls.front() == "made");
        CHECK(child.protocol->data[1] == "early\n");
        CHECK(child.protocol->count("exited") == 1);
        CHECK(child.process->get_returncode() == 4);
    }());
}

TEST_CASE("SP018 also when the loop looks at the descriptors first", "[transports]") {
    run_bounded([]() -> coro<> {
        get_running_loop().set_turn_budget({.batches = 1, .time = 0s});
        const running child = start("echo early; echo err >&2; exit 4", {}, true);
        co_await end_of(child);
        CHECK(child.protocol->calls.front() == "made");
        CHECK(child.protocol->data[1] == "early\n");
        CHECK(child.protocol->data[2] == "err\n");
        CHECK(child.protocol->count("exited") == 1);
        CHECK(child.protocol->count("connection lost") == 1);
    }());
}

TEST_CASE("a callback given to start is called after connection_made", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = prepare("exit 0");
        strings calls;
        child.process->start([&] { calls = child.protocol->calls; });
        co_await end_of(child);
        CHECK(calls.front() == "made");
    }());
}

TEST_CASE("EV033 a process is written to and read from through its pipes", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("cat; echo done >&2");
        co_await child.protocol->until("made");
        CHECK(child.protocol->process == child.process.get());
        child.pipe(0).write("hello ");
        co_await child.protocol->until_data(1, 6);
        child.pipe(0).write("again");
        child.pipe(0).write_eof();
        co_await end_of(child);
        CHECK(child.protocol->data[1] == "hello again");
        CHECK(child.protocol->data[2] == "done\n");
        CHECK(child.process->get_returncode() == 0);
    }());
}

TEST_CASE("a process tells its number, and its pipes by the child's numbers", "[transports]") {
    run_bounded([]() -> coro<> {
        process_options options;
        options.err = stdio::devnull();
        const running child = start("cat", options);
        co_await child.protocol->until("made");
        CHECK(child.process->get_pid() > 0);
        CHECK(child.process->get_extra_info(extra_info::subprocess) == child.process->get_pid());
        CHECK(child.process->describe() == "child process " + std::to_string(child.process->get_pid()));
        CHECK(child.process->get_pipe_transport(0) != nullptr);
        CHECK(child.process->get_pipe_transport(1) != nullptr);
        CHECK(child.process->get_pipe_transport(2) == nullptr);
        CHECK(child.process->get_pipe_transport(-1) == nullptr);
        CHECK(child.process->get_pipe_transport(3) == nullptr);
        CHECK_FALSE(child.process->get_returncode().has_value());
        CHECK_FALSE(child.process->is_closing());
        CHECK_THROWS_AS(child.pipe(1).write("x"), invalid_state_error);
        child.pipe(0).close();
        co_await end_of(child);
    }());
}

TEST_CASE("SP007 without pipes the end of the process is the end", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("exit 2", without_pipes());
        co_await end_of(child);
        CHECK(child.protocol->calls == strings{"made", "exited", "connection lost"});
    }());
}

TEST_CASE("P4 a pipe ends alone: the others and the process go on", "[transports][EV036]") {
    run_bounded([]() -> coro<> {
        const running child = start("cat >/dev/null; echo input ended; exec 1>&-; read line <&2; exit 5");
        co_await child.protocol->until("made");
        child.pipe(0).close();
        co_await child.protocol->until("lost 1");
        CHECK(child.protocol->count("lost 0") == 1);
        CHECK(child.protocol->data[1] == "input ended\n");
        CHECK(child.protocol->count("lost 2") == 0);
        CHECK(child.protocol->count("connection lost") == 0);
        child.process->kill();
        co_await end_of(child);
    }());
}

TEST_CASE("SP016 a process ends although a grandchild holds its pipes, the connection when they end too", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("sleep 1000 & exit 6");
        co_await child.protocol->until("exited");
        CHECK(child.process->get_returncode() == 6);
        for (int i = 0; i < 20; ++i) co_await aioxx::sleep(0s);
        CHECK(child.protocol->count("lost 1") == 0);
        CHECK(child.protocol->count("connection lost") == 0);
        child.process->kill_tree(SIGKILL);
        co_await end_of(child);
        CHECK(child.protocol->count("lost 1") == 1);
        CHECK(child.process->get_returncode() == 6);
    }());
}

TEST_CASE("EV034 signals reach the process", "[transports]") {
    run_bounded([]() -> coro<> {
        for (const int signal : {SIGKILL, SIGTERM, SIGHUP}) {
            const running child = start("exec cat");
            co_await child.protocol->until("made");
            if (signal == SIGKILL) child.process->kill();
            if (signal == SIGTERM) child.process->terminate();
            if (signal == SIGHUP) child.process->send_signal(signal);
            co_await end_of(child);
            CHECK(child.process->get_returncode() == -signal);
        }
        const running child = start("exec cat");
        CHECK_THROWS_AS(child.process->send_signal(1000), std::invalid_argument);
        CHECK_THROWS_AS(child.process->kill_tree(0), std::invalid_argument);
        child.process->kill();
        co_await end_of(child);
    }());
}

TEST_CASE("SP009 closing kills a running process with its descendants, once", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("sleep 1000 & echo started; exec sleep 1000");
        co_await child.protocol->until_data(1, 8);
        child.process->close();
        CHECK(child.process->is_closing());
        child.process->close();
        CHECK(child.protocol->count("connection lost") == 0);  // scheduled, not inline
        co_await end_of(child);
        CHECK(child.process->get_returncode() == -SIGKILL);
        CHECK(child.protocol->count("exited") == 1);
        CHECK(child.protocol->count("connection lost") == 1);
    }());
    CHECK(has_no_children());
}

TEST_CASE("SP009 a process may be closed before connection_made, and from within it", "[transports]") {
    run_bounded([]() -> coro<> {
        const running early = start("exec cat");
        early.process->close();
        co_await end_of(early);
        CHECK(early.process->get_returncode() == -SIGKILL);
        CHECK(early.protocol->calls.front() == "made");

        const running within = prepare("exec cat");
        within.protocol->on_call = [](recorder& self, const std::string& call) {
            if (call == "made") self.process->close();
        };
        within.process->start();
        co_await end_of(within);
        CHECK(within.process->get_returncode() == -SIGKILL);
    }());
}

TEST_CASE("SP009 closing does not signal a process that has ended", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("trap '' HUP; (trap - HUP; exec sleep 1000) & exit 7");
        co_await child.protocol->until("exited");
        child.process->close();
        co_await end_of(child);  // although the grandchild holds its ends of the pipes
        CHECK(child.process->get_returncode() == 7);
        child.process->kill_tree(SIGKILL);
    }());
}

TEST_CASE("closing does not wait for what is queued and nobody reads", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("exec sleep 1000");
        co_await child.protocol->until("made");
        child.pipe(0).write(std::string(1'000'000, 'x'));
        child.process->close();
        co_await end_of(child);
        CHECK(child.process->get_returncode() == -SIGKILL);
    }());
}

TEST_CASE("the water marks of a child's input are the process's", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("read line; exec cat >/dev/null");
        co_await child.protocol->until("made");
        child.pipe(0).write(std::string(1'000'000, 'x'));
        CHECK(child.protocol->count("pause") == 1);
        CHECK(child.protocol->count("resume") == 0);
        child.pipe(0).write("\n");
        child.pipe(0).write_eof();
        co_await child.protocol->until("resume");
        co_await end_of(child);
        CHECK(child.protocol->count("pause") == 1);
        CHECK(child.process->get_returncode() == 0);
    }());
}

TEST_CASE("SP004 input that the child does not want ends that pipe with the reason", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = start("exec 0<&-; echo closed; read line <&2");
        co_await child.protocol->until_data(1, 7);
        child.pipe(0).write(std::string(1'000'000, 'x'));
        while (child.protocol->count("lost 0") == 0 && child.protocol->calls.back().rfind("lost 0 ", 0) != 0) {
            co_await aioxx::sleep(1ms);
        }
        CHECK(child.protocol->count("connection lost") == 0);
        child.process->kill();
        co_await end_of(child);
    }());
}

TEST_CASE("SP011 what is left in a pipe is read after the process has ended, as slowly as one likes", "[transports]") {
    run_bounded([]() -> coro<> {
        const running child = prepare("head -c 200000 /dev/zero");
        child.protocol->on_call = [](recorder& self, const std::string& call) {
            if (call == "made") self.process->get_pipe_transport(1)->pause_reading();
        };
        child.process->start();
        co_await child.protocol->until("exited");
        CHECK(child.protocol->data[1].empty());
        CHECK(child.protocol->count("connection lost") == 0);
        child.protocol->on_call = [](recorder& self, const std::string& call) {
            if (call == "data 1") self.process->get_pipe_transport(1)->pause_reading();
        };
        while (child.protocol->data[1].size() < 200'000) {
            child.pipe(1).resume_reading();
            co_await aioxx::sleep(0s);
        }
        child.pipe(1).resume_reading();
        co_await end_of(child);
        CHECK(child.protocol->data[1] == std::string(200'000, '\0'));
    }());
}

TEST_CASE("what a callback throws is reported; from pipe_data_received it ends that pipe", "[transports]") {
    run_bounded([]() -> coro<> {
        for (const std::string thrower : {"made", "data 1", "lost 1", "exited", "connection lost"}) {
            CAPTURE(thrower);
            const testing::report_collector reports;
            const running child = prepare("echo out; echo err >&2; exit 8");
            child.protocol->on_call = [thrower](recorder&, const std::string& call) {
                if (call == thrower) throw std::runtime_error("thrown in " + thrower);
            };
            child.process->start();
            co_await end_of(child);
            co_await aioxx::sleep(0s);
            REQUIRE(reports.seen.size() == 1);
            CHECK(describe(reports.seen[0]).find("thrown in " + thrower) != std::string::npos);
            CHECK(child.protocol->data[2] == "err\n");
            CHECK(child.process->get_returncode() == 8);
            CHECK(child.protocol->count("lost 1 thrown in data 1") == (thrower == "data 1" ? 1 : 0));
            CHECK(child.protocol->count("exited") == 1);
        }
    }());
}

TEST_CASE("the protocol can be replaced, also from within its own callback", "[transports]") {
    run_bounded([]() -> coro<> {
        for (const std::string moment : {"made", "data 1", "lost 1", "exited"}) {
            CAPTURE(moment);
            running child = prepare("echo out; exit 0");
            const auto next = std::make_shared<recorder>();
            const std::weak_ptr<recorder> former = child.protocol;
            strings former_calls;
            child.protocol->on_call = [&, transport = child.process.get()](recorder& self, const std::string& call) {
                if (call != moment) return;
                transport->set_protocol(next);  // self has no other owner than the transport
                self.data[1] += "still alive";
                former_calls = self.calls;
            };
            child.protocol.reset();
            child.process->start();
            co_await wait_for(next->until("connection lost"), 20s);
            CHECK(former.expired());
            CHECK(former_calls.back() == moment);
            CHECK(next->count("made") == 0);
        }
        const running child = start("exec cat");
        CHECK_THROWS_AS(child.process->set_protocol(std::make_shared<protocol>()), std::invalid_argument);
        CHECK_THROWS_AS(child.process->set_protocol(nullptr), std::invalid_argument);
        CHECK(child.process->get_protocol() == child.protocol);
        child.process->close();
        co_await end_of(child);
    }());
}

TEST_CASE("after connection_lost every call is harmless, and the protocol is let go of", "[transports]") {
    run_bounded([]() -> coro<> {
        running child = start("exit 9");
        co_await end_of(child);
        co_await aioxx::sleep(0s);
        CHECK(child.process->get_protocol() == nullptr);
        CHECK(child.process->get_pipe_transport(1) == nullptr);
        CHECK(child.process->is_closing());
        child.process->close();
        child.process->send_signal(SIGTERM);
        child.process->kill();
        child.process->kill_tree(SIGKILL);
        child.process->set_protocol(std::make_shared<recorder>());
        CHECK(child.process->get_protocol() == nullptr);
        CHECK(child.process->get_returncode() == 9);
        const std::weak_ptr<recorder> protocol = child.protocol;
        const std::weak_ptr<process_transport> process = child.process;
        child = running();
        CHECK(protocol.expired());
        CHECK(process.expired());
    }());
}

TEST_CASE("a protocol that overrides nothing is a protocol", "[transports]") {
    run_bounded([]() -> coro<> {
        const auto served = std::make_shared<subprocess_protocol>();
        const auto process = std::make_shared<process_transport>(
            get_running_loop(), spawn(sh("echo out; echo err >&2; exit 1"), {}), served);
        process->start();
        while (process->get_protocol() != nullptr) co_await aioxx::sleep(1ms);
        CHECK(process->get_returncode() == 1);
    }());
}

TEST_CASE("P3 at the end of run a process is killed, its end told and its pipes closed", "[transports]") {
    const std::size_t before = open_descriptors();
    running child;
    run_bounded([](running& kept) -> coro<> {
        kept = start("sleep 1000 & exec sleep 1000");
        co_await kept.protocol->until("made");
    }(child));
    CHECK(has_no_children());
    CHECK(child.protocol->count("exited") == 1);
    CHECK(child.protocol->count("connection lost") == 1);
    CHECK(child.process->get_returncode() == -SIGKILL);
    child = running();
    CHECK(open_descriptors() == before);
}

TEST_CASE("P3 the end of a process is told when the loop stops between its last pipe and that", "[transports]") {
    event_loop loop(std::make_unique<asio_backend>());
    const auto protocol = std::make_shared<recorder>();
    // The pipe ends after the exit, and the loop stops in the same turn.
    protocol->on_call = [&loop](recorder& told, const std::string& call) {
        if (call == "made") told.process->get_pipe_transport(1)->pause_reading();
        if (call == "exited") told.process->get_pipe_transport(1)->resume_reading();
        if (call == "lost 1") loop.stop();
    };
    process_options options = without_pipes();
    options.out = stdio::pipe();
    {
        const detail::running_loop_scope scope(&loop);
        std::make_shared<process_transport>(loop, spawn(sh("echo one"), options), protocol)->start();
    }
    loop.run_forever();
    CHECK(protocol->calls == strings{"made", "exited", "data 1", "lost 1"});
    shut_down(loop, 10s);
    CHECK(protocol->calls.back() == "connection lost");
}

TEST_CASE("P3 a loop that is closed at once leaves nothing of a process", "[transports]") {
    const std::size_t before = open_descriptors();
    for (const bool has_run : {false, true}) {
        CAPTURE(has_run);
        std::weak_ptr<process_transport> process;
        std::weak_ptr<recorder> protocol;
        {
            event_loop loop(std::make_unique<asio_backend>());
            {
                const detail::running_loop_scope scope(&loop);
                const running child = start("exec sleep 1000");
                process = child.process;
                protocol = child.protocol;
            }
            if (has_run) {
                loop.stop();
                loop.run_forever();
            }
            CHECK_FALSE(process.expired());
            loop.close();
        }
        CHECK(process.expired());
        CHECK(protocol.expired());
        CHECK(has_no_children());
    }
    CHECK(open_descriptors() == before);
}

// SPDX-License-Identifier: BSL-1.0
// differential/flow.cpp: a stream writer over a transport that does nothing: drain, the end of the connection.

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/streams/writer.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "differential/fake_transport.hpp"
#include "differential/harness.hpp"

namespace differential {
namespace {

/// A stream whose transport is played by the scenario.
class played_stream : pinned {
public:
    explicit played_stream(tracer& trace, std::size_t limit = stream_reader::default_limit)
        : transport_(trace), protocol(std::make_shared<stream_protocol>(limit)), halves_(make_stream(protocol)) {
        protocol->connection_made(transport_);
    }

    void lost(std::exception_ptr reason = nullptr) { protocol->connection_lost(std::move(reason)); }

    /// The last step of a scenario: nothing is left to be cleaned up.
    void ends() {
        if (protocol->transport() != nullptr) lost();
    }

private:
    fake_transport transport_;

public:
    std::shared_ptr<stream_protocol> protocol;

private:
    stream halves_;

public:
    stream_reader& reader = halves_.reader;
    stream_writer& writer = halves_.writer;
};

std::exception_ptr failure_x() { return std::make_exception_ptr(failure("x")); }

// ---- drain ----

coro<> drain_does_not_suspend(tracer& trace) {
    played_stream stream(trace);
    get_running_loop().call_soon([&] { trace("other"); });
    stream.writer.write("ab");
    co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
    co_await aioxx::sleep(0s);
    stream.ends();
}

coro<> drain_waits_while_writing_is_paused(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    const auto waiting = begins(trace, "drain", [&] { return stream.writer.drain(); });
    co_await aioxx::sleep(1s);
    trace(outcome(waiting));
    stream.protocol->resume_writing();
    co_await waiting;
    co_await shows(trace, "again", [&] { return stream.writer.drain(); });
    stream.ends();
}

std::vector<task<>> begin_to_drain(tracer& trace, played_stream& stream, const std::vector<std::string>& names) {
    std::vector<task<>> tasks;
    for (const std::string& name : names) {
        tasks.push_back(begins(trace, name, [&] { return stream.writer.drain(); }));
    }
    return tasks;
}

coro<> all_end(const std::vector<task<>>& tasks) {
    for (const task<>& each : tasks) co_await each;
}

coro<> several_drain(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    const auto tasks = begin_to_drain(trace, stream, {"a", "b", "c"});
    co_await aioxx::sleep(1s);
    stream.protocol->resume_writing();
    co_await all_end(tasks);
    stream.ends();
}

coro<> one_of_several_who_drain_is_cancelled(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    const auto tasks = begin_to_drain(trace, stream, {"a", "b", "c"});
    co_await aioxx::sleep(1s);
    tasks[1].cancel("enough");
    co_await aioxx::sleep(1s);
    stream.protocol->resume_writing();
    co_await all_end(tasks);
    stream.ends();
}

coro<> writing_is_paused_again_before_who_drains_runs(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    const auto waiting = begins(trace, "drain", [&] { return stream.writer.drain(); });
    co_await aioxx::sleep(1s);
    stream.protocol->resume_writing();
    stream.protocol->pause_writing();
    co_await aioxx::sleep(1s);
    trace(outcome(waiting));
    const auto late = begins(trace, "late", [&] { return stream.writer.drain(); });
    co_await aioxx::sleep(1s);
    stream.protocol->resume_writing();
    co_await waiting;
    co_await late;
    stream.ends();
}

coro<> who_drains_runs_a_pass_after_writing_goes_on(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    const auto waiting = begins(trace, "drain", [&] { return stream.writer.drain(); });
    co_await aioxx::sleep(1s);
    event_loop& loop = get_running_loop();
    loop.call_soon([&] { trace("before"); });
    stream.protocol->resume_writing();
    loop.call_soon([&] { trace("after"); });
    co_await waiting;
    stream.ends();
}

coro<> writing_in_spite_of_the_pause(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    stream.writer.write("ab");
    const std::array<bytes_view, 3> pieces = {"cd", "", "ef"};
    stream.writer.writelines(pieces);
    stream.protocol->resume_writing();
    co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
    stream.ends();
}

// ---- the connection is lost ----

coro<> the_connection_ends_during_drain(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    const auto tasks = begin_to_drain(trace, stream, {"a", "b"});
    co_await aioxx::sleep(1s);
    stream.lost();
    co_await all_end(tasks);
}

coro<> the_connection_breaks_during_drain(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    const auto tasks = begin_to_drain(trace, stream, {"a", "b"});
    co_await aioxx::sleep(1s);
    stream.lost(failure_x());
    co_await all_end(tasks);
}

coro<> drain_after_the_end(tracer& trace) {
    played_stream stream(trace);
    stream.lost();
    for (int count = 0; count < 2; ++count) {
        co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
    }
}

coro<> drain_after_a_break(tracer& trace) {
    played_stream stream(trace);
    stream.lost(failure_x());
    for (int count = 0; count < 2; ++count) {
        co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
    }
}

coro<> drain_after_the_connection_was_lost_while_paused(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->pause_writing();
    stream.lost();
    co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
}

coro<> a_reader_learns_of_the_end(tracer& trace) {
    played_stream stream(trace);
    const auto waiting = begins(trace, "read", [&] { return stream.reader.read(5); });
    co_await aioxx::sleep(1s);
    stream.lost();
    co_await waiting;
    trace(stream.reader.at_eof(), why(stream.reader.exception()));
}

coro<> a_reader_learns_of_a_break(tracer& trace) {
    played_stream stream(trace);
    const auto waiting = begins(trace, "read", [&] { return stream.reader.read(5); });
    co_await aioxx::sleep(1s);
    stream.lost(failure_x());
    co_await waiting;
    trace(why(stream.reader.exception()));
}

coro<> what_has_come_before_the_end(tracer& trace) {
    played_stream stream(trace);
    stream.protocol->data_received("abc");
    stream.lost();
    co_await shows(trace, "read", [&] { return stream.reader.read(2); });
    co_await shows(trace, "read", [&] { return stream.reader.read(2); });
    co_await shows(trace, "read", [&] { return stream.reader.read(2); });
}

coro<> the_peer_has_no_more(tracer& trace) {
    played_stream stream(trace);
    const auto waiting = begins(trace, "read", [&] { return stream.reader.read(5); });
    co_await aioxx::sleep(1s);
    trace("keeps open", stream.protocol->eof_received());
    co_await waiting;
    stream.writer.write("ab");
    co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
    stream.ends();
}

coro<> an_error_of_the_reader_and_drain(tracer& trace) {
    played_stream stream(trace);
    stream.reader.set_exception(failure_x());
    co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
    stream.ends();
}

// ---- closing ----

coro<> close_and_is_closing(tracer& trace) {
    played_stream stream(trace);
    trace(stream.writer.is_closing());
    stream.writer.close();
    trace(stream.writer.is_closing());
    stream.lost();
    trace(stream.writer.is_closing());
    co_return;
}

coro<> close_twice(tracer& trace) {
    played_stream stream(trace);
    stream.writer.close();
    stream.writer.close();
    stream.lost();
    co_return;
}

coro<> drain_while_closing(tracer& trace) {
    played_stream stream(trace);
    stream.writer.close();
    get_running_loop().call_soon([&] { trace("other"); });
    co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
    co_await aioxx::sleep(1s);
    stream.lost();
}

coro<> writing_after_close(tracer& trace) {
    played_stream stream(trace);
    stream.writer.close();
    stream.writer.write("ab");
    const auto waiting = begins(trace, "drain", [&] { return stream.writer.drain(); });
    co_await aioxx::sleep(1s);
    trace(outcome(waiting));
    stream.lost();
    co_await waiting;
}

coro<> writing_after_the_end(tracer& trace) {
    played_stream stream(trace);
    stream.lost();
    stream.writer.write("ab");
    co_await shows(trace, "drain", [&] { return stream.writer.drain(); });
}

coro<> wait_closed_waits_for_the_end(tracer& trace) {
    played_stream stream(trace);
    const auto a = begins(trace, "a", [&] { return stream.writer.wait_closed(); });
    const auto b = begins(trace, "b", [&] { return stream.writer.wait_closed(); });
    co_await aioxx::sleep(1s);
    stream.writer.close();
    co_await aioxx::sleep(1s);
    trace(outcome(a), outcome(b));
    stream.lost();
    co_await a;
    co_await b;
    co_await shows(trace, "again", [&] { return stream.writer.wait_closed(); });
}

coro<> wait_closed_and_a_break(tracer& trace) {
    played_stream stream(trace);
    const auto waiting = begins(trace, "closed", [&] { return stream.writer.wait_closed(); });
    co_await aioxx::sleep(1s);
    stream.lost(failure_x());
    co_await waiting;
    co_await shows(trace, "again", [&] { return stream.writer.wait_closed(); });
}

coro<> wait_closed_is_cancelled(tracer& trace) {
    played_stream stream(trace);
    const auto one = begins(trace, "one", [&] { return stream.writer.wait_closed(); });
    const auto other = begins(trace, "other", [&] { return stream.writer.wait_closed(); });
    co_await aioxx::sleep(1s);
    other.cancel("enough");
    co_await other;
    stream.lost();
    co_await one;
}

coro<> ending_the_half_that_writes(tracer& trace) {
    played_stream stream(trace);
    trace(stream.writer.can_write_eof());
    stream.writer.write("ab");
    stream.writer.write_eof();
    stream.protocol->data_received("cd");
    co_await shows(trace, "read", [&] { return stream.reader.read(5); });
    stream.ends();
}

// ---- both directions ----

coro<> a_stream_that_nobody_reads_is_paused(tracer& trace) {
    played_stream stream(trace, 2);
    stream.protocol->data_received("abcd");
    stream.protocol->data_received("e");
    co_await shows(trace, "read", [&] { return stream.reader.read(2); });
    co_await shows(trace, "read", [&] { return stream.reader.read(2); });
    stream.ends();
}

coro<> a_stream_that_is_paused_when_it_is_lost(tracer& trace) {
    played_stream stream(trace, 2);
    stream.protocol->data_received("abcdefgh");
    stream.lost();
    co_await shows(trace, "all", [&] { return stream.reader.read(); });
}

coro<> echoes(stream_reader reader, stream_writer writer) {
    for (bytearray line = co_await reader.readline(); !line.empty(); line = co_await reader.readline()) {
        writer.write(line);
        co_await writer.drain();
    }
    writer.close();
}

coro<> an_echo_that_waits_for_its_peer(tracer& trace) {
    played_stream stream(trace);
    const auto echo = begins(trace, "echo", [&] { return echoes(stream.reader, stream.writer); });
    co_await aioxx::sleep(1s);
    stream.protocol->data_received("one\n");
    co_await aioxx::sleep(1s);
    stream.protocol->pause_writing();
    stream.protocol->data_received("two\nthree\n");
    co_await aioxx::sleep(1s);
    stream.protocol->resume_writing();
    stream.protocol->data_received("four");
    co_await aioxx::sleep(1s);
    stream.protocol->eof_received();
    co_await echo;
    stream.lost();
}

}  // namespace

const scenarios flow_scenarios = {
    {"drain_does_not_suspend", drain_does_not_suspend},
    {"drain_waits_while_writing_is_paused", drain_waits_while_writing_is_paused},
    {"several_drain", several_drain},
    {"one_of_several_who_drain_is_cancelled", one_of_several_who_drain_is_cancelled},
    {"writing_is_paused_again_before_who_drains_runs", writing_is_paused_again_before_who_drains_runs},
    {"who_drains_runs_a_pass_after_writing_goes_on", who_drains_runs_a_pass_after_writing_goes_on},
    {"writing_in_spite_of_the_pause", writing_in_spite_of_the_pause},
    {"the_connection_ends_during_drain", the_connection_ends_during_drain},
    {"the_connection_breaks_during_drain", the_connection_breaks_during_drain},
    {"drain_after_the_end", drain_after_the_end},
    {"drain_after_a_break", drain_after_a_break},
    {"drain_after_the_connection_was_lost_while_paused", drain_after_the_connection_was_lost_while_paused},
    {"a_reader_learns_of_the_end", a_reader_learns_of_the_end},
    {"a_reader_learns_of_a_break", a_reader_learns_of_a_break},
    {"what_has_come_before_the_end", what_has_come_before_the_end},
    {"the_peer_has_no_more", the_peer_has_no_more},
    {"an_error_of_the_reader_and_drain", an_error_of_the_reader_and_drain},
    {"close_and_is_closing", close_and_is_closing},
    {"close_twice", close_twice},
    {"drain_while_closing", drain_while_closing},
    {"writing_after_close", writing_after_close},
    {"writing_after_the_end", writing_after_the_end},
    {"wait_closed_waits_for_the_end", wait_closed_waits_for_the_end},
    {"wait_closed_and_a_break", wait_closed_and_a_break},
    {"wait_closed_is_cancelled", wait_closed_is_cancelled},
    {"ending_the_half_that_writes", ending_the_half_that_writes},
    {"a_stream_that_nobody_reads_is_paused", a_stream_that_nobody_reads_is_paused},
    {"a_stream_that_is_paused_when_it_is_lost", a_stream_that_is_paused_when_it_is_lost},
    {"an_echo_that_waits_for_its_peer", an_echo_that_waits_for_its_peer},
};

}  // namespace differential

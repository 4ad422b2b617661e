// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/pump.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/net/pipes.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

// ---- connections ----

// What is written to `a` is read from `b`, and where both directions exist the other way round.
struct joined {
    stream a, b;
};

coro<joined> join_descriptors(int one, int other) {
    stream a = co_await open_socket(unique_fd(one));
    stream b = co_await open_socket(unique_fd(other));
    joined both{std::move(a), std::move(b)};
    co_return both;
}
coro<joined> join() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    co_return co_await join_descriptors(ends[0], ends[1]);
}
coro<joined> join_tcp() {
    const support::bound_socket listening;
    const int near = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(near, listening.address.data(), listening.address.size()) == 0);
    const int far = ::accept4(listening.fd.get(), nullptr, nullptr, SOCK_CLOEXEC);
    REQUIRE(far >= 0);
    co_return co_await join_descriptors(near, far);
}
coro<joined> join_pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const auto make = [] { return std::make_shared<stream_protocol>(stream_reader::default_limit); };
    auto writing = co_await connect_write_pipe(make, unique_fd(ends[1]));
    auto reading = co_await connect_read_pipe(make, unique_fd(ends[0]));
    joined both{make_stream(writing.protocol), make_stream(reading.protocol)};
    co_return both;
}

using join_function = coro<joined> (*)();

struct medium {
    const char* name;
    join_function join;
};

// ---- content ----

// Bytes that tell where they belong.
class content {
public:
    explicit content(std::size_t size) : size_(size) {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bytearray part(std::size_t from, std::size_t count) const {
        count = std::min(count, size_ - from);
        const std::size_t first = from / 8;
        bytearray bytes;
        bytes.resize((count / 8 + 2) * 8);
        for (std::size_t word = 0; word < bytes.size() / 8; ++word) {
            const std::uint64_t value = (first + word + 1) * 0x9E3779B97F4A7C15u;
            std::memcpy(bytes.data() + 8 * word, &value, 8);
        }
        bytes.consume(from % 8);
        bytes.resize(count);
        return bytes;
    }
    [[nodiscard]] bytearray all() const { return part(0, size_); }

private:
    std::size_t size_;
};

using random_source = std::minstd_rand;

coro<> random_pause(random_source& random) {
    if (random() % 8 != 0) co_return;
    for (auto turns = random() % 40; turns != 0; --turns) co_await sleep(0s);
}

coro<> send_content(stream_writer to, content what, unsigned seed) {
    random_source random(seed);
    for (std::size_t at = 0; at < what.size();) {
        const bytearray part = what.part(at, 1 + random() % 300'000);
        at += part.size();
        co_await to.send(part);
        co_await random_pause(random);
    }
    to.write_eof();
}

// Returns: how many bytes came that were the right ones.
coro<std::size_t> receive_content(stream_reader from, content what, unsigned seed) {
    random_source random(seed);
    std::size_t at = 0;
    for (;;) {
        const bytearray part = co_await from.read(1 + random() % 300'000);
        if (part.empty() || part != what.part(at, part.size())) co_return at;
        at += part.size();
        co_await random_pause(random);
    }
}

coro<std::uint64_t> relay(stream_reader from, stream_writer to) {
    const std::uint64_t copied = co_await pump(from, to);
    to.write_eof();
    co_return copied;
}

coro<> send_some(stream_writer to, const std::string& text) { co_await to.send(text); }
coro<> write_all(stream_writer to, const std::string& text) {
    co_await to.send(text);
    to.write_eof();
}

transport_statistics statistics_of(const stream_writer& of) { return of.get_extra_info(extra_info::statistics).value(); }

// Returns when the loop has looked at its descriptors. Parameters: `probe` a connection for nothing else.
coro<> one_turn(const joined& probe) {
    co_await probe.a.writer.send(".");
    const bytearray seen = co_await probe.b.reader.readexactly(1);
    CHECK(seen == ".");
}
// Long enough for everything that does not wait for the peers.
coro<> some_turns() {
    const joined probe = co_await join();
    for (int turn = 0; turn < 20; ++turn) co_await one_turn(probe);
    probe.a.writer.close();
    co_await probe.a.writer.wait_closed();
    probe.b.writer.close();
    co_await probe.b.writer.wait_closed();
}

// A source that is not a stream.
struct counter {
    coro<std::size_t> read_some(mutable_bytes_view into) {
        const std::size_t count = std::min(left, into.size());
        left -= count;
        std::fill_n(into.begin(), count, std::byte('c'));
        co_return count;
    }
    std::size_t left;
};

// A reader whose bytes go through memory.
struct plain_reader {
    stream_reader from;
    auto read_view() const { return from.read_view(); }
    auto read_some(mutable_bytes_view into) const { return from.read_some(into); }
};

// A pump whose destination is not read: it has taken what the connections and the pipe hold.
struct stuck_pump {
    joined in;
    joined out;
    content what;
    std::size_t descriptors = 0;  // that were open before
    task<> sending = {};
    task<std::uint64_t> pumping = {};

    [[nodiscard]] std::uint64_t taken() const { return statistics_of(in.b.writer).bytes_received; }
    void let_go() const { out.b.writer.transport()->resume_reading(); }
};
coro<> until_it_rests(const stuck_pump& pump) {
    for (std::uint64_t before = 1; pump.taken() != before;) {
        before = pump.taken();
        co_await some_turns();
    }
}
coro<stuck_pump> begin_stuck(join_function join_in, join_function join_out, std::size_t size = 8'000'000) {
    joined in = co_await join_in();
    joined out = co_await join_out();
    stuck_pump made{std::move(in), std::move(out), content(size)};
    made.out.b.writer.transport()->pause_reading();
    made.descriptors = support::open_descriptors();
    made.sending = create_task(send_content(made.in.a.writer, made.what, 1));
    made.pumping = create_task(pump(made.in.b.reader, made.out.a.writer));
    co_await until_it_rests(made);
    REQUIRE_FALSE(made.pumping.done());
    co_return made;
}

// A pump whose source has nothing more at present: the system waits for it.
struct waiting_pump {
    joined in;
    joined out;
    std::uint64_t taken = 0;
    task<std::uint64_t> pumping = {};
};
coro<waiting_pump> begin_waiting() {
    joined in = co_await join_tcp();
    joined out = co_await join_tcp();
    const std::string large(4'000'000, 'l');
    waiting_pump made{std::move(in), std::move(out), large.size()};
    const std::size_t descriptors = support::open_descriptors();
    made.pumping = create_task(pump(made.in.b.reader, made.out.a.writer));
    const task<> sending = create_task(send_some(made.in.a.writer, large));
    const bytearray received = co_await made.out.b.reader.readexactly(large.size());
    CHECK(received == large);
    co_await sending;
    co_await some_turns();
    REQUIRE(support::open_descriptors() == descriptors + 2);
    co_return made;
}

template <class T>
coro<std::string> failure_of(task<T> failing) {
    try {
        co_await failing;
    } catch (const std::exception& failure) {
        co_return failure.what();
    }
    co_return "none";
}

}  // namespace

TEST_CASE("a relay of two pumps carries both directions to their ends, with back-pressure", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined left = co_await join();
        const joined right = co_await join();
        std::string there(3'000'000, 't');
        const std::string back(1'000'000, 'b');
        for (std::size_t i = 0; i < there.size(); i += 1000) there[i] = static_cast<char>('a' + i / 1000 % 26);
        const task<std::uint64_t> forth = create_task(relay(left.b.reader, right.a.writer));
        const task<std::uint64_t> home = create_task(relay(right.a.reader, left.b.writer));
        const task<> sending = create_task(write_all(left.a.writer, there));
        const task<> answering = create_task(write_all(right.b.writer, back));
        const bytearray received = co_await right.b.reader.read();
        CHECK(received == there);
        const bytearray answer = co_await left.a.reader.read();
        CHECK(answer == back);
        co_await gather(sending, answering);
        const std::uint64_t forward = co_await forth;
        CHECK(forward == there.size());
        const std::uint64_t backward = co_await home;
        CHECK(backward == back.size());
    }());
}

TEST_CASE("any source is copied to any destination", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined both = co_await join();
        const task<std::uint64_t> copying = create_task(pump(counter{700'000}, both.a.writer));
        const bytearray received = co_await both.b.reader.readexactly(700'000);
        CHECK(received == std::string(700'000, 'c'));
        const std::uint64_t copied = co_await copying;
        CHECK(copied == 700'000);
    }());
}

TEST_CASE("between sockets and pipes every byte comes through once and is counted on both sides", "[streams]") {
    const std::pair<medium, medium> ways[] = {
        {{"TCP", join_tcp}, {"TCP", join_tcp}},     {{"Unix", join}, {"TCP", join_tcp}},
        {{"TCP", join_tcp}, {"Unix", join}},        {{"pipe", join_pipe}, {"TCP", join_tcp}},
        {{"TCP", join_tcp}, {"pipe", join_pipe}},   {{"pipe", join_pipe}, {"pipe", join_pipe}},
        {{"pipe", join_pipe}, {"Unix", join}},
    };
    for (const auto& [source, destination] : ways) {
        for (const unsigned seed : {1u, 2u, 3u}) {
            INFO(source.name << " to " << destination.name << ", seed " << seed);
            support::run_bounded([](join_function join_in, join_function join_out, unsigned chance) -> coro<> {
                const joined in = co_await join_in();
                const joined out = co_await join_out();
                const content what(6'000'000 + chance);
                const task<std::uint64_t> copying = create_task(pump(in.b.reader, out.a.writer));
                const task<> sending = create_task(send_content(in.a.writer, what, chance));
                const task<std::size_t> receiving = create_task(receive_content(out.b.reader, what, chance + 10));
                const std::uint64_t copied = co_await copying;
                CHECK(copied == what.size());
                const transport_statistics sent = statistics_of(out.a.writer);
                CHECK(sent.bytes_sent + sent.queued == what.size());
                out.a.writer.write_eof();
                const std::size_t received = co_await receiving;
                CHECK(received == what.size());
                co_await sending;
                if (in.b.writer.transport() != nullptr) CHECK(statistics_of(in.b.writer).bytes_received == what.size());
            }(source.join, destination.join, seed));
        }
    }
}

TEST_CASE("64 MiB between connections that pause at random arrive whole", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined in = co_await join_tcp();
        const joined out = co_await join_tcp();
        const content what(64 * 1024 * 1024);
        const task<std::uint64_t> copying = create_task(relay(in.b.reader, out.a.writer));
        const task<> sending = create_task(send_content(in.a.writer, what, 77));
        const std::size_t received = co_await receive_content(out.b.reader, what, 78);
        CHECK(received == what.size());
        const std::uint64_t copied = co_await copying;
        CHECK(copied == what.size());
        co_await sending;
    }());
}

TEST_CASE("large amounts between connections go through a pipe and not through memory", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const stuck_pump stuck = co_await begin_stuck(join_tcp, join_tcp);
        CHECK(support::open_descriptors() == stuck.descriptors + 2);
        stuck.let_go();
        const task<std::size_t> receiving = create_task(receive_content(stuck.out.b.reader, stuck.what, 1));
        const std::uint64_t copied = co_await stuck.pumping;
        CHECK(copied == stuck.what.size());
        CHECK(support::open_descriptors() == stuck.descriptors);
        CHECK(stuck.taken() == copied);
        CHECK(statistics_of(stuck.out.a.writer).bytes_sent == copied);
        CHECK(statistics_of(stuck.out.a.writer).queued == 0);
        stuck.out.a.writer.write_eof();
        const std::size_t received = co_await receiving;
        CHECK(received == stuck.what.size());
    }());
}

TEST_CASE("small amounts after large ones go through memory again", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined in = co_await join_tcp();
        const joined out = co_await join_tcp();
        const std::size_t descriptors = support::open_descriptors();
        const task<std::uint64_t> pumping = create_task(pump(in.b.reader, out.a.writer));
        std::size_t most = 0;
        const std::string large(4'000'000, 'l');
        const task<> sending = create_task(send_some(in.a.writer, large));
        for (std::size_t left = large.size(); left != 0;) {
            const bytearray some = co_await out.b.reader.read(left);
            left -= some.size();
            most = std::max(most, support::open_descriptors());
        }
        CHECK(most == descriptors + 2);
        for (int round = 0; round < 3; ++round) {
            co_await in.a.writer.send("?");
            const bytearray asked = co_await out.b.reader.readexactly(1);
            CHECK(asked == "?");
        }
        CHECK(support::open_descriptors() == descriptors);
        in.a.writer.write_eof();
        const std::uint64_t copied = co_await pumping;
        CHECK(copied == large.size() + 3);
    }());
}

TEST_CASE("what the reader holds and what the writer has queued goes first", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined in = co_await join_tcp();
        const joined out = co_await join_tcp();
        const content what(3'000'000);
        out.b.writer.transport()->pause_reading();
        const std::string queued(7'000'000, 'q');  // more than the sockets take
        out.a.writer.write(queued);
        CHECK(statistics_of(out.a.writer).queued != 0);
        const task<> sending = create_task(send_content(in.a.writer, what, 5));
        const bytearray some = co_await in.b.reader.read(10);
        in.b.reader.unread(some);
        co_await some_turns();
        const task<std::uint64_t> pumping = create_task(pump(in.b.reader, out.a.writer));
        co_await some_turns();
        out.b.writer.transport()->resume_reading();
        const bytearray first = co_await out.b.reader.readexactly(queued.size());
        CHECK(first == queued);
        const bytearray then = co_await out.b.reader.readexactly(what.size());
        CHECK(then == what.all());
        const std::uint64_t copied = co_await pumping;
        CHECK(copied == what.size());
        co_await sending;
    }());
}

TEST_CASE("a pump that is cancelled again and again loses and doubles nothing", "[streams]") {
    const std::pair<join_function, join_function> ways[] = {
        {join_tcp, join_tcp}, {join, join}, {join_pipe, join_tcp}, {join_tcp, join_pipe}};
    for (const auto& [join_in, join_out] : ways) {
        std::size_t in_the_middle = 0;
        for (unsigned seed = 0; seed < 5; ++seed) {
            CAPTURE(seed);
            in_the_middle += support::run_bounded(
                [](join_function first, join_function second, unsigned chance) -> coro<std::size_t> {
                    const joined in = co_await first();
                    const joined out = co_await second();
                    const joined probe = co_await join();
                    const content what(5'000'000);
                    const task<std::size_t> receiving = create_task(receive_content(out.b.reader, what, chance));
                    const task<> sending = create_task(send_content(in.a.writer, what, chance + 1));
                    const std::size_t descriptors = support::open_descriptors();
                    random_source random(chance);
                    std::size_t spliced = 0;
                    for (std::uint64_t until = 0;;) {
                        until += random() % 1'500'000;
                        task<std::uint64_t> pumping = create_task(pump(in.b.reader, out.a.writer));
                        while (!pumping.done() && statistics_of(in.b.writer).bytes_received < until) {
                            co_await one_turn(probe);
                        }
                        spliced += support::open_descriptors() > descriptors ? 1 : 0;
                        pumping.cancel();
                        while (!pumping.done()) co_await sleep(0s);
                        if (!pumping.cancelled()) break;
                        const bytearray between = co_await in.b.reader.read(1000);
                        if (between.empty()) break;
                        co_await out.a.writer.send(between);
                    }
                    out.a.writer.write_eof();
                    const std::size_t received = co_await receiving;
                    CHECK(received == what.size());
                    co_await sending;
                    co_return spliced;
                }(join_in, join_out, seed));
        }
        CHECK(in_the_middle > 0);
    }
}

TEST_CASE("what a cancelled pump has taken is sent, before what is written then", "[streams]") {
    for (const join_function join_out : {join_tcp, join, join_pipe}) {
        support::run_bounded([](join_function join_destination) -> coro<> {
            stuck_pump stuck = co_await begin_stuck(join_tcp, join_destination);
            const std::uint64_t taken = stuck.taken();
            stuck.pumping.cancel();
            co_await some_turns();
            CHECK(stuck.pumping.cancelled());
            CHECK(statistics_of(stuck.out.a.writer).queued != 0);
            stuck.out.a.writer.write("and more");
            stuck.let_go();
            const bytearray received = co_await stuck.out.b.reader.readexactly(taken + 8);
            CHECK(bytes_view(received).first(taken) == stuck.what.part(0, taken));
            CHECK(bytes_view(received).subview(taken) == bytes_view("and more"));
            CHECK(support::open_descriptors() == stuck.descriptors);
            const bytearray next = co_await stuck.in.b.reader.readexactly(100'000);
            CHECK(next == stuck.what.part(taken, 100'000));
            stuck.sending.cancel();
            co_await some_turns();
        }(join_out));
    }
}

TEST_CASE("a destination that is closed takes leave with what it has accepted, and the pump fails", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const stuck_pump stuck = co_await begin_stuck(join_tcp, join_tcp);
        const std::uint64_t taken = stuck.taken();
        stuck.out.a.writer.close();
        stuck.let_go();
        const bytearray received = co_await stuck.out.b.reader.read();
        CHECK(received == stuck.what.part(0, taken));
        const std::string failure = co_await failure_of(stuck.pumping);
        CHECK(failure.find("connection lost") != std::string::npos);
        task<> sending = stuck.sending;
        sending.cancel();
        co_await some_turns();
    }());
}

TEST_CASE("a pump fails in the same way whether bytes go through memory or not", "[streams]") {
    enum class mishap { source_resets, source_closed, destination_resets, destination_aborted, destination_ended };
    const auto outcome = [](join_function join_both, mishap what, bool plain) {
        return support::run_bounded([](join_function made, mishap happens, bool through_memory) -> coro<std::string> {
            const joined in = co_await made();
            const joined out = co_await made();
            out.b.writer.transport()->pause_reading();
            plain_reader hidden{in.b.reader};
            task<std::uint64_t> pumping =
                through_memory ? create_task(pump(hidden, out.a.writer)) : create_task(pump(in.b.reader, out.a.writer));
            task<> sending = create_task(send_content(in.a.writer, content(20'000'000), 9));
            for (int i = 0; i < 5; ++i) co_await some_turns();
            switch (happens) {
                case mishap::source_resets:
                    in.b.writer.write("unread");  // which makes the end a reset
                    co_await some_turns();
                    sending.cancel();
                    in.a.writer.abort();
                    break;
                case mishap::source_closed:
                    in.b.writer.close();
                    break;
                case mishap::destination_resets:
                    out.b.writer.abort();
                    break;
                case mishap::destination_aborted:
                    out.a.writer.abort();
                    break;
                case mishap::destination_ended:
                    out.a.writer.write_eof();
                    break;
            }
            if (happens != mishap::destination_resets) out.b.writer.transport()->resume_reading();
            task<bytearray> draining = create_task([](stream_reader from) -> coro<bytearray> {
                for (;;) {
                    const bytearray some = co_await from.read(1'000'000);
                    if (some.empty()) co_return some;
                }
            }(out.b.reader));
            const std::string failure = co_await failure_of(pumping);
            sending.cancel();
            draining.cancel();
            co_await some_turns();
            if (!sending.cancelled()) static_cast<void>(sending.exception());  // it has failed as well
            co_return failure;
        }(join_both, what, plain));
    };
    for (const join_function each : {join_tcp, join}) {
        for (const mishap what : {mishap::source_resets, mishap::source_closed, mishap::destination_resets,
                                  mishap::destination_aborted, mishap::destination_ended}) {
            CAPTURE(static_cast<int>(what), each == join);
            const std::string through_memory = outcome(each, what, true);
            const std::string past_it = outcome(each, what, false);
            CHECK(past_it == through_memory);
        }
    }
}

TEST_CASE("a connection can be pumped into itself", "[streams]") {
    for (const join_function each : {join_tcp, join}) {
        support::run_bounded([](join_function made) -> coro<> {
            const joined both = co_await made();
            const content what(5'000'000);
            const task<std::uint64_t> echoing = create_task(relay(both.b.reader, both.b.writer));
            const task<> sending = create_task(send_content(both.a.writer, what, 21));
            const std::size_t received = co_await receive_content(both.a.reader, what, 22);
            CHECK(received == what.size());
            const std::uint64_t copied = co_await echoing;
            CHECK(copied == what.size());
            co_await sending;
        }(each));
    }
}

TEST_CASE("what others write to the destination stays together and gets its turn", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined in = co_await join_tcp();
        const joined out = co_await join_tcp();
        constexpr std::size_t size = 10'000'000;
        const task<> sending = create_task([](stream_writer to) -> coro<> {
            const std::string pumped(size, 'p');
            co_await to.send(pumped);
            to.write_eof();
        }(in.a.writer));
        const task<std::uint64_t> pumping = create_task(pump(in.b.reader, out.a.writer));
        constexpr std::size_t messages = 40;
        const task<> writing = create_task([](stream_writer to) -> coro<> {
            for (std::size_t i = 0; i < messages; ++i) {
                co_await to.send("<" + std::string(9'998, 'w') + ">");
                co_await sleep(0s);
                co_await sleep(0s);
            }
        }(out.a.writer));
        const bytearray received = co_await out.b.reader.readexactly(size + messages * 10'000);
        std::string_view rest = received.view().str();
        std::size_t whole = 0;
        while (true) {
            const std::size_t begin = rest.find('<');
            if (begin == std::string_view::npos) break;
            rest.remove_prefix(begin);
            if (rest.substr(0, 10'000) == "<" + std::string(9'998, 'w') + ">") ++whole;
            rest.remove_prefix(1);
        }
        CHECK(whole == messages);
        CHECK(std::count(received.begin(), received.end(), std::byte('p')) == size);
        co_await writing;
        const std::uint64_t copied = co_await pumping;
        CHECK(copied == size);
    }());
}

TEST_CASE("two pumps into one destination both arrive", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined one = co_await join_tcp();
        const joined other = co_await join_tcp();
        const joined out = co_await join_tcp();
        const std::string a(5'000'000, 'a');
        const std::string b(5'000'000, 'b');
        const task<> first = create_task(write_all(one.a.writer, a));
        const task<> second = create_task(write_all(other.a.writer, b));
        const task<std::uint64_t> pumping = create_task(pump(one.b.reader, out.a.writer));
        const task<std::uint64_t> also = create_task(pump(other.b.reader, out.a.writer));
        const bytearray received = co_await out.b.reader.readexactly(a.size() + b.size());
        CHECK(std::count(received.begin(), received.end(), std::byte('a')) == 5'000'000);
        CHECK(std::count(received.begin(), received.end(), std::byte('b')) == 5'000'000);
        co_await gather(first, second);
        co_await gather(pumping, also);
    }());
}

TEST_CASE("the deadlines of both ends hold while the system moves the bytes", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const stuck_pump stuck = co_await begin_stuck(join_tcp, join_tcp);
        stuck.out.a.writer.expires_after(1ms);
        const std::string written = co_await failure_of(stuck.pumping);
        CHECK(written == "the deadline of writing to the stream has passed");
        stuck.out.a.writer.expires_never();
        const task<std::uint64_t> again = create_task(pump(stuck.in.b.reader, stuck.out.a.writer));
        stuck.let_go();
        const content& what = stuck.what;
        const task<std::size_t> receiving = create_task(receive_content(stuck.out.b.reader, what, 2));
        co_await stuck.sending;
        co_await again;
        stuck.out.a.writer.write_eof();
        const std::size_t received = co_await receiving;
        CHECK(received == what.size());
    }());
    support::run_bounded([]() -> coro<> {
        const waiting_pump waiting = co_await begin_waiting();
        const stream& source = waiting.in.b;
        bool busy = false;
        try {
            co_await source.reader.read(1);
        } catch (const busy_error&) {
            busy = true;
        }
        CHECK(busy);
        source.reader.expires_after(1ms);
        const std::string read = co_await failure_of(waiting.pumping);
        CHECK(read == "the deadline of reading from the stream has passed");
        source.reader.expires_never();
        co_await waiting.in.a.writer.send("later");
        const bytearray later = co_await source.reader.readexactly(5);
        CHECK(later == "later");
    }());
}

TEST_CASE("a source that is closed while the system waits for it is at its end", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const waiting_pump waiting = co_await begin_waiting();
        waiting.in.b.writer.close();
        const std::uint64_t copied = co_await waiting.pumping;
        CHECK(copied == waiting.taken);
    }());
}

TEST_CASE("without descriptors for a pipe the bytes go through memory", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined in = co_await join_tcp();
        const joined out = co_await join_tcp();
        const content what(5'000'000);
        rlimit before{};
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
        unique_fd lowest(::dup(0));
        const rlimit none{static_cast<rlim_t>(lowest.get()), before.rlim_max};
        lowest.reset();
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
        const scope_exit restore([&before] { ::setrlimit(RLIMIT_NOFILE, &before); });
        const task<std::uint64_t> copying = create_task(relay(in.b.reader, out.a.writer));
        const task<> sending = create_task(send_content(in.a.writer, what, 31));
        const std::size_t received = co_await receive_content(out.b.reader, what, 32);
        CHECK(received == what.size());
        co_await copying;
        co_await sending;
    }());
}

TEST_CASE("a loop that is closed in the middle of a pump leaves nothing behind", "[streams]") {
    const std::size_t descriptors = support::open_descriptors();
    {
        event_loop loop(std::make_unique<asio_backend>());
        task<std::uint64_t> pumping;
        run_until_complete(loop, [](task<std::uint64_t>& out) -> coro<> {
            const stuck_pump stuck = co_await begin_stuck(join_tcp, join_tcp);
            out = stuck.pumping;
        }(pumping));
        CHECK_FALSE(pumping.done());
        loop.close();
    }
    CHECK(support::open_descriptors() == descriptors);
}

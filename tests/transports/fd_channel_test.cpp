// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/fd_channel.hpp>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <aioxx/tasks/runner.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct silent_handler final : fd_handler {
    void on_readable() override {}
    void on_writable() override {}
};

std::pair<unique_fd, unique_fd> unix_pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

std::pair<unique_fd, unique_fd> pipe_pair() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

// Two ends of a connection over the loopback. Parameters: `protocol` that of socket(), which the system has.
std::pair<unique_fd, unique_fd> tcp_pair(int protocol = IPPROTO_TCP) {
    const unique_fd listening(::socket(AF_INET, SOCK_STREAM, protocol));
    const endpoint any = endpoint::from_ip("127.0.0.1", 0);
    REQUIRE(::bind(listening.get(), any.data(), any.size()) == 0);
    REQUIRE(::listen(listening.get(), 1) == 0);
    const auto address = endpoint::local_of(listening.get());
    unique_fd client(::socket(AF_INET, SOCK_STREAM, protocol));
    REQUIRE(::connect(client.get(), address->data(), address->size()) == 0);
    unique_fd served(::accept(listening.get(), nullptr, nullptr));
    detail::make_non_blocking(client.get());
    detail::make_non_blocking(served.get());
    return {std::move(client), std::move(served)};
}

void wait_readable(int fd) {
    pollfd state{fd, POLLIN, 0};
    REQUIRE(::poll(&state, 1, 10'000) == 1);
}

transfer send(stream_channel& to, bytes_view data) { return to.send(std::span<const bytes_view>(&data, 1)); }

// Both ends of a TCP connection; the second one is watched.
struct watched {
    // Parameters: `settled` the call that may come without an event has come.
    explicit watched(bool settled = true, int protocol = IPPROTO_TCP) {
        auto [a, b] = tcp_pair(protocol);
        raw_from = a.get();
        raw_to = b.get();
        from = std::make_unique<socket_channel>(owner.get_loop(), std::move(a));
        to = std::make_unique<socket_channel>(owner.get_loop(), std::move(b));
        from->attach(silent);
        to->attach(handler);
        if (!settled) return;
        arm();
        for (int pass = 0; pass < 4; ++pass) {
            owner.get_loop().stop();
            owner.get_loop().run_forever();
        }
    }
    void arm() {
        if (!std::exchange(handler.armed, true)) to->await_readable();
    }
    void await_event() {
        arm();
        handler.on_event = [this] { owner.get_loop().stop(); };
        owner.get_loop().run_forever();
    }

    struct : fd_handler {
        std::function<void()> on_event = [] {};
        bool armed = false;
        void on_readable() override {
            armed = false;
            on_event();
        }
        void on_writable() override {}
    } handler;
    silent_handler silent;
    runner owner;
    int raw_from = -1;
    int raw_to = -1;
    std::unique_ptr<socket_channel> from;
    std::unique_ptr<socket_channel> to;
};

std::string receive(stream_channel& from, transfer& done, std::size_t most = 100) {
    std::string memory(most, '\0');
    done = from.receive(std::as_writable_bytes(std::span<char>(memory)));
    return memory.substr(0, done.count);
}

template <class T>
std::optional<T> info(const stream_channel& channel, const extra_info_key<T>& key) {
    return ask_extra_info(key, [&](extra_info_query& query) { return channel.query_extra_info(query); });
}

}  // namespace

TEST_CASE("a socket channel sends one or several pieces and receives them", "[transports]") {
    runner owner;
    auto [a, b] = unix_pair();
    const int raw = b.get();
    socket_channel from(owner.get_loop(), std::move(a));
    socket_channel to(owner.get_loop(), std::move(b));
    CHECK(send(from, "one").count == 3);
    const std::vector<bytes_view> pieces(100, bytes_view("ab"));
    CHECK(from.send(pieces).count == 128);  // as many as fit in one call
    wait_readable(raw);
    transfer done;
    CHECK(receive(to, done, 5) == "oneab");
    CHECK(done.left == transfer::rest::unknown);  // a Unix socket does not tell
    receive(to, done, 1000);
    receive(to, done);
    CHECK(done.would_block());
}

TEST_CASE("a TCP channel tells when nothing more is there", "[transports]") {
    watched on;
    send(*on.from, "abcdef");
    on.await_event();
    transfer done;
    CHECK(receive(*on.to, done, 4) == "abcd");
    CHECK(done.left == transfer::rest::unknown);
    CHECK(receive(*on.to, done, 4) == "ef");
#if defined(AIOXX_PORTABLE_WAIT)
    CHECK(done.left == transfer::rest::unknown);  // what waits is not told of the end
#else
    CHECK(done.left == transfer::rest::nothing);
#endif
}

TEST_CASE("a TCP channel does not hide an end, or a reset, that came with the data", "[transports]") {
    watched on;
    const bool reset = GENERATE(false, true);
    CAPTURE(reset);
    send(*on.from, "last");
    if (reset) {
        const linger at_once{1, 0};
        ::setsockopt(on.raw_from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        on.from->close();
    } else {
        on.from->shutdown_send();
    }
    on.await_event();
    transfer done;
    const std::string received = receive(*on.to, done);
    CHECK(done.left == transfer::rest::unknown);
    CHECK((reset || received == "last"));  // a system may drop it then
    if (!done.error) receive(*on.to, done);
    CHECK(done.count == 0);
    CHECK((done.error == std::errc::connection_reset) == reset);
}

TEST_CASE("a TCP channel does not take the place of urgent data for the end of what there is", "[transports]") {
    watched on;
    REQUIRE(::send(on.raw_from, "ab", 2, 0) == 2);
    REQUIRE(::send(on.raw_from, "u", 1, MSG_OOB) == 1);
    REQUIRE(::send(on.raw_from, "cd", 2, 0) == 2);
    on.await_event();
    transfer done;
    CHECK(receive(*on.to, done) == "ab");
    CHECK(done.left == transfer::rest::unknown);
    CHECK(receive(*on.to, done) == "cd");
}

TEST_CASE("a channel over more than TCP claims nothing", "[transports]") {
    constexpr int mptcp = 262;
    if (!unique_fd(::socket(AF_INET, SOCK_STREAM, mptcp))) {
        WARN("this system has no MPTCP");
        return;
    }
    watched on(true, mptcp);
    send(*on.from, "abc");
    on.await_event();
    transfer done;
    CHECK(receive(*on.to, done) == "abc");
    CHECK(done.left == transfer::rest::unknown);
}

TEST_CASE("a TCP channel claims nothing before its first event", "[transports]") {
    watched on(false);
    send(*on.from, "abc");
    wait_readable(on.raw_to);
    transfer done;
    CHECK(receive(*on.to, done) == "abc");
    CHECK(done.left == transfer::rest::unknown);
}

TEST_CASE("a socket whose peer has gone answers with errors, not with a signal", "[transports]") {
    runner owner;
    auto [a, b] = unix_pair();
    socket_channel from(owner.get_loop(), std::move(a));
    b.reset();
    CHECK(send(from, "x").error == std::errc::broken_pipe);
    const std::vector<bytes_view> pieces(3, bytes_view("ab"));
    CHECK(from.send(pieces).error == std::errc::broken_pipe);
    transfer done;
    receive(from, done);
    CHECK((done.count == 0 && !done.error));
}

TEST_CASE("a socket that is full says that it would block", "[transports]") {
    runner owner;
    auto [a, b] = unix_pair();
    socket_channel from(owner.get_loop(), std::move(a));
    const std::string block(100'000, 'x');
    transfer sent;
    for (int i = 0; i < 1000 && !sent.error; ++i) sent = send(from, block);
    CHECK(sent.would_block());
    CHECK(sent.count == 0);
}

TEST_CASE("a socket channel knows its addresses, its descriptor and a Unix peer's owner", "[transports]") {
    runner owner;
    auto [a, b] = tcp_pair();
    const int raw = a.get();
    const endpoint theirs = endpoint::local_of(b.get()).value();
    const endpoint ours = endpoint::local_of(raw).value();
    const socket_channel tcp(owner.get_loop(), std::move(a));
    CHECK(info(tcp, extra_info::peername) == theirs);
    CHECK(info(tcp, extra_info::sockname) == ours);
    REQUIRE(info(tcp, extra_info::socket));
    CHECK(info(tcp, extra_info::socket)->native_handle() == raw);
    CHECK(!info(tcp, extra_info::credentials));
    CHECK(!info(tcp, extra_info::pipe));
    CHECK(tcp.describe() == "tcp connection to " + to_string(theirs));
    auto [c, d] = unix_pair();
    const socket_channel local(owner.get_loop(), std::move(c));
    const auto peer = info(local, extra_info::credentials);
    REQUIRE(peer);
    CHECK(peer->pid == ::getpid());
    CHECK(local.describe().find("unix connection to ") == 0);
}

TEST_CASE("a pipe has one direction at each end", "[transports]") {
    runner owner;
    auto [a, b] = pipe_pair();
    const int raw = a.get();
    pipe_channel from(owner.get_loop(), std::move(a), pipe_end::read);
    pipe_channel to(owner.get_loop(), std::move(b), pipe_end::write);
    CHECK((from.can_receive() && !from.can_send() && !from.can_half_close()));
    CHECK((!to.can_receive() && to.can_send() && to.can_half_close()));
    CHECK(info(from, extra_info::pipe) == raw);
    CHECK(send(to, "through").count == 7);
    transfer done;
    CHECK(receive(from, done) == "through");
    CHECK(!to.receiver_gone());
    to.shutdown_send();
    receive(from, done);
    CHECK((done.count == 0 && !done.error));
}

TEST_CASE("a write pipe notices that its reader has gone, and no signal is raised", "[transports]") {
    runner owner;
    auto [a, b] = pipe_pair();
    pipe_channel to(owner.get_loop(), std::move(b), pipe_end::write);
    a.reset();
    CHECK(to.receiver_gone());
    CHECK(send(to, "x").error == std::errc::broken_pipe);
    struct sigaction present {};
    REQUIRE(::sigaction(SIGPIPE, nullptr, &present) == 0);
    CHECK(present.sa_handler == SIG_IGN);
}

TEST_CASE("a terminal whose other side is gone is at its end", "[transports]") {
    runner owner;
    unique_fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
    REQUIRE(master);
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    unique_fd slave(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
    REQUIRE(slave);
    slave.reset();
    pipe_channel reading(owner.get_loop(), std::move(master), pipe_end::read);
    transfer done;
    receive(reading, done);
    CHECK(done.count == 0);
    CHECK(!done.error);
}

TEST_CASE("the system moves bytes between sockets and pipes by itself", "[transports]") {
    runner owner;
    silent_handler silent;
    for (const bool tcp : {false, true}) {
        CAPTURE(tcp);
        auto [near, far] = tcp ? tcp_pair() : unix_pair();
        const auto [out, in] = pipe_pair();
        const int raw = far.get();
        socket_channel from(owner.get_loop(), std::move(far));
        socket_channel to(owner.get_loop(), std::move(near));
        to.attach(silent);
        CHECK(from.splices());
        CHECK(from.splice_to(in.get(), 100).would_block());
        CHECK(send(to, "across").count == 6);
        wait_readable(raw);
        CHECK(from.splice_to(in.get(), 4).count == 4);
        CHECK(from.splice_to(in.get(), 100).count == 2);
        CHECK(from.splice_from(out.get(), 6).count == 6);  // back
        transfer done;
        CHECK(receive(to, done) == "across");
        to.shutdown_send();
        wait_readable(raw);
        const transfer end = from.splice_to(in.get(), 100);
        CHECK((end.count == 0 && !end.error));
    }
    auto [source, near] = pipe_pair();
    auto [far, destination] = pipe_pair();
    pipe_channel from(owner.get_loop(), std::move(source), pipe_end::read);
    pipe_channel to(owner.get_loop(), std::move(destination), pipe_end::write);
    CHECK(from.splices());
    CHECK(to.splices());
    REQUIRE(::write(near.get(), "piped", 5) == 5);
    const auto [out, in] = pipe_pair();
    CHECK(from.splice_to(in.get(), 100).count == 5);
    CHECK(to.splice_from(out.get(), 5).count == 5);
    char seen[8];
    CHECK(::read(far.get(), seen, sizeof seen) == 5);
    far.reset();
    REQUIRE(::write(near.get(), "more", 4) == 4);
    CHECK(from.splice_to(in.get(), 100).count == 4);
    CHECK(to.splice_from(out.get(), 4).error == std::errc::broken_pipe);  // and no signal
}

TEST_CASE("a descriptor that would block, or is neither a socket nor a pipe, is not spliced", "[transports]") {
    runner owner;
    auto [near, far] = unix_pair();
    REQUIRE(::fcntl(near.get(), F_SETFL, 0) == 0);
    const socket_channel blocking(owner.get_loop(), std::move(near));
    CHECK_FALSE(blocking.splices());
    const pipe_channel device(owner.get_loop(), unique_fd(::open("/dev/null", O_WRONLY | O_NONBLOCK)), pipe_end::write);
    CHECK_FALSE(device.splices());
}

TEST_CASE("closing a channel closes its descriptor, once", "[transports]") {
    runner owner;
    silent_handler handler;
    auto [a, b] = unix_pair();
    const int raw = a.get();
    socket_channel channel(owner.get_loop(), std::move(a));
    channel.attach(handler);
    channel.await_readable();
    channel.close();
    CHECK(::fcntl(raw, F_GETFD) == -1);
    channel.close();
    char byte = 0;
    CHECK(::read(b.get(), &byte, 1) == 0);
}

TEST_CASE("make_non_blocking names a number that is no descriptor", "[transports]") {
    CHECK_THROWS_AS(detail::make_non_blocking(-1), broken_error);
}

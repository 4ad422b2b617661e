// SPDX-License-Identifier: BSL-1.0

// tests/bench/tls.cpp: what TLS costs over TCP on the loopback, each end a process on a CPU of its own: 64 KiB
// at a time in one direction and in both, 100 bytes back and forth, handshakes, and the memory of a connection that is
// idle. TLS 1.3 with the same contexts and cipher for all. The ratio is to `raw`, a loop of SSL_read and SSL_write
// that blocks.
//
//   tls [--rounds N]

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl.hpp>
#include <asio/write.hpp>

#include <aioxx/core/task.hpp>
#include <aioxx/net/tls.hpp>
#include <aioxx/streams/tls.hpp>
#include <aioxx/tasks/runner.hpp>

#include "loopback.hpp"
#include "rounds.hpp"
#include "stream_ends.hpp"
#include "two_ends.hpp"
#include "support/certificates.hpp"

namespace {

using aioxx::tls::role;

// What one end does: so many bytes to send, in pieces, and so many to receive.
struct work {
    role side = role::client;
    std::uint64_t send = 0;
    std::uint64_t receive = 0;
    std::size_t piece = 64 * 1024;
    bool in_turns = false;  // a piece is sent when one has come, and the client begins
};

constexpr const char* host = "localhost";

// One for all candidates.
const aioxx::tls::context& context_for(role side) {
    static const auto make = [](aioxx::tls::context made) {
        made.set_minimum_version(aioxx::tls::version::tls_1_3);
        SSL_CTX_set_ciphersuites(made.native_handle(), "TLS_AES_128_GCM_SHA256");
        return made;
    };
    static const aioxx::tls::context client = make(support::client_context());
    static const aioxx::tls::context server = make(support::server_context());
    return side == role::client ? client : server;
}

void wait_for_signal_to_end() {
    std::signal(SIGTERM, [](int) { std::_Exit(0); });
}

// ---- raw ----

using ssl_ptr = aioxx::tls::detail::ssl_ptr;

int checked(int result, const char* what) {
    if (result > 0) return result;
    std::fprintf(stderr, "%s failed\n", what);
    ERR_print_errors_fp(stderr);
    std::exit(1);
}

// Parameters: `session` one to resume.
ssl_ptr secure(int fd, role side, SSL_SESSION* session = nullptr) {
    ssl_ptr made(SSL_new(context_for(side).native_handle()));
    SSL_set_fd(made.get(), fd);
    SSL_set_read_ahead(made.get(), 1);  // a record with one read instead of two
    if (side == role::server) {
        checked(SSL_accept(made.get()), "SSL_accept");
        return made;
    }
    SSL_set_tlsext_host_name(made.get(), host);
    SSL_set1_host(made.get(), host);
    if (session != nullptr) SSL_set_session(made.get(), session);
    checked(SSL_connect(made.get()), "SSL_connect");
    return made;
}

std::uint64_t send_some(SSL* to, const std::vector<char>& piece, std::uint64_t left) {
    const auto size = static_cast<int>(std::min<std::uint64_t>(left, piece.size()));
    return static_cast<std::uint64_t>(checked(SSL_write(to, piece.data(), size), "SSL_write"));
}
std::uint64_t receive_some(SSL* from, std::vector<char>& space, std::uint64_t most) {
    const auto size = static_cast<int>(std::min<std::uint64_t>(most, space.size()));
    return static_cast<std::uint64_t>(checked(SSL_read(from, space.data(), size), "SSL_read"));
}
void run_raw(int fd, work left) {
    const ssl_ptr connection = secure(fd, left.side);
    const std::vector<char> piece(left.piece, 'x');
    std::vector<char> space(bench::buffer_size);
    bool sends = left.send != 0 && (!left.in_turns || left.side == role::client);
    while (left.send != 0 || left.receive != 0) {
        if (std::exchange(sends, left.send != 0)) left.send -= send_some(connection.get(), piece, left.send);
        if (left.receive == 0) continue;
        // As much as was sent when both send, so that neither is full for ever.
        std::uint64_t turn = std::min<std::uint64_t>(left.receive, left.piece);
        left.receive -= turn;
        while (turn != 0) turn -= receive_some(connection.get(), space, turn);
    }
    SSL_shutdown(connection.get());
    SSL_read(connection.get(), space.data(), 1);  // the other's
}

// Echoes what has come first, connection after connection, and then waits for the end of it, or leaves it idle.
template <bool Keep, bool Release>
void serve_raw(int listening) {
    std::vector<ssl_ptr> kept;
    kept.reserve(10'000);
    for (;;) {
        const int fd = bench::check(bench::accept_on(listening), "accept");
        ssl_ptr connection = secure(fd, role::server);
        if constexpr (Release) SSL_set_mode(connection.get(), SSL_MODE_RELEASE_BUFFERS);
        char byte = 0;
        checked(SSL_read(connection.get(), &byte, 1), "SSL_read");
        checked(SSL_write(connection.get(), &byte, 1), "SSL_write");
        if constexpr (Keep) {
            kept.push_back(std::move(connection));
        } else {
            SSL_read(connection.get(), &byte, 1);
            SSL_shutdown(connection.get());
            close(fd);
        }
    }
}

// ---- Asio, callbacks ----

using asio_stream = asio::ssl::stream<asio::ip::tcp::socket>;

asio::ssl::context asio_context(role side) {
    SSL_CTX* const shared = context_for(side).native_handle();
    SSL_CTX_up_ref(shared);
    return asio::ssl::context(shared);
}
asio::ssl::stream_base::handshake_type asio_side(role side) {
    return side == role::client ? asio::ssl::stream_base::client : asio::ssl::stream_base::server;
}
void name_host(asio_stream& stream, role side) {
    if (side == role::server) return;
    SSL_set_tlsext_host_name(stream.native_handle(), host);
    SSL_set1_host(stream.native_handle(), host);
}

struct asio_end {
    asio_end(asio::io_context& io, int fd, const work& to_do)
        : context(asio_context(to_do.side)),
          stream(asio::ip::tcp::socket(io, asio::ip::tcp::v4(), fd), context),
          left(to_do),
          piece(to_do.piece, 'x'),
          space(64 * 1024) {
        name_host(stream, left.side);
        stream.async_handshake(asio_side(left.side), [this](std::error_code failure) {
            if (failure) std::abort();
            if (left.send != 0 && (!left.in_turns || left.side == role::client)) write();
            if (left.receive != 0) read();
        });
    }

    void write() {
        const std::size_t size = std::min<std::uint64_t>(left.send, piece.size());
        asio::async_write(stream, asio::buffer(piece.data(), size), [this](std::error_code failure, std::size_t count) {
            if (failure) std::abort();
            left.send -= count;
            if (left.send != 0 && !left.in_turns) write();
            end_if_done();
        });
    }
    void read() {
        stream.async_read_some(asio::buffer(space), [this](std::error_code failure, std::size_t count) {
            if (failure) std::abort();
            left.receive -= count;
            if (left.in_turns && left.send != 0 && left.receive % left.piece == 0) write();
            if (left.receive != 0) read();
            end_if_done();
        });
    }
    void end_if_done() {
        if (left.send == 0 && left.receive == 0) stream.async_shutdown([](std::error_code) {});
    }

    asio::ssl::context context;
    asio_stream stream;
    work left;
    std::vector<char> piece;
    std::vector<char> space;
};
void run_asio(int fd, work to_do) {
    asio::io_context io(1);
    asio_end end(io, fd, to_do);
    io.run();
}

struct asio_session : std::enable_shared_from_this<asio_session> {
    asio_session(asio::ip::tcp::socket socket, asio::ssl::context& context) : stream(std::move(socket), context) {
        stream.next_layer().set_option(asio::ip::tcp::no_delay(true));
    }

    void start() {
        stream.async_handshake(asio::ssl::stream_base::server, [this, held = shared_from_this()](std::error_code failure) {
            if (!failure) read();
        });
    }
    void read() {
        stream.async_read_some(asio::buffer(space), [this, held = shared_from_this()](std::error_code failure,
                                                                                      std::size_t count) {
            if (failure) return shut_down();
            asio::async_write(stream, asio::buffer(space, count), [this, held](std::error_code lost, std::size_t) {
                if (!lost) read();
            });
        });
    }
    void shut_down() {
        stream.async_shutdown([held = shared_from_this()](std::error_code) {});
    }

    asio_stream stream;
    char space[256];
};
void accept_asio(asio::ip::tcp::acceptor& from, asio::ssl::context& context) {
    from.async_accept([&](std::error_code failure, asio::ip::tcp::socket socket) {
        if (!failure) std::make_shared<asio_session>(std::move(socket), context)->start();
        accept_asio(from, context);
    });
}
void serve_asio(int listening) {
    asio::io_context io(1);
    asio::ssl::context context = asio_context(role::server);
    asio::ip::tcp::acceptor acceptor(io, asio::ip::tcp::v4(), listening);
    accept_asio(acceptor, context);
    io.run();
}

// ---- aioxx, protocol ----

aioxx::tls::connection_options options_for(role side) {
    aioxx::tls::connection_options made;
    if (side == role::client) made.server_hostname = host;
    return made;
}

class end_protocol final : public aioxx::protocol {
public:
    explicit end_protocol(const work& to_do) : left_(to_do), piece_(to_do.piece, 'x') {}

    aioxx::future<> over = aioxx::create_future();

    void connection_made(aioxx::transport& made) override {
        transport_ = &made;
        if (!left_.in_turns || left_.side == role::client) write();
    }
    void data_received(aioxx::bytes_view data) override {
        left_.receive -= data.size();
        if (left_.in_turns && left_.receive % left_.piece == 0) write();
        end_if_done();
    }
    void pause_writing() override { paused_ = true; }
    void resume_writing() override {
        paused_ = false;
        write();
    }
    void connection_lost(std::exception_ptr failure) override {
        if (failure || left_.send != 0 || left_.receive != 0) std::abort();
        over.set_result();
    }

private:
    void write() {
        while (left_.send != 0 && !paused_) {
            const std::size_t size = std::min<std::uint64_t>(left_.send, piece_.size());
            left_.send -= size;
            transport_->write(aioxx::bytes_view(piece_).first(size));
            if (left_.in_turns) break;
        }
        end_if_done();
    }
    void end_if_done() {
        if (left_.send == 0 && left_.receive == 0) transport_->close();
    }

    work left_;
    std::vector<char> piece_;
    aioxx::transport* transport_ = nullptr;
    bool paused_ = false;
};
aioxx::coro<> run_protocol_end(int fd, work to_do) {
    auto served = std::make_shared<end_protocol>(to_do);
    auto made = co_await aioxx::connect_accepted_socket([served] { return served; }, aioxx::unique_fd(fd),
                                                        context_for(to_do.side), options_for(to_do.side));
    co_await served->over;
}
void run_protocol(int fd, work to_do) { aioxx::run(run_protocol_end(fd, to_do)); }

class echo_protocol final : public aioxx::protocol {
public:
    void connection_made(aioxx::transport& made) override { transport_ = &made; }
    void data_received(aioxx::bytes_view data) override { transport_->write(data); }

private:
    aioxx::transport* transport_ = nullptr;
};
aioxx::coro<> serve_protocol_on(int listening) {
    auto server = co_await aioxx::create_server([] { return std::make_shared<echo_protocol>(); },
                                                aioxx::unique_fd(listening), context_for(role::server));
    co_await server.serve_forever();
}
void serve_protocol(int listening) { aioxx::run(serve_protocol_on(listening)); }

// ---- aioxx, streams ----

aioxx::coro<aioxx::stream> open_stream(int fd, role side) {
    auto made = co_await aioxx::connect_accepted_socket(
        [] { return std::make_shared<aioxx::stream_protocol>(aioxx::stream_reader::default_limit); },
        aioxx::unique_fd(fd), context_for(side), options_for(side));
    co_return aioxx::make_stream(made.protocol);
}
aioxx::coro<> take_turns(aioxx::stream both, work left) {
    const std::vector<char> piece(left.piece, 'x');
    if (left.side == role::client) co_await both.writer.send(piece);
    while (left.receive != 0) {
        const aioxx::bytes_view arrived = co_await both.reader.read_view();
        if (arrived.empty()) std::abort();
        left.receive -= arrived.size();
        const bool last = left.receive == 0 && left.side == role::client;
        if (left.receive % left.piece == 0 && !last) co_await both.writer.send(piece);
    }
}
aioxx::coro<> run_stream_end(int fd, work to_do) {
    const aioxx::stream both = co_await open_stream(fd, to_do.side);
    if (to_do.in_turns) {
        co_await take_turns(both, to_do);
    } else {
        co_await bench::exchange(both, to_do.send, to_do.receive, to_do.piece);
    }
    both.writer.close();
    co_await both.writer.wait_closed();
}
void run_streams(int fd, work to_do) { aioxx::run(run_stream_end(fd, to_do)); }

aioxx::coro<> echo(aioxx::stream_reader reader, aioxx::stream_writer writer) {
    for (;;) {
        const aioxx::bytes_view data = co_await reader.read_view();
        if (data.empty()) co_return;
        co_await writer.send(data);
    }
}
aioxx::coro<> serve_streams_on(int listening) {
    const auto factory = aioxx::detail::handler_factory(echo, aioxx::stream_reader::default_limit);
    auto server = co_await aioxx::create_server(factory, aioxx::unique_fd(listening), context_for(role::server));
    co_await server.serve_forever();
}
void serve_streams(int listening) { aioxx::run(serve_streams_on(listening)); }

// ---- measuring ----

using end_function = void (*)(int, work);

// Parameters: `unit` bytes that count as one.
bench::reached measure(end_function end, work near_does, double unit) {
    work far_does = near_does;
    far_does.side = role::server;
    std::swap(far_does.send, far_does.receive);
    const double count = static_cast<double>(near_does.send + far_does.send) / unit;
    return bench::measure_ends([&](int fd) { end(fd, near_does); }, [&](int fd) { end(fd, far_does); }, count);
}

using server_function = void (*)(int);

// A client that blocks: a handshake, one byte there and back. Returns: the session, which can be resumed.
SSL_SESSION* greet(int fd, ssl_ptr& connection, SSL_SESSION* session) {
    connection = secure(fd, role::client, session);
    char byte = 'x';
    checked(SSL_write(connection.get(), &byte, 1), "SSL_write");
    checked(SSL_read(connection.get(), &byte, 1), "SSL_read");
    if (session != nullptr && SSL_session_reused(connection.get()) != 1) std::abort();
    return SSL_get1_session(connection.get());
}

// Handshakes a second, and a second of the server's CPU time.
bench::reached measure_handshakes(server_function serve, bool resumed) {
    constexpr int full_count = 1000;
    const int count = resumed ? 2 * full_count : full_count;
    const int listening = bench::listen_on(0);
    const double begin = bench::now();
    const pid_t server = bench::in_child(1, [&] {
        wait_for_signal_to_end();
        serve(listening);
    });
    const pid_t client = bench::in_child(0, [&] {
        SSL_SESSION* last = nullptr;
        for (int turn = 0; turn < count; ++turn) {
            const int fd = bench::connect_to(bench::port_of(listening));
            ssl_ptr connection;
            SSL_SESSION* const made = greet(fd, connection, last);
            if (last != nullptr) SSL_SESSION_free(last);
            last = resumed ? made : nullptr;
            if (!resumed) SSL_SESSION_free(made);
            SSL_shutdown(connection.get());
            char byte = 0;
            SSL_read(connection.get(), &byte, 1);
            close(fd);
        }
    });
    bench::cpu_of(client);
    const double taken = bench::now() - begin;
    kill(server, SIGTERM);
    close(listening);
    return {count / taken, count / bench::cpu_of(server)};
}

// Runs a candidate's client against the server in C. Handshakes a second, and a second of the client's CPU time.
bench::reached measure_clients(end_function end) {
    constexpr int count = 500;
    work one;
    one.send = one.receive = one.piece = 1;
    one.in_turns = true;
    const int listening = bench::listen_on(0);
    const double begin = bench::now();
    const pid_t server = bench::in_child(1, [&] {
        wait_for_signal_to_end();
        serve_raw<false, true>(listening);
    });
    const pid_t client = bench::in_child(0, [&] {
        for (int turn = 0; turn < count; ++turn) {
            const int fd = bench::connect_to(bench::port_of(listening));
            end(fd, one);
            close(fd);
        }
    });
    const double cpu = bench::cpu_of(client);
    const double taken = bench::now() - begin;
    kill(server, SIGTERM);
    bench::cpu_of(server);
    close(listening);
    return {count / taken, count / cpu};
}

double anonymous_kilobytes(pid_t of) {
    std::FILE* const rollup = std::fopen(("/proc/" + std::to_string(of) + "/smaps_rollup").c_str(), "r");
    if (rollup == nullptr) bench::fail("smaps_rollup");
    char line[200];
    double found = 0;
    while (std::fgets(line, sizeof line, rollup) != nullptr) {
        if (std::strncmp(line, "Anonymous:", 10) == 0) found = std::atof(line + 10);
    }
    std::fclose(rollup);
    return found;
}

// Returns: what the server's memory grows by for each connection that has echoed a byte and is idle, in bytes.
double measure_memory(server_function serve) {
    constexpr int from = 200;
    constexpr int to = 2000;
    const int listening = bench::listen_on(0);
    const pid_t server = bench::in_child(1, [&] {
        wait_for_signal_to_end();
        serve(listening);
    });
    std::vector<ssl_ptr> kept;
    std::vector<int> sockets;
    double before = 0;
    for (int turn = 0; turn < to; ++turn) {
        if (turn == from) before = anonymous_kilobytes(server);
        sockets.push_back(bench::connect_to(bench::port_of(listening)));
        SSL_SESSION_free(greet(sockets.back(), kept.emplace_back(), nullptr));
        SSL_set_mode(kept.back().get(), SSL_MODE_RELEASE_BUFFERS);
    }
    const double after = anonymous_kilobytes(server);
    kill(server, SIGTERM);
    bench::cpu_of(server);
    for (const int fd : sockets) close(fd);
    close(listening);
    return (after - before) * 1024 / (to - from);
}

// Keeps what each candidate's unit took of CPU time, and prints it below the row.
void print_row_and_cost(const char* what, int rounds, double unit, const char* unit_name, double scale,
                        const char* scale_name, const std::vector<bench::candidate>& candidates) {
    std::vector<std::vector<double>> costs(candidates.size());
    std::vector<bench::candidate> watched;
    for (std::size_t index = 0; index < candidates.size(); ++index) {
        watched.push_back({candidates[index].name, [&costs, &candidates, index] {
                               const bench::reached got = candidates[index].measure();
                               costs[index].push_back(1 / got.per_cpu);
                               return got;
                           }});
    }
    bench::print_row(what, rounds, unit, unit_name, watched);
    std::printf("| CPU time |");
    for (const std::vector<double>& each : costs) std::printf(" %.3g %s |", bench::median(each) * scale, scale_name);
    std::printf("\n");
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = bench::rounds_argument(argc, argv, 7);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    std::signal(SIGPIPE, SIG_IGN);
    context_for(role::server);  // made before the children are

    constexpr std::uint64_t amount = 1'000'000'000;
    work one_way;
    one_way.send = amount;
    work both_ways;
    both_ways.send = both_ways.receive = amount / 2;
    work messages;
    messages.piece = 100;
    messages.send = messages.receive = 50'000 * messages.piece;
    messages.in_turns = true;

    const auto ends = [](const work& does, double unit) {
        const auto of = [=](end_function end) { return [=] { return measure(end, does, unit); }; };
        return std::vector<bench::candidate>{
            {"raw", of(run_raw)}, {"asio", of(run_asio)}, {"protocol", of(run_protocol)}, {"streams", of(run_streams)}};
    };
    const auto servers = [](bool resumed) {
        const auto of = [=](server_function serve) { return [=] { return measure_handshakes(serve, resumed); }; };
        return std::vector<bench::candidate>{{"raw", of(serve_raw<false, true>)},
                                             {"asio", of(serve_asio)},
                                             {"protocol", of(serve_protocol)},
                                             {"streams", of(serve_streams)}};
    };
    const auto client = [](end_function end) { return [=] { return measure_clients(end); }; };

    bench::print_head("TLS 1.3", {"raw", "asio", "aioxx protocol", "aioxx streams"});
    print_row_and_cost("64 KiB, one way", rounds, 1e6, "MB/s", 1024e9, "ns/KiB", ends(one_way, 1));
    print_row_and_cost("64 KiB, two ways", rounds, 1e6, "MB/s", 1024e9, "ns/KiB", ends(both_ways, 1));
    print_row_and_cost("100 bytes back and forth", rounds, 1e3, "k/s", 1e6, "us", ends(messages, 200));
    print_row_and_cost("handshake, server", rounds, 1, "/s", 1e6, "us", servers(false));
    print_row_and_cost("resumed, server", rounds, 1, "/s", 1e6, "us", servers(true));
    print_row_and_cost("handshake, client", rounds, 1, "/s", 1e6, "us",
                       {{"raw", client(run_raw)},
                        {"asio", client(run_asio)},
                        {"protocol", client(run_protocol)},
                        {"streams", client(run_streams)}});

    std::printf("\n");
    bench::print_head("idle", {"raw", "raw, SSL_MODE_RELEASE_BUFFERS", "asio", "aioxx protocol", "aioxx streams"});
    std::printf("| bytes a connection |");
    std::fflush(stdout);
    for (const server_function serve :
         {&serve_raw<true, false>, &serve_raw<true, true>, &serve_asio, &serve_protocol, &serve_streams}) {
        // The clients of one leave free memory behind, which the next server would begin with.
        bench::cpu_of(bench::in_child(0, [serve] {
            std::printf(" %.0f |", measure_memory(serve));
            std::fflush(stdout);
        }));
    }
    std::printf("\n");
}

// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/server.hpp: a listening server: its sockets, its connections, and the ways it ends.
// It owns its connections: they are counted, can be closed together, and wait_closed waits for them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/net/accept_loop.hpp>
#include <aioxx/net/socket_options.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/close_when_cancelled.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx {

/// What server::shutdown did with the connections.
struct shutdown_report {
    std::size_t finished = 0;  ///< ended by themselves within the grace period
    std::size_t aborted = 0;   ///< were cut off at its end
};

namespace detail {

// A Unix socket's file, removed when the server closes unless somebody has replaced it.
class socket_file {
public:
    explicit socket_file(std::string path) : path_(std::move(path)) {
        struct stat found {};
        known_ = ::stat(path_.c_str(), &found) == 0;
        inode_ = found.st_ino;
        device_ = found.st_dev;
    }
    void remove() const noexcept {
        struct stat found {};
        const bool same = known_ && ::stat(path_.c_str(), &found) == 0 && found.st_ino == inode_ &&
                          found.st_dev == device_;
        if (same) ::unlink(path_.c_str());
    }

private:
    std::string path_;
    bool known_ = false;
    ino_t inode_ = 0;
    dev_t device_ = 0;
};

class server_state final : public std::enable_shared_from_this<server_state>,
                           private loop_resource,
                           private transport_owner {
public:
    using factory_function = function<std::shared_ptr<base_protocol>()>;
    using layer_function = function<std::unique_ptr<stream_channel>(std::unique_ptr<stream_channel>&&)>;

    // Parameters: `layer` goes over each connection; empty for none.
    server_state(event_loop& loop, factory_function factory, socket_options options, std::size_t max_connections,
                 layer_function layer)
        : loop_(loop),
          factory_(std::move(factory)),
          layer_(std::move(layer)),
          options_(options),
          max_connections_(max_connections) {}

    void add_socket(unique_fd listening, int backlog) {
        sockets_.push_back(std::make_unique<accept_loop>(
            loop_, std::move(listening), backlog,
            [this](unique_fd fd, const endpoint& peer) { take(std::move(fd), peer); }));
    }
    void add_file(std::string path) { files_.emplace_back(std::move(path)); }

    void start() {
        if (closed_) throw closed_error("start_serving: the server is closed");
        if (std::exchange(serving_, true)) return;
        self_ = shared_from_this();
        loop_.attach(static_cast<loop_resource&>(*this));
        scope_exit undo([this] { close(); });
        for (auto& socket : sockets_) socket->start();
        undo.release();
    }

    void close() noexcept {
        if (std::exchange(closed_, true)) return;
        for (const socket_file& file : files_) file.remove();
        serving_ = false;
        // Not destroyed: the call may come from within one of them, through the protocol factory.
        for (auto& socket : sockets_) socket->close();
        check_ended();
    }

    void for_each_connection(const std::function<void(stream_transport&)>& action) {
        std::vector<std::shared_ptr<stream_transport>> now;
        for (stream_transport* each = connections_.front(); each != nullptr; each = connections_.next(*each)) {
            now.push_back(each->shared_from_this());
        }
        for (const auto& connection : now) {
            if (in_list(*connection).is_linked()) action(*connection);
        }
    }

    [[nodiscard]] std::vector<endpoint> addresses() const {
        std::vector<endpoint> bound;
        if (closed_) return bound;
        for (const auto& socket : sockets_) bound.push_back(socket->local());
        return bound;
    }
    [[nodiscard]] bool is_serving() const noexcept { return serving_; }
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }
    [[nodiscard]] std::size_t connection_count() const noexcept { return count_; }

    event ended;          // closed, and no connection is left
    bool waited = false;  // serve_forever has its one user

private:
    void take(unique_fd fd, const endpoint& peer) {
        const auto held = shared_from_this();
        try {
            apply(options_, fd.get(), peer.family());
            auto served = factory_();
            if (closed_) return;  // by the factory
            std::unique_ptr<stream_channel> channel = std::make_unique<socket_channel>(loop_, std::move(fd), peer);
            if (layer_) channel = layer_(std::move(channel));
            auto made = std::make_shared<stream_transport>(loop_, std::move(channel), std::move(served));
            made->start();
            made->set_owner({held, static_cast<transport_owner*>(this)});
            connections_.push_back(*made);
            ++count_;
        } catch (const std::exception&) {
            loop_.call_exception_handler(
                {"an accepted connection could not be set up", std::current_exception(), describe()});
        }
        if (max_connections_ != 0 && count_ >= max_connections_) pause_accepting(true);
    }

    void connection_ended(stream_transport& gone) override {
        in_list(gone).unlink();
        --count_;
        if (max_connections_ != 0 && count_ < max_connections_) pause_accepting(false);
        check_ended();
    }

    static list_node<owned_tag>& in_list(stream_transport& connection) noexcept { return connection; }

    void pause_accepting(bool pause) {
        for (auto& socket : sockets_) pause ? socket->pause() : socket->resume();
    }

    void check_ended() noexcept {
        if (!closed_ || count_ != 0) return;
        ended.set();
        static_cast<loop_resource*>(this)->unlink();
        const auto last = std::move(self_);
    }

    void abandon() noexcept override { close(); }
    [[nodiscard]] std::string describe() const override {
        std::string text = "server on";
        for (const auto& socket : sockets_) text += ' ' + to_string(socket->local());
        return text;
    }

    event_loop& loop_;
    factory_function factory_;
    layer_function layer_;
    socket_options options_;
    std::size_t max_connections_;
    std::vector<std::unique_ptr<accept_loop>> sockets_;
    std::vector<socket_file> files_;
    intrusive_list<stream_transport, owned_tag> connections_;
    std::size_t count_ = 0;  // of them
    std::shared_ptr<server_state> self_;  // while it serves or has connections
    bool serving_ = false;
    bool closed_ = false;
};

// How every server is shut down. Parameters: `self` has close(), connection_count(), wait_closed() and abort_clients().
template <class Server>
coro<shutdown_report> shut_down(Server self, duration grace) {
    self.close();
    const std::size_t before = self.connection_count();
    shutdown_report report;
    bool in_time = true;
    try {
        co_await wait_for(self.wait_closed(), grace);
    } catch (const timeout_error&) {
        in_time = false;
        report.aborted = self.connection_count();
    } catch (const cancelled_error&) {
        self.abort_clients();
        throw;
    }
    report.finished = before - report.aborted;
    if (in_time) co_return report;
    self.abort_clients();
    co_await self.wait_closed();
    co_return report;
}

}  // namespace detail

/// A listening server (asyncio: Server). Copies refer to the same one; it lives until it is closed.
class server {
public:
    explicit server(std::shared_ptr<detail::server_state> state) noexcept : state_(std::move(state)) {}

    /// The addresses it listens on; empty after close.
    [[nodiscard]] std::vector<endpoint> addresses() const { return state_->addresses(); }
    /// The TCP port that it listens on, the same for all families; 0 after close.
    [[nodiscard]] std::uint16_t port() const {
        const auto bound = state_->addresses();
        return bound.empty() ? std::uint16_t{0} : bound.front().port();
    }
    [[nodiscard]] bool is_serving() const noexcept { return state_->is_serving(); }
    [[nodiscard]] std::size_t connection_count() const noexcept { return state_->connection_count(); }

    /// Begins to accept; nothing happens when it does already. Errors: closed_error.
    void start_serving() { state_->start(); }

    /// Stops listening. Connections that stand go on. Idempotent.
    void close() noexcept { state_->close(); }

    /// Closes every connection after its queued bytes are sent.
    void close_clients() {
        state_->for_each_connection([](stream_transport& connection) { connection.close(); });
    }
    /// Cuts every connection off.
    void abort_clients() {
        state_->for_each_connection([](stream_transport& connection) { connection.abort(); });
    }

    /// Returns when it is closed and no connection is left. Any number of waiters.
    ///
    /// Cancellation: safe. Asyncio: as since 3.12.1; use shutdown() so that a client which stays cannot hold it up.
    [[nodiscard]] coro<> wait_closed() { return wait_closed(state_); }

    /// Serves until it is closed or the task is cancelled; a cancellation closes it.
    ///
    /// Errors: invalid_state_error for a second user; closed_error when it is closed already.
    /// Cancellation: closes the server and waits for its connections, then throws on.
    [[nodiscard]] coro<> serve_forever() { return serve_forever(state_); }

    /// Ends it: accepts no more, lets the connections finish for the grace period, then aborts those that are left.
    ///
    /// Returns: how the connections ended. Cancellation: aborts at once.
    template <class Rep, class Period>
    [[nodiscard]] coro<shutdown_report> shutdown(std::chrono::duration<Rep, Period> grace) {
        return detail::shut_down(*this, to_duration(grace));
    }

private:
    static coro<> wait_closed(std::shared_ptr<detail::server_state> state) { co_await state->ended.wait(); }

    static coro<> serve_forever(std::shared_ptr<detail::server_state> state) {
        if (std::exchange(state->waited, true)) {
            throw invalid_state_error("serve_forever: another task serves this server already");
        }
        state->start();
        co_await detail::close_when_cancelled(server(state));
    }

    std::shared_ptr<detail::server_state> state_;
};

}  // namespace aioxx

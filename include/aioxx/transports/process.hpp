// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/process.hpp: a child process as a transport for a subprocess_protocol: the child, its pipes, and the
// order of the callbacks.

#include <array>
#include <csignal>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/loop_member.hpp>
#include <aioxx/io/process_protocol.hpp>
#include <aioxx/io/process_transport.hpp>
#include <aioxx/transports/child.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/spawn.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx {

namespace detail {

// Ends a child and its descendants for good. Itself first: it may have left its group.
inline void kill_all_of(child& ended) noexcept {
    try {
        ended.send_signal(SIGKILL);
        ended.signal_group(SIGKILL);
    } catch (const broken_error&) {  // it runs as another user by now, out of reach
    }
}

}  // namespace detail

/// A child process and its pipes. Held by its child and its pipes until connection_lost has returned.
class process_transport final : public subprocess_transport,
                                public std::enable_shared_from_this<process_transport>,
                                private transport_owner,
                                private loop_resource {
public:
    process_transport(event_loop& loop, spawned_process started, std::shared_ptr<subprocess_protocol> served)
        : loop_(loop),
          child_(std::make_shared<child>(loop, started.pid, std::move(started.pidfd))),
          descriptors_(std::move(started.pipes)),
          protocol_(std::move(served)) {}

    /// Connects the pipes, and then calls connection_made and the callback through the loop.
    ///
    /// Errors: broken_error when the system refuses to watch it; the child is killed then.
    void start(function<void()> connected = {}) {
        scope_exit failed([this] {
            closing_ = true;
            detail::kill_all_of(*child_);
            for (const auto& pipe : pipes_) {
                if (pipe) pipe->abort();
            }
        });
        child_->start([held = shared_from_this()] { held->on_exit(); });
        for (int fd = 0; fd < 3; ++fd) make_pipe(fd);
        for (const auto& pipe : pipes_) {
            if (!pipe) continue;
            pipe->start();
            pipe->set_owner({shared_from_this(), static_cast<transport_owner*>(this)});
            ++open_pipes_;
        }
        // After the pipes have started, in the same batch: nothing can arrive on them before.
        loop_.call_soon([this, held = shared_from_this(), called = std::move(connected)]() mutable {
            const bool early_exit = get_returncode().has_value();
            made_ = true;
            loop_.guarded([this] { served()->connection_made(*this); }, "exception in connection_made");
            if (early_exit) loop_.guarded([this] { served()->process_exited(); }, "exception in process_exited");
            if (called) called();
        });
        failed.release();
    }

    [[nodiscard]] int get_pid() const noexcept override { return child_->pid(); }
    [[nodiscard]] std::optional<int> get_returncode() const noexcept override { return child_->returncode(); }
    [[nodiscard]] std::shared_ptr<transport> get_pipe_transport(int fd) const override {
        return fd < 0 || fd > 2 ? nullptr : pipes_[static_cast<std::size_t>(fd)];
    }
    void send_signal(int signal) override { child_->send_signal(signal); }
    void terminate() override { send_signal(SIGTERM); }
    void kill() override { send_signal(SIGKILL); }
    void kill_tree(int signal) override { child_->signal_group(signal); }

    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        return query.answer(extra_info::subprocess, get_pid());
    }
    [[nodiscard]] bool is_closing() const noexcept override { return closing_; }

    /// Closes the pipes and, when it still runs, kills the child with its descendants; its end is waited for.
    void close() override {
        if (std::exchange(closing_, true)) return;
        if (!get_returncode()) detail::kill_all_of(*child_);
        for (const auto& pipe : pipes_) {
            if (pipe) pipe->abort();  // nobody is there to read what is still queued
        }
    }
    void set_protocol(std::shared_ptr<base_protocol> served) override {
        auto typed = std::dynamic_pointer_cast<subprocess_protocol>(std::move(served));
        if (!typed) throw std::invalid_argument("set_protocol: a child process needs a subprocess_protocol");
        if (protocol_) protocol_ = std::move(typed);
    }
    [[nodiscard]] std::shared_ptr<base_protocol> get_protocol() const override { return protocol_; }
    [[nodiscard]] std::string describe() const override { return child_->describe(); }

private:
    // Forwards what happens on one pipe.
    class pipe_protocol final : public protocol {
    public:
        pipe_protocol(process_transport& owner, int fd) : owner_(owner), fd_(fd) {}

        void data_received(bytes_view data) override { owner_.served()->pipe_data_received(fd_, data); }
        void connection_lost(std::exception_ptr reason) override {
            owner_.served()->pipe_connection_lost(fd_, std::move(reason));
        }
        void pause_writing() override { owner_.served()->pause_writing(); }
        void resume_writing() override { owner_.served()->resume_writing(); }

    private:
        process_transport& owner_;  // lives at least until connection_ended
        int fd_;
    };

    void make_pipe(int fd) {
        const auto number = static_cast<std::size_t>(fd);
        if (!descriptors_[number]) return;
        auto channel = std::make_unique<pipe_channel>(loop_, std::move(descriptors_[number]),
                                                      fd == 0 ? pipe_end::write : pipe_end::read);
        pipes_[number] = std::make_shared<stream_transport>(loop_, std::move(channel),
                                                            std::make_shared<pipe_protocol>(*this, fd));
    }

    // For the time of a callback, which may replace the protocol.
    [[nodiscard]] std::shared_ptr<subprocess_protocol> served() const noexcept { return protocol_; }

    void connection_ended(stream_transport&) override {
        --open_pipes_;
        check_ended();
    }
    void on_exit() {
        if (made_) loop_.guarded([this] { served()->process_exited(); }, "exception in process_exited");
        check_ended();
    }
    void check_ended() {
        if (open_pipes_ != 0 || !get_returncode() || std::exchange(ended_, true)) return;
        closing_ = true;
        self_ = shared_from_this();
        loop_.attach(static_cast<loop_resource&>(*this));  // child and pipes have left: who waits for them waits for this
        loop_.schedule(end_);
    }
    void abandon() noexcept override {}  // ends in the next turn anyway
    void deliver_end() {
        if (made_) loop_.guarded([this] { served()->connection_lost(nullptr); }, "exception in connection_lost");
        die();
    }
    void die() noexcept {
        static_cast<loop_resource*>(this)->unlink();
        pipes_ = {};
        protocol_ = nullptr;
        const auto last = std::move(self_);  // may be the last reference
    }

    // The delivery of connection_lost. Also ends the transport when the loop is closed before.
    class end final : public ready_node {
    public:
        explicit end(process_transport& owner) : owner_(owner) {}
        void run() override { owner_.deliver_end(); }
        void discard() noexcept override { owner_.die(); }

    private:
        process_transport& owner_;
    };

    event_loop& loop_;
    std::shared_ptr<child> child_;
    std::array<unique_fd, 3> descriptors_;  // until the pipes are connected
    std::array<std::shared_ptr<stream_transport>, 3> pipes_;
    std::shared_ptr<subprocess_protocol> protocol_;
    // From the end of the child and of all pipes, which hold it until then, to connection_lost.
    std::shared_ptr<process_transport> self_;
    int open_pipes_ = 0;
    bool made_ = false;
    bool closing_ = false;
    bool ended_ = false;  // connection_lost was scheduled
    end end_{*this};
};

}  // namespace aioxx

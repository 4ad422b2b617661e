// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/process.hpp: a child process as a transport for a subprocess_protocol: the child, its pipes, and the
// order of the callbacks.

#include <array>
#include <csignal>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/process_protocol.hpp>
#include <aioxx/io/process_transport.hpp>
#include <aioxx/transports/child.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/spawn.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx {

/// A child process and its pipes. Holds itself from start() until connection_lost has returned.
class process_transport final : public subprocess_transport,
                                public std::enable_shared_from_this<process_transport> {
public:
    process_transport(event_loop& loop, spawned_process started, std::shared_ptr<subprocess_protocol> served)
        : loop_(loop),
          child_(std::make_shared<child>(loop, started.pid, std::move(started.pidfd))),
          descriptors_(std::move(started.pipes)),
          protocol_(std::move(served)) {}

    /// Connects the pipes, and then calls connection_made and the callback through the loop.
    void start(function<void()> connected = {}) {
        self_ = shared_from_this();
        child_->start([this] { on_exit(); });
        for (int fd = 0; fd < 3; ++fd) connect_pipe(fd);
        // After the pipes' own connection_made, which were scheduled before.
        loop_.call_soon([this, held = self_, called = std::move(connected)]() mutable {
            made_ = true;
            loop_.guarded([this] { protocol_->connection_made(*this); }, "exception in connection_made");
            for (auto& event : std::exchange(early_, {})) event();
            if (called) called();
        });
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
        for (const auto& pipe : pipes_) {
            if (pipe) pipe->close();
        }
        if (!child_->returncode()) child_->signal_group(SIGKILL);
    }
    void set_protocol(std::shared_ptr<base_protocol> served) override {
        auto typed = std::dynamic_pointer_cast<subprocess_protocol>(std::move(served));
        if (!typed) throw std::invalid_argument("set_protocol: a child process needs a subprocess_protocol");
        protocol_ = std::move(typed);
    }
    [[nodiscard]] std::shared_ptr<base_protocol> get_protocol() const override { return protocol_; }
    [[nodiscard]] std::string describe() const override { return child_->describe(); }

private:
    // Forwards what happens on one pipe.
    class pipe_protocol final : public protocol {
    public:
        pipe_protocol(std::shared_ptr<process_transport> owner, int fd) : owner_(std::move(owner)), fd_(fd) {}

        void data_received(bytes_view data) override { owner_->on_data(fd_, data); }
        void connection_lost(std::exception_ptr reason) override {
            const auto owner = std::move(owner_);
            owner->on_pipe_lost(fd_, std::move(reason));
        }
        void pause_writing() override { owner_->protocol_->pause_writing(); }
        void resume_writing() override { owner_->protocol_->resume_writing(); }

    private:
        std::shared_ptr<process_transport> owner_;
        int fd_;
    };

    void connect_pipe(int fd) {
        auto& descriptor = descriptors_[static_cast<std::size_t>(fd)];
        if (!descriptor) return;
        auto channel = std::make_unique<pipe_channel>(loop_, std::move(descriptor),
                                                      fd == 0 ? pipe_end::write : pipe_end::read);
        auto made = std::make_shared<stream_transport>(loop_, std::move(channel),
                                                       std::make_shared<pipe_protocol>(shared_from_this(), fd));
        pipes_[static_cast<std::size_t>(fd)] = made;
        ++open_pipes_;
        made->start();
    }

    // What happens before connection_made is told right after it.
    void tell(function<void()> event) {
        if (made_) {
            event();
        } else {
            early_.push_back(std::move(event));
        }
    }

    void on_data(int fd, bytes_view data) {
        if (made_) return protocol_->pipe_data_received(fd, data);
        early_.push_back([this, fd, copy = bytearray(data)] { protocol_->pipe_data_received(fd, copy); });
    }
    void on_pipe_lost(int fd, std::exception_ptr reason) {
        tell([this, fd, why = std::move(reason)] {
            loop_.guarded([&] { protocol_->pipe_connection_lost(fd, why); }, "exception in pipe_connection_lost");
        });
        --open_pipes_;
        check_ended();
    }
    void on_exit() {
        tell([this] { loop_.guarded([this] { protocol_->process_exited(); }, "exception in process_exited"); });
        // Nobody reads it any more.
        if (pipes_[0]) pipes_[0]->close();
        check_ended();
    }
    void check_ended() {
        if (open_pipes_ != 0 || !child_->returncode() || !self_) return;
        closing_ = true;
        tell([this] {
            loop_.call_soon([this, held = std::exchange(self_, nullptr)] {
                loop_.guarded([this] { protocol_->connection_lost(nullptr); }, "exception in connection_lost");
                pipes_ = {};
            });
        });
    }

    event_loop& loop_;
    std::shared_ptr<child> child_;
    std::array<unique_fd, 3> descriptors_;  // until the pipes are connected
    std::array<std::shared_ptr<stream_transport>, 3> pipes_;
    std::shared_ptr<subprocess_protocol> protocol_;
    std::shared_ptr<process_transport> self_;  // until connection_lost has been called
    std::vector<function<void()>> early_;      // what happened before connection_made
    int open_pipes_ = 0;
    bool made_ = false;
    bool closing_ = false;
};

}  // namespace aioxx

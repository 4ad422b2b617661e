// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/asio_fd_watcher.hpp: waits for descriptors through Asio.
//
// On Linux the watch hands its own two operation objects to Asio's epoll reactor, which is what Asio's sockets
// do: they belong to the watch, so waiting does not allocate, and the edge-triggered registration stays as it
// is, so waiting costs no system call. That uses names of asio::detail, private ones among them, which are the same
// from 1.22 to 1.38; they appear in this file only. With AIOXX_PORTABLE_WAIT, and where there is no epoll, it is
// Asio's public async_wait, for one epoll_ctl a wait.

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <asio/error.hpp>
#include <asio/io_context.hpp>

#include <aioxx/base/config.hpp>
#include <aioxx/base/contract.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/core/asio_error.hpp>
#include <aioxx/core/backend.hpp>

#if defined(AIOXX_PORTABLE_WAIT)
#include <optional>

#include <asio/posix/stream_descriptor.hpp>
#else
#include <cstdint>

#include <sys/epoll.h>

#include <asio/detail/epoll_reactor.hpp>
#include <asio/detail/reactor_op.hpp>
#include <asio/version.hpp>
#endif

namespace aioxx::detail {

struct watcher_tag;

#if defined(AIOXX_PORTABLE_WAIT)

class asio_fd_watcher final : public fd_watcher, public list_node<watcher_tag> {
public:
    /// Errors: broken_error for a number that is no descriptor.
    asio_fd_watcher(asio::io_context& context, backend_client& client, int fd, fd_handler& handler)
        : client_(client), handler_(&handler), descriptor_(std::in_place, context) {
        asio::error_code failure;
        descriptor_->assign(fd, failure);
        if (failure) throw broken_error(to_std(failure), "cannot watch descriptor " + std::to_string(fd));
    }

    void await_readable() override { await(asio::posix::stream_descriptor::wait_read, &fd_handler::on_readable); }
    void await_writable() override { await(asio::posix::stream_descriptor::wait_write, &fd_handler::on_writable); }

    void release() noexcept override {
        detach();
        drop();
    }

    /// Ends the watching before the context does. The holder releases later.
    void detach() noexcept {
        handler_ = nullptr;
        unlink();
        if (descriptor_) descriptor_->release();  // cancels; the descriptor stays open
        descriptor_.reset();
    }

private:
    // A wait that is outstanding: Asio calls it, or destroys it with the context.
    struct outstanding {
        explicit outstanding(asio_fd_watcher& waited) noexcept : watcher(&waited) { ++watcher->users_; }
        outstanding(outstanding&& other) noexcept : watcher(std::exchange(other.watcher, nullptr)) {}
        ~outstanding() {
            if (watcher != nullptr) watcher->drop();
        }
        asio_fd_watcher* watcher;
    };

    void await(asio::posix::stream_descriptor::wait_type what, backend_client::fd_event event) {
        if (!descriptor_) return;
        descriptor_->async_wait(what, [wait = outstanding(*this), event](const asio::error_code&) {
            asio_fd_watcher& self = *wait.watcher;
            if (self.handler_ != nullptr) self.client_.on_ready(*self.handler_, event);
        });
    }
    void drop() noexcept {
        if (--users_ == 0) delete this;
    }

    backend_client& client_;
    fd_handler* handler_;
    std::optional<asio::posix::stream_descriptor> descriptor_;  // none when detached
    int users_ = 1;  // the holder and each wait that is outstanding
};

#else

// What Asio does not tell: its epoll descriptor and what it watches for. The access check does not apply to the
// arguments of an explicit instantiation ([temp.spec.general]/6).
template <auto Member, class Tag>
struct shown_member {
    friend constexpr auto member_of(Tag) noexcept { return Member; }
};
struct epoll_fd_tag {
    friend constexpr auto member_of(epoll_fd_tag) noexcept;
};
struct registered_events_tag {
    friend constexpr auto member_of(registered_events_tag) noexcept;
};
template struct shown_member<&asio::detail::epoll_reactor::epoll_fd_, epoll_fd_tag>;
template struct shown_member<&asio::detail::epoll_reactor::descriptor_state::registered_events_, registered_events_tag>;

class asio_fd_watcher final : public fd_watcher, public list_node<watcher_tag> {
    using reactor = asio::detail::epoll_reactor;

public:
    /// A regular file, which epoll does not watch, is always ready.
    ///
    /// Errors: broken_error for a number that is no descriptor.
    asio_fd_watcher(asio::io_context& context, backend_client& client, int fd, fd_handler& handler)
        : client_(client),
          reactor_(asio::use_service<reactor>(context)),
          fd_(fd),
          handler_(&handler),
          read_(*this, reactor::read_op) {
        reactor_.init_task();
        if (const int code = reactor_.register_descriptor(fd_, data_)) {
            reactor_.cleanup_descriptor_data(data_);
            throw_system_error(code, "cannot watch descriptor " + std::to_string(fd_));
        }
    }

    void await_readable() override { start(read_); }
    void await_writable() override {
        if (!write_) write_ = std::make_unique<operation>(*this, reactor::write_op);
        start(*write_);
    }

    // To Asio the end of the other side is data; epoll knows the difference.
    void watch_end() noexcept override {
        if (!is_linked()) return;
        std::uint32_t& registered = registered_events();
        if (registered == 0) return;  // a regular file
        epoll_event wanted{};
        wanted.events = registered | EPOLLRDHUP;
        wanted.data.ptr = data_;
        if (::epoll_ctl(reactor_.*member_of(epoll_fd_tag{}), EPOLL_CTL_MOD, fd_, &wanted) != 0) return;
        registered = wanted.events;
        operation::last_events(data_) = ~0u;  // they were another descriptor's
    }
    [[nodiscard]] bool may_have_ended() const noexcept override {
        constexpr unsigned ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
        return !is_linked() || (registered_events() & EPOLLRDHUP) == 0 || (operation::last_events(data_) & ends) != 0;
    }

    void release() noexcept override {
        detach();
        drop();
    }

    /// Ends the watching before the context does. The holder releases later.
    void detach() noexcept {
        handler_ = nullptr;
        if (!is_linked()) return;
        unlink();
        // Not "closing": the kernel forgets the registration only when the last copy of the descriptor is
        // closed, and a child process may hold one.
        reactor_.deregister_descriptor(fd_, data_, false);
        reactor_.cleanup_descriptor_data(data_);
    }

private:
    // Waiting for an edge. To the reactor it is an operation that succeeds whenever it is tried, and that
    // has then used up what there was: it is tried when an event arrives, or at the start if one has
    // arrived since the last time.
    struct operation : asio::detail::reactor_op {
        operation(asio_fd_watcher& watcher, reactor::op_types direction)
            : reactor_op(asio::error_code(), &operation::perform, &operation::complete), owner(watcher), kind(direction) {}

        // What epoll said of a descriptor the last time.
        static unsigned& last_events(reactor::per_descriptor_data data) noexcept {
            // Not static_cast: the base is private.
            return ((asio::detail::scheduler_operation*)(data))->*(&operation::task_result_);  // NOLINT
        }

        static status perform(reactor_op*) { return done_and_exhausted; }
        static void complete(void* scheduler, asio::detail::scheduler_operation* base, const asio::error_code&,
                             std::size_t) {
            auto* self = static_cast<operation*>(base);
            self->owner.completed(*self, scheduler != nullptr);
        }

        asio_fd_watcher& owner;
        reactor::op_types kind;
        bool outstanding = false;
    };

    [[nodiscard]] std::uint32_t& registered_events() const noexcept {
        return data_->*member_of(registered_events_tag{});
    }

    void start(operation& wait) {
        AIOXX_EXPECTS(!wait.outstanding);
        if (!is_linked()) return;  // detached
        wait.outstanding = true;
        ++users_;
        reactor_.start_op(wait.kind, fd_, data_, &wait, false, true);
    }

    void completed(operation& wait, bool alive) {
        wait.outstanding = false;
        if (alive && handler_ != nullptr) {
            client_.on_ready(*handler_, wait.kind == reactor::read_op ? &fd_handler::on_readable : &fd_handler::on_writable);
        }
        drop();
    }

    void drop() noexcept {
        if (--users_ == 0) delete this;
    }

    backend_client& client_;
    reactor& reactor_;
    int fd_;
    int users_ = 1;  // the holder and each wait that is outstanding
    fd_handler* handler_;
    reactor::per_descriptor_data data_{};
    operation read_;
    std::unique_ptr<operation> write_;  // most connections never wait for it
};

#endif

}  // namespace aioxx::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/asio_fd_watcher.hpp: waits for descriptors through Asio.
//
// On Linux the watch hands its own two operation objects to Asio's epoll reactor, which is what Asio's sockets
// do: they are part of the watch, so waiting never allocates, and the edge-triggered registration stays as it
// is, so waiting costs no system call. That uses names of asio::detail, which are the same from 1.22 to 1.38;
// they appear in this file only. With AIOXX_PORTABLE_WAIT, and where there is no epoll, it is Asio's public
// async_wait, for one epoll_ctl a wait.

#include <asio/error.hpp>
#include <asio/io_context.hpp>

#include <aioxx/base/config.hpp>
#include <aioxx/base/contract.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/backend.hpp>

#if defined(AIOXX_PORTABLE_WAIT)
#include <asio/posix/stream_descriptor.hpp>
#else
#include <asio/detail/epoll_reactor.hpp>
#include <asio/detail/reactor_op.hpp>
#include <asio/version.hpp>
#endif

namespace aioxx::detail {

#if defined(AIOXX_PORTABLE_WAIT)

class asio_fd_watcher final : public fd_watcher, pinned {
public:
    asio_fd_watcher(asio::io_context& context, backend_client& client, int fd, fd_handler& handler)
        : client_(client), handler_(&handler), descriptor_(context, fd) {}

    void await_readable() override { await(asio::posix::stream_descriptor::wait_read, &fd_handler::on_readable); }
    void await_writable() override { await(asio::posix::stream_descriptor::wait_write, &fd_handler::on_writable); }

    void release() noexcept override {
        handler_ = nullptr;
        descriptor_.release();  // cancels; the descriptor stays open
        drop();
    }

private:
    void await(asio::posix::stream_descriptor::wait_type what, backend_client::fd_event event) {
        ++users_;
        descriptor_.async_wait(what, [this, event](const asio::error_code&) {
            if (handler_ != nullptr) client_.on_ready(*handler_, event);
            drop();
        });
    }
    void drop() noexcept {
        if (--users_ == 0) delete this;
    }

    backend_client& client_;
    fd_handler* handler_;
    asio::posix::stream_descriptor descriptor_;
    int users_ = 1;  // the holder and each wait that is outstanding
};

#else

class asio_fd_watcher final : public fd_watcher, pinned {
    using reactor = asio::detail::epoll_reactor;

public:
    /// Errors: broken_error for a descriptor that epoll does not know, a regular file for example.
    asio_fd_watcher(asio::io_context& context, backend_client& client, int fd, fd_handler& handler)
        : client_(client),
          reactor_(asio::use_service<reactor>(context)),
          fd_(fd),
          handler_(&handler),
          read_(*this, &fd_handler::on_readable),
          write_(*this, &fd_handler::on_writable) {
        reactor_.init_task();
        if (const int code = reactor_.register_descriptor(fd_, data_)) {
            throw_system_error(code, "cannot watch descriptor " + std::to_string(fd_));
        }
    }

    void await_readable() override { start(reactor::read_op, read_); }
    void await_writable() override { start(reactor::write_op, write_); }

    void release() noexcept override {
        handler_ = nullptr;
        // Not "closing": the kernel forgets the registration only when the last copy of the descriptor is
        // closed, and a child process may hold one.
        reactor_.deregister_descriptor(fd_, data_, false);
        reactor_.cleanup_descriptor_data(data_);
        drop();
    }

private:
    // Waiting for an edge. To the reactor it is an operation that succeeds whenever it is tried, and that
    // has then used up what there was: it is tried when an event arrives, or at the start if one has
    // arrived since the last time.
    struct operation : asio::detail::reactor_op {
        operation(asio_fd_watcher& watcher, backend_client::fd_event called)
            : reactor_op(asio::error_code(), &operation::perform, &operation::complete),
              owner(watcher),
              event(called) {}

        static status perform(reactor_op*) { return done_and_exhausted; }
        static void complete(void* scheduler, asio::detail::scheduler_operation* base, const asio::error_code&,
                             std::size_t) {
            auto* self = static_cast<operation*>(base);
            self->owner.completed(*self, scheduler != nullptr);
        }

        asio_fd_watcher& owner;
        backend_client::fd_event event;
        bool outstanding = false;
    };

    void start(int kind, operation& wait) {
        AIOXX_EXPECTS(!wait.outstanding);
        wait.outstanding = true;
        ++users_;
        reactor_.start_op(kind, fd_, data_, &wait, false, true);
    }

    void completed(operation& wait, bool alive) {
        wait.outstanding = false;
        if (alive && handler_ != nullptr) client_.on_ready(*handler_, wait.event);
        drop();
    }

    void drop() noexcept {
        if (--users_ == 0) delete this;
    }

    backend_client& client_;
    reactor& reactor_;
    int fd_;
    fd_handler* handler_;
    reactor::per_descriptor_data data_{};
    operation read_;
    operation write_;
    int users_ = 1;  // the holder and each wait that is outstanding
};

#endif

}  // namespace aioxx::detail

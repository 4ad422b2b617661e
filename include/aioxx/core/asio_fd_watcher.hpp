// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/asio_fd_watcher.hpp: waits for descriptors through Asio.
//
// On Linux the watch registers itself with the epoll descriptor of Asio's reactor, as one of the reactor's own records: an event
// runs an operation of the watch, without a look at the reactor's queues, and waiting is to set a bit: no system call, no
// allocation, no lock. The edge-triggered registration stays as it is. That uses names of asio::detail, a private one among
// them, which are the same from 1.22 to 1.38, and what the reactor does with an event; all of it is in this file. With
// AIOXX_PORTABLE_WAIT, and where there is no epoll, it is Asio's public async_wait, for one epoll_ctl a wait.

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
#include <cerrno>
#include <optional>

#include <fcntl.h>

#include <asio/posix/stream_descriptor.hpp>
#else
#include <cerrno>
#include <cstdint>
#include <vector>

#include <sys/epoll.h>

#include <asio/detail/epoll_reactor.hpp>
#include <asio/detail/scheduler.hpp>
#include <asio/detail/scheduler_operation.hpp>
#include <asio/execution_context.hpp>
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
        descriptor_->assign(fd, failure);  // not every reactor looks at it
        if (!failure && ::fcntl(fd, F_GETFD) < 0) failure = asio::error_code(errno, asio::error::get_system_category());
        if (failure) {
            descriptor_->release();
            throw broken_error(to_std(failure), "cannot watch descriptor " + std::to_string(fd));
        }
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

inline asio_fd_watcher* new_fd_watcher(asio::io_context& context, backend_client& client, int fd, fd_handler& handler) {
    return new asio_fd_watcher(context, client, fd, handler);
}

#else

// What Asio does not tell: its epoll descriptor. The access check does not apply to the arguments of an explicit
// instantiation ([temp.spec.general]/6).
template <auto Member, class Tag>
struct shown_member {
    friend constexpr auto member_of(Tag) noexcept { return Member; }
};
struct epoll_fd_tag {
    friend constexpr auto member_of(epoll_fd_tag) noexcept;
};
template struct shown_member<&asio::detail::epoll_reactor::epoll_fd_, epoll_fd_tag>;

class asio_watches;

class asio_fd_watcher final : public fd_watcher, public list_node<watcher_tag> {
public:
    explicit asio_fd_watcher(asio_watches& among) noexcept : among_(&among), event_(*this), call_(*this) {}

    /// Begins to watch. A regular file, which epoll does not watch, is always ready.
    ///
    /// Errors: broken_error for a number that is no descriptor.
    void begin(backend_client& client, int fd, fd_handler& handler) {
        client_ = &client;
        fd_ = fd;
        waits_ = ready_ = due_ = 0;
        watched_ = EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLET;
        if (const int code = control(EPOLL_CTL_ADD); code == EPERM) {
            watched_ = 0;
            ready_ = reading | writing;
        } else if (code != 0) {
            throw_system_error(code, "cannot watch descriptor " + std::to_string(fd));
        }
        handler_ = &handler;
        is_held_ = true;
    }

    void await_readable() override { await(reading); }
    void await_writable() override {
        if (is_linked() && watched_ != 0 && (watched_ & EPOLLOUT) == 0) {
            // Followed by an event if it is writable now. Where it cannot be watched, trying to write will tell why.
            if (!watch_also(EPOLLOUT)) ready_ |= writing;
        }
        await(writing);
    }

    void watch_end() noexcept override {
        if (!is_linked() || watched_ == 0) return;
        if (watch_also(EPOLLRDHUP | EPOLLPRI)) event_.happened() = ~0u;  // nothing is known before the next event
    }
    [[nodiscard]] bool may_have_ended() const noexcept override {
        constexpr unsigned ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
        return !is_linked() || (watched_ & EPOLLRDHUP) == 0 || (event_.happened() & ends) != 0;
    }

    void release() noexcept override;

    /// Ends the watching before the context does. The holder releases later.
    void detach() noexcept;

private:
    friend class asio_watches;

    // Bits of what is waited for.
    static constexpr unsigned reading = 1;
    static constexpr unsigned writing = 2;

    // What epoll tells. Asio's reactor takes the pointer that comes with an event for its own record of a descriptor, of
    // which it uses only the part that is an operation; and gives it to the scheduler, which runs it: at most once after each
    // look at the descriptors, and before the next one.
    struct event_operation : asio::detail::scheduler_operation {
        explicit event_operation(asio_fd_watcher& watcher) noexcept : scheduler_operation(&run), owner(watcher) {}
        static void run(void* scheduler, scheduler_operation* base, const asio::error_code&, std::size_t events) {
            if (scheduler != nullptr) static_cast<event_operation*>(base)->owner.on_event(static_cast<unsigned>(events));
        }
        [[nodiscard]] unsigned& happened() noexcept { return task_result_; }
        [[nodiscard]] unsigned happened() const noexcept { return task_result_; }

        asio_fd_watcher& owner;
    };
    // A call that is due without another event.
    struct call_operation : asio::detail::scheduler_operation {
        explicit call_operation(asio_fd_watcher& watcher) noexcept : scheduler_operation(&run), owner(watcher) {}
        static void run(void* scheduler, scheduler_operation* base, const asio::error_code&, std::size_t) {
            static_cast<call_operation*>(base)->owner.on_call_due(scheduler != nullptr);
        }

        asio_fd_watcher& owner;
    };

    int control(int operation) noexcept;
    bool watch_also(std::uint32_t events) noexcept {
        const std::uint32_t before = std::exchange(watched_, watched_ | events);
        if (control(EPOLL_CTL_MOD) == 0) return true;
        watched_ = before;
        return false;
    }

    // Each wait is work to Asio until its call is made.
    void await(unsigned direction);
    void on_event(unsigned events);
    void on_call_due(bool alive);
    void call_soon(unsigned direction);
    void call(unsigned direction) {
        client_->on_ready(*handler_, direction == reading ? &fd_handler::on_readable : &fd_handler::on_writable);
    }

    asio_watches* among_;  // null when the context has gone
    backend_client* client_ = nullptr;
    fd_handler* handler_ = nullptr;
    int fd_ = -1;
    std::uint32_t watched_ = 0;  // events; 0 for a regular file
    std::uint8_t waits_ = 0;     // these three: bits of reading and writing
    std::uint8_t ready_ = 0;     // since the last call
    std::uint8_t due_ = 0;       // calls that call_ makes, which stands in the scheduler's queue while there are any
    bool is_held_ = false;
    bool is_queued_ = false;  // call_
    event_operation event_;
    call_operation call_;
};

/// The watches of a context. One that has ended is kept for another descriptor, because an event of it may still stand in the
/// scheduler's queue; to the next descriptor that is a call without anything to do.
class asio_watches final : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit asio_watches(asio::execution_context& context)
        : service(context),
          scheduler_(asio::use_service<asio::detail::scheduler>(context)),
          reactor_(asio::use_service<asio::detail::epoll_reactor>(context)) {
        reactor_.init_task();
    }
    ~asio_watches() override {
        for (auto& each : all_) {
            if (each->is_held_) each.release()->among_ = nullptr;
        }
    }

    [[nodiscard]] asio_fd_watcher* begin(backend_client& client, int fd, fd_handler& handler) {
        if (free_.empty()) {
            all_.push_back(std::make_unique<asio_fd_watcher>(*this));
            free_.reserve(all_.capacity());  // so that ending needs no memory
            free_.push_back(all_.back().get());
        }
        asio_fd_watcher* const next = free_.back();
        next->begin(client, fd, handler);
        free_.pop_back();
        return next;
    }

private:
    friend class asio_fd_watcher;

    void shutdown() override {}
    // Another one after a fork.
    [[nodiscard]] int epoll_fd() const noexcept { return reactor_.*member_of(epoll_fd_tag{}); }

    asio::detail::scheduler& scheduler_;
    asio::detail::epoll_reactor& reactor_;
    std::vector<std::unique_ptr<asio_fd_watcher>> all_;
    std::vector<asio_fd_watcher*> free_;
};

inline asio_fd_watcher* new_fd_watcher(asio::io_context& context, backend_client& client, int fd, fd_handler& handler) {
    return asio::use_service<asio_watches>(context).begin(client, fd, handler);
}

// Returns: 0, or the error.
inline int asio_fd_watcher::control(int operation) noexcept {
    epoll_event wanted{};
    wanted.events = watched_;
    wanted.data.ptr = static_cast<asio::detail::scheduler_operation*>(&event_);
    return ::epoll_ctl(among_->epoll_fd(), operation, fd_, &wanted) == 0 ? 0 : errno;
}

inline void asio_fd_watcher::release() noexcept {
    detach();
    is_held_ = false;
    if (among_ == nullptr) {
        delete this;
    } else if (!is_queued_) {
        among_->free_.push_back(this);
    }
}

inline void asio_fd_watcher::detach() noexcept {
    handler_ = nullptr;
    if (!is_linked()) return;
    unlink();
    // Closing would not do: the kernel forgets a registration with the last copy of the descriptor, and a child may hold one.
    if (watched_ != 0) control(EPOLL_CTL_DEL);
    // The waits that end are no work any more; the last of them not before run() has gone on, for which it might be all there is.
    const unsigned waiting = waits_ | due_;
    waits_ = due_ = 0;
    if (waiting == (reading | writing)) among_->scheduler_.work_finished();
    if (waiting != 0 && !std::exchange(is_queued_, true)) among_->scheduler_.post_deferred_completion(&call_);
}

inline void asio_fd_watcher::await(unsigned direction) {
    AIOXX_EXPECTS(((waits_ | due_) & direction) == 0);
    if (!is_linked()) return;  // detached
    among_->scheduler_.work_started();
    waits_ |= static_cast<std::uint8_t>(direction);
    if ((ready_ & direction) != 0) call_soon(direction);
}

inline void asio_fd_watcher::call_soon(unsigned direction) {
    waits_ &= static_cast<std::uint8_t>(~direction);
    if (watched_ != 0) ready_ &= static_cast<std::uint8_t>(~direction);
    due_ |= static_cast<std::uint8_t>(direction);
    if (!std::exchange(is_queued_, true)) among_->scheduler_.post_deferred_completion(&call_);
}

inline void asio_fd_watcher::on_event(unsigned events) {
    unsigned happened = 0;
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) happened |= reading;
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) happened |= writing;
    ready_ |= static_cast<std::uint8_t>(happened);
    const unsigned now = waits_ & ready_;
    if (now == 0 || !is_linked()) return among_->scheduler_.compensating_work_started();  // an event is no work
    const unsigned first = (now & reading) != 0 ? reading : writing;
    if (now != first) call_soon(writing);
    waits_ &= static_cast<std::uint8_t>(~first);
    ready_ &= static_cast<std::uint8_t>(~first);
    call(first);
}

inline void asio_fd_watcher::on_call_due(bool alive) {
    is_queued_ = false;
    if (!is_linked() || !alive) {
        if (!is_held_) among_->free_.push_back(this);
        return;
    }
    const unsigned first = (due_ & reading) != 0 ? reading : writing;
    due_ &= static_cast<std::uint8_t>(~first);
    if (due_ != 0) {
        is_queued_ = true;
        among_->scheduler_.post_deferred_completion(&call_);
    }
    call(first);
}

#endif

}  // namespace aioxx::detail

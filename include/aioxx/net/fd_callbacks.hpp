// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/fd_callbacks.hpp: add_reader and add_writer: callbacks for as long as a descriptor can be read or written.
// The watchers below tell of changes only; here the descriptor is asked again after each call, so that a callback
// which leaves something behind is called once more (level-triggered, as in asyncio).

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <poll.h>

#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/backend.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/handle.hpp>
#include <aioxx/core/ready_queue.hpp>

namespace aioxx {

namespace detail {

// The callbacks of one descriptor.
class fd_callback_pair final : public std::enable_shared_from_this<fd_callback_pair>, private fd_handler, pinned {
public:
    class side final : public ready_node {
    public:
        side(fd_callback_pair& owner, short event) noexcept : owner_(owner), event_(event) {}

        void set(function<void()> callback) {
            callback_ = std::make_shared<function<void()>>(std::move(callback));
            wait();
        }
        bool remove() noexcept {
            this->unlink();
            return std::exchange(callback_, nullptr) != nullptr;
        }
        [[nodiscard]] bool is_set() const noexcept { return callback_ != nullptr; }

        void ready() {
            waiting_ = false;
            if (callback_ && !this->is_linked()) owner_.loop_.schedule(*this);
        }

        // Calls back if there is a reason, and looks again in the next turn, so that others have theirs.
        void run() override {
            const auto keep = owner_.shared_from_this();  // the callback may remove it
            const auto callback = callback_;
            if (!is_ready()) return wait();
            const scope_exit again([this] {
                if (callback_ && !this->is_linked()) owner_.loop_.defer(*this);
            });
            (*callback)();
        }

    private:
        [[nodiscard]] bool is_ready() const noexcept {
            pollfd asked{owner_.fd_, event_, 0};
            return ::poll(&asked, 1, 0) > 0;
        }
        void wait() {
            if (std::exchange(waiting_, true)) return;
            if (event_ == POLLIN) {
                owner_.watcher_->await_readable();
            } else {
                owner_.watcher_->await_writable();
            }
        }

        fd_callback_pair& owner_;
        std::shared_ptr<function<void()>> callback_;  // kept while it runs, also when it is removed
        short event_;
        bool waiting_ = false;  // for the watcher
    };

    fd_callback_pair(event_loop& loop, int fd) : loop_(loop), fd_(fd), watcher_(loop.system().watch(fd, *this)) {}

    side reader{*this, POLLIN};
    side writer{*this, POLLOUT};

private:
    void on_readable() override { reader.ready(); }
    void on_writable() override { writer.ready(); }

    event_loop& loop_;
    int fd_;
    fd_watcher_ptr watcher_;
};

// All of a loop.
class fd_callbacks : pinned {
public:
    explicit fd_callbacks(event_loop& loop) noexcept : loop_(loop) {}

    void add(int fd, fd_callback_pair::side fd_callback_pair::*side, function<void()> callback, const char* operation) {
        loop_.require_open(operation);
        if (fd < 0) {
            throw std::invalid_argument(std::string(operation) + ": expected a descriptor, got " + std::to_string(fd));
        }
        if (!callback) throw std::invalid_argument(std::string(operation) + ": the callback is empty");
        auto& pair = pairs_[fd];
        const scope_exit no_trace([&] {
            if (!pair) pairs_.erase(fd);
        });
        if (!pair) pair = std::make_shared<fd_callback_pair>(loop_, fd);
        ((*pair).*side).set(std::move(callback));
    }

    bool remove(int fd, fd_callback_pair::side fd_callback_pair::*side) {
        const auto found = pairs_.find(fd);
        if (found == pairs_.end()) return false;
        const auto pair = found->second;
        const bool removed = ((*pair).*side).remove();
        if (!pair->reader.is_set() && !pair->writer.is_set()) pairs_.erase(found);
        return removed;
    }

private:
    event_loop& loop_;
    std::map<int, std::shared_ptr<fd_callback_pair>> pairs_;
};

}  // namespace detail

/// Calls back in every turn in which a descriptor can be read, end of file included, until it is removed; replaces the
/// former callback (asyncio: loop.add_reader).
///
/// Parameters: `fd` of anything that can be polled. Requires: no transport or other watch uses it.
/// Errors: broken_error when it cannot be watched; std::invalid_argument; invalid_state_error when the loop is closed.
/// What the callback throws goes to the exception handler.
/// Lifetime: remove it before the descriptor is closed.
inline void add_reader(event_loop& loop, int fd, function<void()> callback) {
    loop.require_open("add_reader");
    loop.extension<detail::fd_callbacks>().add(fd, &detail::fd_callback_pair::reader, std::move(callback), "add_reader");
}

/// Calls back in every turn in which a descriptor can be written. All else as add_reader.
inline void add_writer(event_loop& loop, int fd, function<void()> callback) {
    loop.require_open("add_writer");
    loop.extension<detail::fd_callbacks>().add(fd, &detail::fd_callback_pair::writer, std::move(callback), "add_writer");
}

/// Ends add_reader. Returns: whether there was one; false also when the loop is closed.
inline bool remove_reader(event_loop& loop, int fd) {
    return !loop.is_closed() && loop.extension<detail::fd_callbacks>().remove(fd, &detail::fd_callback_pair::reader);
}

/// Ends add_writer. Returns: whether there was one; false also when the loop is closed.
inline bool remove_writer(event_loop& loop, int fd) {
    return !loop.is_closed() && loop.extension<detail::fd_callbacks>().remove(fd, &detail::fd_callback_pair::writer);
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/asio_signals.hpp: signal handlers that run on the loop, over asio::signal_set.

#include <map>
#include <memory>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <aioxx/base/function.hpp>
#include <aioxx/core/backend.hpp>

namespace aioxx::detail {

/// The signal handlers of one loop.
class asio_signals {
public:
    asio_signals(asio::io_context& context, backend_client& client) : context_(context), client_(client) {}

    /// Installs or replaces a handler; an empty one restores the former disposition.
    void set(int signal, function<void()> handler) {
        handlers_.erase(signal);
        if (!handler) return;
        auto entry = std::make_shared<watched>(context_, signal, std::move(handler));
        handlers_.emplace(signal, entry);
        wait(client_, std::move(entry));
    }

private:
    struct watched {
        watched(asio::io_context& context, int signal, function<void()> called)
            : set(context, signal), handler(std::move(called)) {}
        asio::signal_set set;
        function<void()> handler;
    };

    // The pending wait must not keep the entry alive, whose end cancels it.
    static void wait(backend_client& client, std::shared_ptr<watched> entry) {
        std::weak_ptr<watched> weak = entry;
        entry->set.async_wait([&client, weak](const asio::error_code& failure, int) {
            auto alive = weak.lock();
            if (failure || !alive) return;
            client.on_signal(alive->handler);
            if (alive.use_count() > 1) wait(client, std::move(alive));  // still installed
        });
    }

    asio::io_context& context_;
    backend_client& client_;
    std::map<int, std::shared_ptr<watched>> handlers_;
};

}  // namespace aioxx::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

// support/gate.hpp: stops threads at a place until the test has seen that they are there.

#include <condition_variable>
#include <mutex>

namespace support {

// Holds worker threads until it is opened, and tells how many have come.
class gate {
public:
    void pass() {
        std::unique_lock lock(mutex_);
        ++arrived_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return open_; });
    }
    void open() {
        const std::scoped_lock lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    void wait_for(int count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return arrived_ >= count; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int arrived_ = 0;
    bool open_ = false;
};

}  // namespace support

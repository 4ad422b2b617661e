// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/unique_fd.hpp: owns a POSIX file descriptor.

#include <utility>

#include <unistd.h>

namespace aioxx {

/// Owns a descriptor and closes it. Move-only.
class unique_fd {
public:
    unique_fd() noexcept = default;
    explicit unique_fd(int fd) noexcept : fd_(fd) {}
    unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    ~unique_fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

    /// Gives up the ownership.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

    /// Closes it and owns another one, or none.
    void reset(int fd = -1) noexcept {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

private:
    int fd_ = -1;
};

}  // namespace aioxx

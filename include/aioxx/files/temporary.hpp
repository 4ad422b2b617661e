// SPDX-License-Identifier: BSL-1.0
#pragma once

// files/temporary.hpp: files and directories that are gone when nobody needs them any more.

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/to_thread.hpp>
#include <aioxx/files/async_file.hpp>

namespace aioxx {

namespace detail {

inline std::string temporary_template(const std::filesystem::path& directory, const std::string& prefix) {
    return ((directory.empty() ? std::filesystem::temp_directory_path() : directory) / (prefix + "XXXXXX")).string();
}

struct named_file {
    unique_fd file;
    std::string path;
};

inline named_file make_named_file(const std::filesystem::path& directory, const std::string& prefix) {
    named_file made{{}, temporary_template(directory, prefix)};
    made.file.reset(::mkostemp(made.path.data(), O_CLOEXEC));
    if (!made.file) throw_system_error(errno, "cannot make a temporary file \"" + made.path + "\"");
    return made;
}

}  // namespace detail

/// A file with a name, which is removed with the last copy of this (Python: tempfile.NamedTemporaryFile).
class named_temporary_file {
public:
    /// Open for reading and writing.
    [[nodiscard]] const async_file& file() const noexcept { return *file_; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return removed_->path; }
    /// Leaves the file where it is.
    void keep() noexcept { removed_->kept = true; }

private:
    friend coro<named_temporary_file> create_named_temporary_file(std::filesystem::path directory, std::string prefix);

    struct removal : pinned {
        explicit removal(std::filesystem::path what) : path(std::move(what)) {}
        ~removal() {
            std::error_code gone_already;
            if (!kept) std::filesystem::remove(path, gone_already);
        }
        std::filesystem::path path;
        bool kept = false;
    };

    explicit named_temporary_file(detail::named_file made)
        : removed_(std::make_shared<removal>(made.path)),
          file_(std::make_shared<async_file>(std::move(made.file), made.path)) {}

    std::shared_ptr<removal> removed_;
    std::shared_ptr<async_file> file_;
};

/// Makes a file with a name of its own that only this user may open.
///
/// Parameters: `directory` where; empty for the system's place for such files. `prefix` what the name begins with.
/// Errors: broken_error naming the path. Cancellation: safe, nothing is left. Asyncio: has none; AnyIO: NamedTemporaryFile.
[[nodiscard]] inline coro<named_temporary_file> create_named_temporary_file(std::filesystem::path directory = {},
                                                                            std::string prefix = "tmp") {
    auto make = [directory = std::move(directory), prefix = std::move(prefix)](const std::stop_token&) {
        return named_temporary_file(detail::make_named_file(directory, prefix));
    };
    auto making = to_thread(std::move(make));
    co_return co_await std::move(making);
}

/// Makes a file without a name, open for reading and writing; it is gone when it is closed (AnyIO: TemporaryFile).
///
/// Parameters: `directory` on which file system; empty for the system's place for such files.
/// Errors: broken_error. Cancellation: safe.
[[nodiscard]] inline coro<async_file> create_temporary_file(std::filesystem::path directory = {}) {
    auto make = [directory = std::move(directory)](const std::stop_token&) {
        const std::filesystem::path where = directory.empty() ? std::filesystem::temp_directory_path() : directory;
        unique_fd file(::open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        if (!file) {  // a file system without such files
            detail::named_file made = detail::make_named_file(where, "tmp");
            ::unlink(made.path.c_str());
            file = std::move(made.file);
        }
        return async_file(std::move(file), where.string() + " (temporary)");
    };
    auto making = to_thread(std::move(make));
    co_return co_await std::move(making);
}

/// A directory that is removed with everything in it (Python: tempfile.TemporaryDirectory). Movable.
class temporary_directory {
public:
    temporary_directory(temporary_directory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    temporary_directory& operator=(temporary_directory&& other) noexcept {
        std::swap(path_, other.path_);
        return *this;
    }
    /// Removes it on this thread, when cleanup() was not called; errors are ignored.
    ~temporary_directory() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    /// Removes it on a worker thread.
    ///
    /// Errors: broken_error naming the directory and the reason. Cancellation: waits for the removal.
    [[nodiscard]] coro<> cleanup() { return cleanup(std::exchange(path_, {})); }

private:
    friend coro<temporary_directory> create_temporary_directory(std::filesystem::path directory, std::string prefix);

    explicit temporary_directory(std::filesystem::path path) noexcept : path_(std::move(path)) {}

    static coro<> cleanup(std::filesystem::path path) {
        if (path.empty()) co_return;
        auto remove = [path](const std::stop_token&) {
            std::error_code failure;
            std::filesystem::remove_all(path, failure);
            if (failure) throw broken_error(failure, "cannot remove the temporary directory \"" + path.string() + "\"");
        };
        auto removing = to_thread(std::move(remove));
        co_await std::move(removing);
    }

    std::filesystem::path path_;
};

/// Makes a directory with a name of its own that only this user may enter.
///
/// Parameters: as create_named_temporary_file. Errors: broken_error naming the path. Cancellation: safe, nothing is left.
[[nodiscard]] inline coro<temporary_directory> create_temporary_directory(std::filesystem::path directory = {},
                                                                          std::string prefix = "tmp") {
    auto make = [directory = std::move(directory), prefix = std::move(prefix)](const std::stop_token&) {
        std::string path = detail::temporary_template(directory, prefix);
        if (::mkdtemp(path.data()) == nullptr) {
            throw_system_error(errno, "cannot make a temporary directory \"" + path + "\"");
        }
        return temporary_directory(std::move(path));
    };
    auto making = to_thread(std::move(make));
    co_return co_await std::move(making);
}

}  // namespace aioxx

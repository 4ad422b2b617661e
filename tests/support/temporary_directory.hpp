// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/support/temporary_directory.hpp: a directory for a test's files, removed with everything in it.

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>

namespace support {

class temporary_directory : aioxx::pinned {
public:
    temporary_directory() : path_((std::filesystem::temp_directory_path() / "aioxx-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) aioxx::throw_system_error(errno, "mkdtemp " + path_);
    }
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string path(std::string_view file) const { return path_ + "/" + std::string(file); }

private:
    std::string path_;
};

}  // namespace support

// SPDX-License-Identifier: BSL-1.0
#pragma once

// files/walk.hpp: everything below a directory, found on worker threads: some hundred entries a call.
// std::filesystem does the rest; single calls of it go through to_thread.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/to_thread.hpp>

namespace aioxx {

namespace detail {

struct directory_walk {
    static constexpr std::size_t at_once = 256;

    std::filesystem::path root;
    std::filesystem::directory_options options;
    std::filesystem::recursive_directory_iterator next = {};
    bool begun = false;

    // Returns: the next entries; none at the end.
    std::vector<std::filesystem::directory_entry> take() {
        std::vector<std::filesystem::directory_entry> entries;
        std::error_code failure;
        if (!begun) next = std::filesystem::recursive_directory_iterator(root, options, failure);
        begun = true;
        while (!failure && entries.size() < at_once && next != std::filesystem::recursive_directory_iterator()) {
            entries.push_back(*next);
            next.increment(failure);
        }
        if (failure) throw broken_error(failure, "walk \"" + root.string() + "\"");
        return entries;
    }
};

}  // namespace detail

/// Goes through all entries below a directory, each directory before what it contains.
///
/// Parameters: `options` whether symbolic links to directories are followed, and directories that may not be read are
/// passed over.
/// Errors: broken_error naming the directory that the walk began with.
/// Cancellation: waits for the call under way; entries that were found and not given are lost.
/// Asyncio: has none; os.walk, AnyIO: Path.rglob.
/// Example:
///     auto entries = aioxx::walk("/var/log");
///     while (auto entry = co_await entries.next()) total += entry->is_regular_file() ? entry->file_size() : 0;
inline async_generator<std::filesystem::directory_entry> walk(
    std::filesystem::path directory,
    std::filesystem::directory_options options = std::filesystem::directory_options::none) {
    auto under_way = std::make_shared<detail::directory_walk>();
    under_way->root = std::move(directory);
    under_way->options = options;
    for (;;) {
        auto take = [under_way](const std::stop_token&) { return under_way->take(); };
        auto taking = to_thread(std::move(take));
        std::vector<std::filesystem::directory_entry> entries = co_await std::move(taking);
        if (entries.empty()) co_return;
        for (std::filesystem::directory_entry& entry : entries) co_yield std::move(entry);
    }
}

}  // namespace aioxx

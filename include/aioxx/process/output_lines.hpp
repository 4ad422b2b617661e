// SPDX-License-Identifier: BSL-1.0
#pragma once

// process/output_lines.hpp: what a child process says through both of its outputs, as one sequence of lines.

#include <optional>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/process/process.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/tasks/merge.hpp>

namespace aioxx {

/// Which output of a child process.
enum class output_origin { out, err };

/// A line that a child process has written, with its '\n'; the last one may have none.
struct output_line {
    output_origin from;
    bytearray text;
};

namespace detail {

// The process stays while somebody reads what it says.
inline async_generator<output_line> lines_of(process child, output_origin from) {
    const stream_reader reader = from == output_origin::out ? child.out() : child.err();
    for (;;) {
        std::optional<bytearray> line = co_await reader.next_line();
        if (!line) co_return;
        output_line next{from, *std::move(line)};
        co_yield std::move(next);
    }
}

}  // namespace detail

/// The lines of both outputs in the order in which they arrive, until both have ended. Two pipes carry no common order:
/// lines of one output keep theirs; for the exact order of both use stdio::to_stdout(), which loses the origin.
///
/// Errors: invalid_state_error when neither output is a pipe; limit_error for a line above the readers' limit.
/// Cancellation: as for merge; a line that was read ahead is lost.
/// Lifetime: keeps the process handle. Asyncio: has none.
/// Example:
///     auto lines = aioxx::output_lines(child);
///     while (auto line = co_await lines.next()) log(line->from, line->text);
[[nodiscard]] inline async_generator<output_line> output_lines(process child) {
    std::vector<async_generator<output_line>> sources;
    if (child.has_out()) sources.push_back(detail::lines_of(child, output_origin::out));
    if (child.has_err()) sources.push_back(detail::lines_of(child, output_origin::err));
    if (sources.empty()) throw invalid_state_error("output_lines: neither output of the child process is a pipe");
    return generators::merge(std::move(sources));
}

}  // namespace aioxx

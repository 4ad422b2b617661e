// SPDX-License-Identifier: BSL-1.0
#pragma once

// aggregator/line_splitter.hpp: cuts what a process writes into lines, whatever the portions it arrives in.
// Pure: bytes in, lines out. A line that is too long is given out in parts, the last one without an end as it is.

#include <algorithm>
#include <cstddef>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace aggregator {

/// A line, or a part of one.
struct line {
    aioxx::bytes_view text = {};  ///< without its end; valid during the call
    bool continues = false;     ///< a part of the same line came before
    bool to_be_continued = false;  ///< another part follows
    bool crlf = false;          ///< its end was \r\n
    bool no_newline = false;    ///< the stream ended without one
};

class line_splitter {
public:
    /// Parameters: `max_line` bytes of a line that are given out together, at least 1.
    explicit line_splitter(std::size_t max_line) : max_line_(std::max<std::size_t>(max_line, 1)) {}

    /// Takes the next bytes and calls `emit(const line&)` for each line that they complete.
    template <class Emit>
    void feed(aioxx::bytes_view data, Emit&& emit) {
        while (!data.empty()) {
            const std::size_t end = data.find('\n');
            const bool complete = end != aioxx::bytes_view::npos;
            aioxx::bytes_view piece = data.first(complete ? end : data.size());
            data.remove_prefix(complete ? end + 1 : data.size());
            while (held_.size() + piece.size() > max_line_) {
                const std::size_t room = max_line_ - held_.size();
                give(piece.first(room), {.continues = continues_, .to_be_continued = true}, emit);
                piece.remove_prefix(room);
                continues_ = true;
            }
            if (complete) {
                give(piece, {.continues = std::exchange(continues_, false)}, emit);
            } else {
                held_.append(piece);
            }
        }
    }

    /// The stream has ended: what is left is the last line.
    template <class Emit>
    void finish(Emit&& emit) {
        if (held_.empty() && !continues_) return;
        give({}, {.continues = std::exchange(continues_, false), .no_newline = true}, emit);
    }

private:
    // What was held and this piece make one line. Without anything held nothing is copied.
    template <class Emit>
    void give(aioxx::bytes_view piece, line found, Emit& emit) {
        if (held_.empty()) {
            found.text = piece;
        } else {
            held_.append(piece);
            found.text = held_;
        }
        if (!found.to_be_continued && !found.no_newline && found.text.ends_with("\r")) {
            found.text = found.text.first(found.text.size() - 1);
            found.crlf = true;
        }
        emit(static_cast<const line&>(found));
        held_.clear();
    }

    std::size_t max_line_;
    aioxx::bytearray held_;   // the beginning of a line whose end has not come
    bool continues_ = false;  // a part of that line was given out already
};

}  // namespace aggregator

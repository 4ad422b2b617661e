// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/gather_list.hpp: a queue of bytes for vectored writes, consumed from the front.
// Small pieces are copied together into one block, so that many small writes become few pieces; large owned
// blocks are kept as they are. Without large blocks, which is the usual case, it is one bytearray.

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <utility>

#include <aioxx/base/contract.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// FIFO of bytes in pieces.
class gather_list {
public:
    /// An emptied list keeps a block of at most this size for the next pieces.
    static constexpr std::size_t keep_at_most = 4 * 1024;
    /// Owned blocks below this size are copied: a piece of its own costs more.
    static constexpr std::size_t own_piece_from = 4 * 1024;
    /// Above it, copied bytes start another block instead of growing one that then has to be moved.
    static constexpr std::size_t block_limit = 64 * 1024;

    [[nodiscard]] std::size_t size() const noexcept { return front_.size() + behind_size(); }
    [[nodiscard]] bool empty() const noexcept { return front_.empty(); }

    /// Appends a copy of bytes.
    void append(bytes_view piece) {
        if (piece.empty()) return;
        bytearray& last = behind_ ? behind_->blocks.back() : front_;
        if (!last.empty() && (last_is_owned_ || last.size() >= block_limit)) {
            push(bytearray(piece));
            last_is_owned_ = false;
            return;
        }
        last.append(piece);
        last_is_owned_ = false;
        if (behind_) behind_->size += piece.size();
    }

    /// Appends a block without copying it.
    void append(bytearray&& piece) {
        if (piece.size() < own_piece_from) return append(piece.view());
        if (front_.empty()) {
            front_ = std::move(piece);
        } else {
            push(std::move(piece));
        }
        last_is_owned_ = true;
    }

    /// Lists the first pieces, as many as fit. Returns: how many. Lifetime: until the next change.
    [[nodiscard]] std::size_t fill(std::span<bytes_view> pieces) const noexcept {
        if (pieces.empty() || front_.empty()) return 0;
        pieces[0] = front_.view();
        if (!behind_) return 1;
        std::size_t count = 1;
        for (const bytearray& block : behind_->blocks) {
            if (count == pieces.size()) break;
            pieces[count++] = block.view();
        }
        return count;
    }

    /// Removes bytes from the front. Requires: not more than there are.
    void consume(std::size_t count) noexcept {
        AIOXX_EXPECTS(count <= size());
        while (count >= front_.size() && behind_) {
            count -= front_.size();
            next_block();
        }
        front_.consume(count);
        if (front_.empty() && front_.capacity() > keep_at_most) front_.release_memory();
    }

    void clear() noexcept {
        behind_.reset();
        front_.clear();
        if (front_.capacity() > keep_at_most) front_.release_memory();
    }

private:
    struct further_blocks {
        std::deque<bytearray> blocks;  // none is empty
        std::size_t size = 0;          // of all, in bytes
    };

    [[nodiscard]] std::size_t behind_size() const noexcept { return behind_ ? behind_->size : 0; }

    void push(bytearray&& block) {
        if (!behind_) behind_ = std::make_unique<further_blocks>();
        const std::size_t size = block.size();
        behind_->blocks.push_back(std::move(block));
        behind_->size += size;
    }

    void next_block() noexcept {
        front_ = std::move(behind_->blocks.front());
        behind_->blocks.pop_front();
        behind_->size -= front_.size();
        if (behind_->blocks.empty()) behind_.reset();
    }

    bytearray front_;                         // empty only when everything is
    std::unique_ptr<further_blocks> behind_;  // null when front_ is all
    bool last_is_owned_ = false;              // the last block was moved in: growing it would copy it
};

}  // namespace aioxx

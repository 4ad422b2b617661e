// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/gather_list.hpp: a queue of bytes for vectored writes, consumed from the front.
// Small pieces are copied together into blocks of the pool, so that many small writes become few pieces; large owned
// blocks are kept as they are. An empty list holds no memory.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include <aioxx/base/block_pool.hpp>
#include <aioxx/base/contract.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// FIFO of bytes in pieces.
class gather_list {
public:
    /// Owned blocks below this size are copied: a piece of its own costs more.
    static constexpr std::size_t own_piece_from = 4 * 1024;
    /// Blocks for copied bytes grow to this size.
    static constexpr std::size_t block_limit = 64 * 1024;

    gather_list() noexcept = default;
    gather_list(const gather_list&) = delete;
    gather_list& operator=(const gather_list&) = delete;
    ~gather_list() { clear(); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// Appends a copy of bytes. Errors: std::bad_alloc; nothing is appended then.
    void append(bytes_view piece) {
        if (piece.empty()) return;
        block* const last = last_;
        const std::size_t fitting = last != nullptr ? std::min(piece.size(), last->room()) : 0;
        if (const bytes_view rest = piece.subview(fitting); !rest.empty()) {
            block& added = new_block(rest.size());
            added.append(rest);
            link(added);
        }
        if (fitting != 0) last->append(piece.first(fitting));
        size_ += piece.size();
    }

    /// Appends a block without copying it. Errors: as above.
    void append(bytearray&& piece) {
        if (piece.size() < own_piece_from) return append(piece.view());
        size_ += piece.size();
        link(*new owned_block(std::move(piece)));
    }

    /// The first piece. Requires: not empty. Lifetime: as below.
    [[nodiscard]] bytes_view front() const noexcept { return first_->content(); }
    [[nodiscard]] bool has_several_pieces() const noexcept { return first_ != last_; }
    /// Lists the first pieces, as many as fit. Returns: how many. Lifetime: until the next change.
    [[nodiscard]] std::size_t fill(std::span<bytes_view> pieces) const noexcept {
        std::size_t count = 0;
        for (const block* each = first_; each != nullptr && count < pieces.size(); each = each->next) {
            pieces[count++] = each->content();
        }
        return count;
    }

    /// Removes bytes from the front. Requires: not more than there are.
    void consume(std::size_t count) noexcept {
        AIOXX_EXPECTS(count <= size_);
        size_ -= count;
        while (count != 0) {
            const std::size_t here = std::min(count, first_->content().size());
            first_->begin += here;
            count -= here;
            if (first_->begin == first_->end) drop_first();
        }
    }

    void clear() noexcept { consume(size_); }

private:
    // Content in memory behind the block itself, or in that of a bytearray.
    struct block {
        std::byte* begin;
        std::byte* end;
        std::byte* limit;
        block* next = nullptr;
        bool owned = false;

        [[nodiscard]] bytes_view content() const noexcept { return {begin, static_cast<std::size_t>(end - begin)}; }
        [[nodiscard]] std::size_t room() const noexcept { return static_cast<std::size_t>(limit - end); }
        void append(bytes_view bytes) noexcept {
            std::memcpy(end, bytes.data(), bytes.size());
            end += bytes.size();
        }
    };
    struct owned_block : block {
        explicit owned_block(bytearray&& moved) noexcept
            : block{moved.data(), moved.data() + moved.size(), moved.data() + moved.size(), nullptr, true},
              bytes(std::move(moved)) {}
        bytearray bytes;  // larger than what it holds inline, so that its content stays where it is
    };

    static constexpr std::size_t smallest_block = 256;

    // Each is twice as large as the one before it.
    [[nodiscard]] block& new_block(std::size_t least) const {
        std::size_t size = smallest_block;
        if (last_ != nullptr && !last_->owned) {
            size = std::min(block_limit, 2 * static_cast<std::size_t>(last_->limit - reinterpret_cast<std::byte*>(last_)));
        }
        size = std::max(size, sizeof(block) + least);
        auto* const memory = static_cast<std::byte*>(detail::allocate_frame(size));
        std::byte* const begin = memory + sizeof(block);
        return *::new (memory) block{begin, begin, memory + size};
    }

    void link(block& added) noexcept {
        (last_ != nullptr ? last_->next : first_) = &added;
        last_ = &added;
    }

    void drop_first() noexcept {
        block* const gone = std::exchange(first_, first_->next);
        if (first_ == nullptr) last_ = nullptr;
        if (gone->owned) {
            delete static_cast<owned_block*>(gone);
        } else {
            detail::deallocate_frame(gone, static_cast<std::size_t>(gone->limit - reinterpret_cast<std::byte*>(gone)));
        }
    }

    block* first_ = nullptr;
    block* last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/receive_block.hpp: the memory that one portion is received into, which whoever keeps the bytes may take.
// A large portion is then not copied. The blocks come from the pool, so that the same one is used again and again, which
// keeps it in the cache, and a quiet connection holds none.

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include <aioxx/base/block_pool.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/byte_window.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// Memory for a portion, on loan to those who are called with it.
///
/// Concurrency: of the thread that made it. Several may exist, one inside of the other.
class receive_block : pinned {
public:
    /// The most that a portion has.
    static constexpr std::size_t portion_size = 64 * 1024;

    receive_block()
        : block_(static_cast<std::byte*>(detail::allocate_frame(block_size))), former_(std::exchange(present_, this)) {}
    ~receive_block() {
        present_ = former_;
        if (block_ != nullptr) detail::deallocate_frame(block_, block_size);
    }

    /// Where to receive.
    [[nodiscard]] std::span<std::byte> room() const noexcept { return {block_ + headroom, portion_size}; }

    /// Appends the rest of a portion to a window, without copying it when it is large and the portion lies in a block that
    /// its holder has on loan. Parameters: `used` bytes of the portion are not wanted.
    static void keep(bytes_view portion, std::size_t used, byte_window& window) {
        const bytes_view rest = portion.subview(used);
        receive_block* const lender = present_;
        const bool is_worth_it = rest.size() >= taken_from && window.size() <= headroom;
        if (!is_worth_it || lender == nullptr || lender->block_ == nullptr || portion.data() != lender->room().data()) {
            return window.append(rest);
        }
        // What the window holds goes in front.
        std::byte* const block = std::exchange(lender->block_, nullptr);
        std::byte* const begin = block + headroom + used - window.size();
        if (!window.empty()) std::memcpy(begin, window.view().data(), window.size());
        window.adopt(block, block_size, mutable_bytes_view(begin, window.size() + rest.size()));
    }

private:
    static constexpr std::size_t headroom = 4 * 1024;
    static constexpr std::size_t block_size = headroom + portion_size;
    static constexpr std::size_t taken_from = 8 * 1024;

    static inline constinit thread_local receive_block* present_ = nullptr;

    std::byte* block_;
    receive_block* former_;
};

}  // namespace aioxx

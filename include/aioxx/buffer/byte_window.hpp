// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/byte_window.hpp: bytes that come at the end and go from the front, in one block of the pool.
// What was consumed is made room of when room is needed, so that each byte is moved O(1) times. It has less to it than a
// bytearray, and gives its block back: many connections are idle.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include <aioxx/base/block_pool.hpp>
#include <aioxx/base/config.hpp>
#include <aioxx/base/contract.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// FIFO of bytes in one piece.
class byte_window {
public:
    byte_window() noexcept = default;
    byte_window(const byte_window&) = delete;
    byte_window& operator=(const byte_window&) = delete;
    ~byte_window() { release(); }

    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - begin_); }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    /// The size of the block.
    [[nodiscard]] std::size_t capacity() const noexcept { return static_cast<std::size_t>(limit_ - block_); }
    /// Bytes that can be appended without moving what is there.
    [[nodiscard]] std::size_t room() const noexcept { return static_cast<std::size_t>(limit_ - end_); }
    /// Lifetime: until the next change.
    [[nodiscard]] bytes_view view() const noexcept { return {begin_, size()}; }

    /// Appends bytes from elsewhere. Errors: std::bad_alloc; nothing is appended then.
    void append(bytes_view bytes) {
        if (bytes.empty()) return;
        std::memcpy(prepare(bytes.size()).data(), bytes.data(), bytes.size());
        end_ += bytes.size();
    }

    /// Room for a number of bytes or more behind the content, not initialised; commit() makes them content.
    /// Lifetime: until the next change. Errors: std::bad_alloc.
    [[nodiscard]] mutable_bytes_view prepare(std::size_t least) {
        if (least > room()) make_room(least);
        AIOXX_SHOW_BYTES(end_, room());
        return {end_, room()};
    }
    /// Requires: not more than was prepared.
    void commit(std::size_t count) noexcept {
        AIOXX_EXPECTS(count <= room());
        end_ += count;
    }

    /// Puts bytes from elsewhere in front. Errors: std::bad_alloc; nothing has changed then.
    void prepend(bytes_view bytes) {
        if (bytes.empty()) return;
        const std::size_t held = size();
        if (bytes.size() > static_cast<std::size_t>(begin_ - block_)) {
            if (bytes.size() > room()) make_room(bytes.size());
            AIOXX_SHOW_BYTES(begin_, held + bytes.size());
            std::memmove(begin_ + bytes.size(), begin_, held);
            end_ += bytes.size();
        } else {
            begin_ -= bytes.size();
            AIOXX_SHOW_BYTES(begin_, bytes.size());
        }
        std::memcpy(begin_, bytes.data(), bytes.size());
    }

    /// Removes bytes from the front. Requires: not more than there are.
    void consume(std::size_t count) noexcept {
        AIOXX_EXPECTS(count <= size());
        AIOXX_HIDE_BYTES(begin_, count);
        begin_ += count;
        if (begin_ == end_) begin_ = end_ = block_;
    }

    /// Gives the block back when there is no content, and a large one also when there is little. Errors: std::bad_alloc;
    /// nothing has changed then.
    void release_memory() {
        if (block_ == nullptr) return;
        if (empty()) {
            release();
        } else if (capacity() >= large_block && size() <= capacity() / 64) {
            move_to(std::max(smallest_block, size()));
        }
    }

    /// Takes over a block of the pool with content at a place in it.
    ///
    /// Parameters: `capacity` that it was allocated with; `content` lies in it.
    void adopt(std::byte* block, std::size_t capacity, mutable_bytes_view content) noexcept {
        release();
        block_ = block;
        begin_ = content.data();
        end_ = begin_ + content.size();
        limit_ = block + capacity;
    }

private:
    static constexpr std::size_t smallest_block = 256;
    static constexpr std::size_t large_block = 16 * 1024;

    // Moves the content to the block's start when that is enough and cheap, else to a larger block.
    void make_room(std::size_t count) {
        const std::size_t held = size();
        if (held + count <= capacity() && static_cast<std::size_t>(begin_ - block_) >= held) {
            AIOXX_SHOW_BYTES(block_, capacity());
            if (held != 0) std::memmove(block_, begin_, held);
            begin_ = block_;
            end_ = block_ + held;
            return;
        }
        move_to(std::max({smallest_block, held + count, held == 0 ? 0 : 2 * this->capacity()}));
    }

    void move_to(std::size_t capacity) {
        const std::size_t held = size();
        auto* const other = static_cast<std::byte*>(detail::allocate_frame(capacity));
        if (held != 0) std::memcpy(other, begin_, held);
        release();
        block_ = begin_ = other;
        end_ = other + held;
        limit_ = other + capacity;
    }

    void release() noexcept {
        if (block_ == nullptr) return;
        AIOXX_SHOW_BYTES(block_, capacity());
        detail::deallocate_frame(block_, capacity());
        block_ = begin_ = end_ = limit_ = nullptr;
    }

    std::byte* block_ = nullptr;
    std::byte* begin_ = nullptr;  // the content is [begin_, end_)
    std::byte* end_ = nullptr;
    std::byte* limit_ = nullptr;  // of the block
};

}  // namespace aioxx

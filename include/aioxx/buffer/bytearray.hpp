// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/bytearray.hpp: owned growable bytes that are cheap to append to and cheap to remove from the front.
// The content is a window in a block: consuming moves the window's start, and the content is moved back only
// when room is needed and at least as many bytes were consumed, so that each byte is moved O(1) times.
// Contents of up to inline_size bytes need no block.

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/contract.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// Owned bytes (Python: bytearray).
class bytearray {
public:
    using value_type = std::byte;
    using iterator = std::byte*;
    using const_iterator = const std::byte*;
    static constexpr std::size_t npos = bytes_view::npos;
    static constexpr std::size_t inline_size = 32;

    bytearray() noexcept = default;
    explicit bytearray(bytes_view content) { append(content); }
    bytearray(std::size_t count, std::byte value) { resize(count, value); }

    bytearray(const bytearray& other) : bytearray(other.view()) {}
    bytearray(bytearray&& other) noexcept { steal(other); }
    bytearray& operator=(const bytearray& other) {
        if (this != &other) assign(other.view());
        return *this;
    }
    bytearray& operator=(bytearray&& other) noexcept {
        if (this != &other) {
            free_block();
            steal(other);
        }
        return *this;
    }
    template <bytes_like Content>
    requires(!std::same_as<Content, bytearray>) bytearray& operator=(const Content& content) {
        assign(content);
        return *this;
    }
    ~bytearray() { free_block(); }

    // ---- looking ----

    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    /// The size of the block.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::byte* data() noexcept { return block() + begin_; }
    [[nodiscard]] const std::byte* data() const noexcept { return block() + begin_; }
    [[nodiscard]] iterator begin() noexcept { return data(); }
    [[nodiscard]] iterator end() noexcept { return block() + end_; }
    [[nodiscard]] const_iterator begin() const noexcept { return data(); }
    [[nodiscard]] const_iterator end() const noexcept { return block() + end_; }

    /// Requires: an index below the size.
    [[nodiscard]] std::byte& operator[](std::size_t index) noexcept {
        AIOXX_EXPECTS(index < size());
        return data()[index];
    }
    [[nodiscard]] std::byte operator[](std::size_t index) const noexcept {
        AIOXX_EXPECTS(index < size());
        return data()[index];
    }
    [[nodiscard]] std::byte& front() noexcept { return (*this)[0]; }
    [[nodiscard]] std::byte front() const noexcept { return (*this)[0]; }
    [[nodiscard]] std::byte& back() noexcept { return (*this)[size() - 1]; }
    [[nodiscard]] std::byte back() const noexcept { return (*this)[size() - 1]; }

    /// Errors: std::out_of_range naming the index and the size.
    [[nodiscard]] std::byte& at(std::size_t index) {
        require_index(index);
        return data()[index];
    }
    [[nodiscard]] std::byte at(std::size_t index) const {
        require_index(index);
        return data()[index];
    }

    /// Lifetime: until the next change of the content.
    [[nodiscard]] bytes_view view() const noexcept { return {data(), size()}; }
    [[nodiscard]] std::string_view str() const noexcept { return view().str(); }

    [[nodiscard]] std::size_t find(bytes_view wanted, std::size_t from = 0) const noexcept {
        return view().find(wanted, from);
    }
    [[nodiscard]] std::size_t find(char wanted, std::size_t from = 0) const noexcept {
        return view().find(wanted, from);
    }
    [[nodiscard]] std::size_t find(std::byte wanted, std::size_t from = 0) const noexcept {
        return view().find(wanted, from);
    }
    [[nodiscard]] bool contains(bytes_view wanted) const noexcept { return view().contains(wanted); }
    [[nodiscard]] bool starts_with(bytes_view prefix) const noexcept { return view().starts_with(prefix); }
    [[nodiscard]] bool ends_with(bytes_view suffix) const noexcept { return view().ends_with(suffix); }

    friend bool operator==(const bytearray& a, const bytearray& b) noexcept { return a.view() == b.view(); }
    friend std::strong_ordering operator<=>(const bytearray& a, const bytearray& b) noexcept {
        return a.view() <=> b.view();
    }
    template <bytes_like Other>
    requires(!std::same_as<Other, bytearray>) friend bool operator==(const bytearray& a,
                                                                     const Other& b) noexcept {
        return a.view() == bytes_view(b);
    }
    template <bytes_like Other>
    requires(!std::same_as<Other, bytearray>) friend std::strong_ordering operator<=>(
        const bytearray& a, const Other& b) noexcept {
        return a.view() <=> bytes_view(b);
    }

    // ---- at the end ----

    /// Appends bytes, which may lie in this bytearray. Errors: std::length_error beyond max_size.
    void append(bytes_view content) {
        if (content.empty()) return;
        if (content.size() > room() && lies_inside(content)) {
            const std::size_t offset = static_cast<std::size_t>(content.data() - data());
            make_room(content.size());
            content = {data() + offset, content.size()};
        }
        std::memcpy(prepare(content.size()).data(), content.data(), content.size());
        end_ += content.size();
    }
    void append(std::byte value) {
        if (room() == 0) make_room(1);
        block()[end_++] = value;
    }
    void push_back(std::byte value) { append(value); }
    bytearray& operator+=(bytes_view content) {
        append(content);
        return *this;
    }

    /// Room for a number of bytes behind the content, not initialised; commit() makes them content.
    /// Lifetime: until the next change of the content.
    [[nodiscard]] mutable_bytes_view prepare(std::size_t count) {
        if (count > room()) make_room(count);
        return {block() + end_, count};
    }
    /// Requires: not more than was prepared.
    void commit(std::size_t count) noexcept {
        AIOXX_EXPECTS(count <= room());
        end_ += count;
    }

    /// Changes the size; what is new has the value.
    void resize(std::size_t count, std::byte value = std::byte{0}) {
        if (count > size()) {
            const std::size_t added = count - size();
            std::memset(prepare(added).data(), static_cast<int>(value), added);
            end_ += added;
        } else {
            end_ = begin_ + count;
        }
    }

    // ---- at the front ----

    /// Removes bytes from the front; O(1) amortised. Requires: not more than there are.
    void consume(std::size_t count) noexcept {
        AIOXX_EXPECTS(count <= size());
        begin_ += count;
        if (begin_ == end_) begin_ = end_ = 0;
    }

    /// Moves bytes from the front out. Requires: not more than there are.
    ///
    /// The block goes with them when they are all there is or fill half of it; else they are copied.
    [[nodiscard]] bytearray take(std::size_t count) {
        AIOXX_EXPECTS(count <= size());
        if (count > inline_size && (count == size() || count >= capacity_ / 2)) {
            bytearray rest(view().subview(count));
            end_ = begin_ + count;
            return std::exchange(*this, std::move(rest));
        }
        bytearray taken(view().first(count));
        consume(count);
        return taken;
    }

    // ---- anywhere ----

    /// Replaces the content by bytes, which may lie in it.
    void assign(bytes_view content) {
        if (lies_inside(content)) {
            std::memmove(block(), content.data(), content.size());
            begin_ = 0;
            end_ = content.size();
            return;
        }
        clear();
        append(content);
    }

    /// Inserts bytes, which may lie in this bytearray, before a position, which is clamped to the size.
    void insert(std::size_t position, bytes_view content) {
        if (content.empty()) return;
        if (lies_inside(content)) return insert(position, bytearray(content));  // inserting moves it
        const std::size_t at = std::min(position, size());
        const std::size_t behind = size() - at;
        static_cast<void>(prepare(content.size()));
        std::memmove(data() + at + content.size(), data() + at, behind);
        std::memcpy(data() + at, content.data(), content.size());
        end_ += content.size();
    }

    /// Removes bytes from a position on, as far as there are any.
    void erase(std::size_t position, std::size_t count = npos) noexcept {
        const std::size_t at = std::min(position, size());
        const std::size_t removed = std::min(count, size() - at);
        if (at == 0) return consume(removed);
        std::memmove(data() + at, data() + at + removed, size() - at - removed);
        end_ -= removed;
    }

    void clear() noexcept { begin_ = end_ = 0; }

    /// Makes room for a size in one step.
    void reserve(std::size_t count) {
        if (count > size() && count - size() > room()) make_room(count - size());
    }

    /// Moves the content to a block of its size, or inline.
    void shrink_to_fit() {
        if (capacity_ > std::max(size(), smallest_block) || (!is_inline() && size() <= inline_size)) {
            *this = bytearray(view());
        }
    }

    /// Gives the memory back when there is no content, as a connection does that goes quiet.
    void release_memory() noexcept {
        if (empty()) *this = bytearray();
    }

    [[nodiscard]] static constexpr std::size_t max_size() noexcept {
        return static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
    }

private:
    static constexpr std::size_t smallest_block = 2 * inline_size;

    [[nodiscard]] bool is_inline() const noexcept { return capacity_ == inline_size; }
    [[nodiscard]] std::byte* block() noexcept { return is_inline() ? inline_ : heap_; }
    [[nodiscard]] const std::byte* block() const noexcept { return is_inline() ? inline_ : heap_; }
    [[nodiscard]] std::size_t room() const noexcept { return capacity_ - end_; }
    [[nodiscard]] bool lies_inside(bytes_view content) const noexcept {
        return std::less_equal<>()(block(), content.data()) &&
               std::less<>()(content.data(), block() + capacity_);
    }

    void require_index(std::size_t index) const {
        if (index >= size()) {
            throw std::out_of_range("bytearray index " + std::to_string(index) + " is out of range for " +
                                    std::to_string(size()) + " bytes");
        }
    }

    // Moves the content to the block's start when that is enough and cheap, else to a larger block.
    void make_room(std::size_t count) {
        const std::size_t held = size();
        if (count > max_size() - held) {
            throw std::length_error("a bytearray cannot grow from " + std::to_string(held) + " by " +
                                    std::to_string(count) + " bytes");
        }
        if (held + count <= capacity_ && (begin_ >= held || is_inline())) {
            std::memmove(block(), data(), held);
        } else {
            const std::size_t wanted = std::max(held + count, std::min(max_size(), capacity_ * 2));
            auto* larger = static_cast<std::byte*>(::operator new(wanted));
            if (held != 0) std::memcpy(larger, data(), held);
            free_block();
            heap_ = larger;
            capacity_ = wanted;
        }
        begin_ = 0;
        end_ = held;
    }

    void free_block() noexcept {
        if (!is_inline()) ::operator delete(heap_, capacity_);
    }

    void steal(bytearray& other) noexcept {
        begin_ = other.begin_;
        end_ = other.end_;
        capacity_ = other.capacity_;
        if (other.is_inline()) {
            std::memcpy(inline_, other.inline_, inline_size);
        } else {
            heap_ = other.heap_;
        }
        other.begin_ = other.end_ = 0;
        other.capacity_ = inline_size;
    }

    std::size_t begin_ = 0;  // the content is [begin_, end_) of the block
    std::size_t end_ = 0;
    std::size_t capacity_ = inline_size;  // of the block; inline_size exactly when it is the inline one
    union {
        std::byte* heap_ = nullptr;  // a value, for g++ 12 warns where it cannot follow is_inline()
        std::byte inline_[inline_size];
    };
};

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/bytearray.hpp: owned growable bytes that are cheap to append to and cheap to remove from the front.
// The content is a window in a block: consuming moves the window's start, and the content is moved back only
// when room is needed and at least as many bytes were consumed, so that each byte is moved O(1) times.
// Contents of up to inline_size bytes need no block, and small blocks come from the thread's pool: a line or a field
// lives shortly.

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/block_pool.hpp>
#include <aioxx/base/contract.hpp>
#include <aioxx/buffer/byte_value.hpp>
#include <aioxx/buffer/bytes_methods.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/slice.hpp>

namespace aioxx {

/// Owned bytes (Python: bytearray).
///
/// Changes take bytes that may lie in the bytearray itself. Errors: std::length_error beyond max_size, and
/// the content stays. Lifetime: views end with the next change; a program built with AddressSanitizer is told of
/// the use of a view whose bytes were removed or moved.
class bytearray : public bytes_methods<bytearray, bytes_view, bytearray> {
public:
    using value_type = std::byte;
    using iterator = std::byte*;
    using const_iterator = const std::byte*;
    static constexpr std::size_t npos = bytes_view::npos;
    static constexpr std::size_t inline_size = 32;

    bytearray() noexcept = default;
    explicit bytearray(bytes_view content) {
        if (content.size() > largest_pooled) {
            append(content);
        } else {
            if (content.size() > inline_size) {
                capacity_ = std::max(content.size(), smallest_block);
                heap_ = static_cast<std::byte*>(detail::allocate_frame(capacity_));
            }
            if (!content.empty()) std::memcpy(block(), content.data(), content.size());
            end_ = content.size();
        }
    }
    bytearray(std::size_t count, std::byte value) { resize(count, value); }

    /// The elements of a range, bytes or integers, as ranges::to<bytearray>() and containers make it.
    /// Errors: std::invalid_argument for a number that is no byte.
    template <std::input_iterator Iterator, std::sentinel_for<Iterator> Sentinel>
    requires std::convertible_to<std::iter_reference_t<Iterator>, byte_value> bytearray(Iterator first,
                                                                                        Sentinel last)
        : bytearray() {  // so that a number that is no byte leaves nothing behind
        if constexpr (std::forward_iterator<Iterator>) {
            reserve(static_cast<std::size_t>(std::ranges::distance(first, last)));
        }
        for (; first != last; ++first)
            append(byte_value(*first));
    }

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

    /// One byte; a negative index counts from the end. Errors: std::out_of_range naming index and size.
    [[nodiscard]] std::byte& at(slice_bound index) { return data()[checked(index)]; }
    using bytes_methods::at;

    /// Lifetime: until the next change of the content.
    [[nodiscard]] bytes_view view() const noexcept { return {data(), size()}; }
    [[nodiscard]] std::string_view str() const noexcept { return view().str(); }

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
    void append(byte_value value) {
        prepare(1)[0] = value;
        ++end_;
    }
    void push_back(byte_value value) { append(value); }
    void extend(bytes_view content) { append(content); }
    /// Numbers, as far as they are bytes. Errors: std::invalid_argument for one that is not; then none is
    /// appended.
    template <std::ranges::input_range Range>
    requires(
        !bytes_like<Range> &&
        std::convertible_to<std::ranges::range_reference_t<Range>, byte_value>) void extend(Range&& values) {
        append(bytearray(std::ranges::begin(values), std::ranges::end(values)));
    }
    bytearray& operator+=(bytes_view content) {
        append(content);
        return *this;
    }
    /// Repeats the content a number of times; nothing is left for one below 1.
    bytearray& operator*=(std::ptrdiff_t count) { return *this = repeat(count); }

    /// Room for a number of bytes behind the content, not initialised; commit() makes them content.
    /// Lifetime: until the next change of the content.
    [[nodiscard]] mutable_bytes_view prepare(std::size_t count) {
        if (count > room()) make_room(count);
        show(end_, end_ + count);
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
            cut_to(begin_ + count);
        }
    }

    // ---- at the front ----

    /// Removes bytes from the front; O(1) amortised. Requires: not more than there are.
    void consume(std::size_t count) noexcept {
        AIOXX_EXPECTS(count <= size());
        hide(begin_, begin_ + count);
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
            cut_to(begin_ + count);
            return std::exchange(*this, std::move(rest));
        }
        bytearray taken(view().first(count));
        consume(count);
        return taken;
    }

    /// As take, for a number in Python's counting; all by default (Python 3.15: take_bytes).
    /// Errors: std::out_of_range when there are not so many.
    [[nodiscard]] bytearray take_bytes(slice_bound count = std::nullopt) {
        const std::ptrdiff_t wanted = count.among(size());
        if (!count.given()) return take(size());
        if (wanted < 0 || static_cast<std::size_t>(wanted) > size()) {
            throw std::out_of_range("take_bytes: " + std::to_string(count.value()) + " is out of range for " +
                                    std::to_string(size()) + " bytes");
        }
        return take(static_cast<std::size_t>(wanted));
    }

    // ---- anywhere ----

    /// Replaces the content by bytes, which may lie in it.
    void assign(bytes_view content) {
        if (lies_inside(content)) {
            show(0, end_);
            std::memmove(block(), content.data(), content.size());
            begin_ = 0;
            cut_to(content.size());
            return;
        }
        clear();
        append(content);
    }

    /// Inserts before a position, which is clamped; -1 is before the last byte.
    void insert(slice_bound position, bytes_view content) {
        const std::size_t at = position.clamped_to(size(), size());
        replace_part(at, at, content);
    }
    void insert(slice_bound position, byte_value value) {
        const std::byte copy = value;
        insert(position, bytes_view(&copy, 1));
    }

    /// Puts bytes in place of [start, stop) (Python: self[start:stop] = content); before start when stop is
    /// before it.
    void assign_slice(slice_bound start, slice_bound stop, bytes_view content) {
        const std::size_t begin = start.clamped_to(size(), 0);
        replace_part(begin, std::max(begin, stop.clamped_to(size(), size())), content);
    }
    /// Puts bytes in place of each step-th (Python: self[start:stop:step] = content). With a step of 1 the
    /// length may change.
    /// Errors: std::invalid_argument for a step of 0, and for another number of bytes than the slice has.
    void assign_slice(slice_bound start, slice_bound stop, slice_bound step, bytes_view content) {
        const detail::slice_range range(size(), start, stop, step);
        if (range.step == 1) return assign_slice(start, stop, content);
        if (content.size() != range.count) {
            throw std::invalid_argument("assign_slice: the slice has " + std::to_string(range.count) +
                                        " bytes, got " + std::to_string(content.size()));
        }
        if (lies_inside(content)) return assign_slice(start, stop, step, bytearray(content));
        for (std::size_t i = 0; i < range.count; ++i)
            data()[range[i]] = content[i];
    }

    /// Removes each step-th of the bytes of [start, stop) (Python: del self[start:stop:step]).
    /// Errors: std::invalid_argument for a step of 0.
    void erase_slice(slice_bound start, slice_bound stop, slice_bound step = 1) {
        const detail::slice_range range = detail::slice_range(size(), start, stop, step).ascending();
        if (range.count == 0) return;
        if (range.step == 1) return erase(range[0], range.count);
        // What stays between two that go moves to the front in one piece.
        std::byte* target = data() + range[0];
        for (std::size_t i = 0; i < range.count; ++i) {
            const std::size_t from = range[i] + 1;
            const std::size_t to = i + 1 < range.count ? range[i + 1] : size();
            std::memmove(target, data() + from, to - from);
            target += to - from;
        }
        cut_to(end_ - range.count);
    }

    /// Removes one byte, the last by default, and returns it. Errors: std::out_of_range.
    std::byte pop(slice_bound index = -1) {
        if (empty()) throw std::out_of_range("pop from an empty bytearray");
        const std::size_t at = checked(index);
        const std::byte value = data()[at];
        erase(at, 1);
        return value;
    }

    /// Removes the first byte of a value. Errors: std::invalid_argument when there is none.
    void remove(byte_value value) { erase(found("remove", find(value)), 1); }

    void reverse() noexcept { std::reverse(begin(), end()); }

    /// Removes bytes from a position on, as far as there are any.
    void erase(std::size_t position, std::size_t count = npos) noexcept {
        const std::size_t at = std::min(position, size());
        const std::size_t removed = std::min(count, size() - at);
        if (at == 0) return consume(removed);
        std::memmove(data() + at, data() + at + removed, size() - at - removed);
        cut_to(end_ - removed);
    }

    void clear() noexcept { consume(size()); }

    // ---- memory ----

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

    /// Makes a block from elsewhere the content, without copying unless it is small.
    /// Requires: the block has the capacity, and its first bytes, so many as the size, are initialised.
    [[nodiscard]] static bytearray adopt(std::unique_ptr<std::byte[]> block, std::size_t size,
                                         std::size_t capacity) {
        AIOXX_EXPECTS(size <= capacity);
        if (capacity <= largest_pooled) return bytearray(bytes_view(block.get(), size));
        bytearray result;
        result.heap_ = block.release();
        result.capacity_ = capacity;
        result.end_ = size;
        return result;
    }
    /// Hands over a block with the content at its start, and is empty then. The content is copied when it has no
    /// block of its own or a small one, and moved within the block when something was removed from its front.
    [[nodiscard]] std::unique_ptr<std::byte[]> release() {
        if (capacity_ <= largest_pooled) reallocate(largest_pooled + 1);
        show(0, capacity_);
        std::memmove(heap_, data(), size());
        std::unique_ptr<std::byte[]> content(heap_);
        capacity_ = inline_size;
        begin_ = end_ = 0;
        return content;
    }

    [[nodiscard]] static constexpr std::size_t max_size() noexcept {
        return static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
    }

private:
    static constexpr std::size_t smallest_block = 2 * inline_size;
    // Blocks up to this size are of the pool, which the capacity so tells; larger ones can be handed over.
    static constexpr std::size_t largest_pooled = 248;

    [[nodiscard]] bool is_inline() const noexcept { return capacity_ == inline_size; }
    [[nodiscard]] std::byte* block() noexcept { return is_inline() ? inline_ : heap_; }
    [[nodiscard]] const std::byte* block() const noexcept { return is_inline() ? inline_ : heap_; }
    [[nodiscard]] std::size_t room() const noexcept { return capacity_ - end_; }
    [[nodiscard]] bool lies_inside(bytes_view content) const noexcept {
        return std::less_equal<>()(block(), content.data()) &&
               std::less<>()(content.data(), block() + capacity_);
    }

    // Moves the content to the block's start when that is enough and cheap, else to a larger block.
    void make_room(std::size_t count) {
        const std::size_t held = size();
        if (count > max_size() - held) {
            throw std::length_error("a bytearray cannot grow from " + std::to_string(held) + " by " +
                                    std::to_string(count) + " bytes");
        }
        if (held + count <= capacity_ && (begin_ >= held || is_inline())) {
            show(0, end_);
            std::memmove(block(), data(), held);
            begin_ = 0;
            cut_to(held);
        } else {
            reallocate(std::max(held + count, std::min(max_size(), capacity_ * 2)));
        }
    }

    // Moves the content to the start of another block.
    void reallocate(std::size_t capacity) {
        auto* const other = capacity <= largest_pooled ? static_cast<std::byte*>(detail::allocate_frame(capacity))
                                                       : new std::byte[capacity];
        const std::size_t held = size();
        if (held != 0) std::memcpy(other, data(), held);
        free_block();
        heap_ = other;
        capacity_ = capacity;
        begin_ = 0;
        end_ = held;
    }

    // Puts bytes, which may lie in the content, in place of those of [begin, end).
    void replace_part(std::size_t begin, std::size_t end, bytes_view content) {
        if (!content.empty() && lies_inside(content)) return replace_part(begin, end, bytearray(content));
        const std::size_t removed = end - begin;
        if (begin == 0 && content.size() <= removed) {
            consume(removed - content.size());
        } else {
            if (content.size() > removed) static_cast<void>(prepare(content.size() - removed));
            std::memmove(data() + begin + content.size(), data() + end, size() - end);
            const std::size_t new_end = end_ - removed + content.size();
            end_ = std::max(end_, new_end);
            cut_to(new_end);
        }
        if (!content.empty()) std::memcpy(data() + begin, content.data(), content.size());
    }

    // What is no content is hidden, so that a view that has outlived a change is found under AddressSanitizer. Where
    // they stand inline the bytes may be on a stack, whose owner must be able to use them again.
    void hide([[maybe_unused]] std::size_t begin, [[maybe_unused]] std::size_t end) noexcept {
        if (!is_inline()) AIOXX_HIDE_BYTES(heap_ + begin, end - begin);
    }
    void show([[maybe_unused]] std::size_t begin, [[maybe_unused]] std::size_t end) noexcept {
        if (!is_inline()) AIOXX_SHOW_BYTES(heap_ + begin, end - begin);
    }
    void cut_to(std::size_t end) noexcept {
        hide(end, end_);
        end_ = end;
    }

    void free_block() noexcept {
        if (capacity_ > largest_pooled) {
            delete[] heap_;
        } else if (!is_inline()) {
            show(0, capacity_);
            detail::deallocate_frame(heap_, capacity_);
        }
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

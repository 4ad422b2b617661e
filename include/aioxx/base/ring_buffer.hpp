// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/ring_buffer.hpp: a FIFO in one block of memory, which is kept: no allocation once it has grown to size.

#include <cstddef>
#include <memory>
#include <utility>

#include <aioxx/base/contract.hpp>

namespace aioxx {

/// First in, first out. Grows by doubling; takes objects that can only be moved.
template <class T>
class ring_buffer {
public:
    using value_type = T;

    ring_buffer() noexcept = default;
    ring_buffer(ring_buffer&& other) noexcept
        : items_(std::exchange(other.items_, nullptr)),
          capacity_(std::exchange(other.capacity_, 0)),
          first_(std::exchange(other.first_, 0)),
          size_(std::exchange(other.size_, 0)) {}
    ring_buffer& operator=(ring_buffer other) noexcept {
        std::swap(items_, other.items_);
        std::swap(capacity_, other.capacity_);
        std::swap(first_, other.first_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~ring_buffer() {
        clear();
        if (items_ != nullptr) std::allocator<T>().deallocate(items_, capacity_);
    }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

    /// The oldest. Requires: not empty.
    [[nodiscard]] T& front() noexcept {
        AIOXX_EXPECTS(size_ > 0);
        return *at(0);
    }

    void push(T item) {
        if (size_ == capacity_) grow();
        std::construct_at(at(size_), std::move(item));
        ++size_;
    }

    /// Takes the oldest out. Requires: not empty.
    T pop() {
        T item = std::move(front());
        std::destroy_at(at(0));
        first_ = (first_ + 1) & (capacity_ - 1);
        --size_;
        return item;
    }

    void clear() noexcept {
        for (; size_ > 0; --size_) std::destroy_at(at(size_ - 1));
    }

private:
    // The capacity is a power of two.
    [[nodiscard]] T* at(std::size_t place) const noexcept { return items_ + ((first_ + place) & (capacity_ - 1)); }

    void grow() {
        const std::size_t capacity = capacity_ == 0 ? 8 : capacity_ * 2;
        T* const items = std::allocator<T>().allocate(capacity);
        for (std::size_t place = 0; place < size_; ++place) {
            std::construct_at(items + place, std::move(*at(place)));
            std::destroy_at(at(place));
        }
        if (items_ != nullptr) std::allocator<T>().deallocate(items_, capacity_);
        items_ = items;
        capacity_ = capacity;
        first_ = 0;
    }

    T* items_ = nullptr;
    std::size_t capacity_ = 0;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

}  // namespace aioxx

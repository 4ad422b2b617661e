// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/priority_queue.hpp: queues with another order: least first, and newest first.
// Only the store differs; everything else is queue.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <aioxx/sync/queue.hpp>

namespace aioxx {

namespace detail {

// A binary heap. Numbers the items as they come, so that equal ones stay in order.
template <class T, class Compare>
class heap_store {
public:
    void push(T item) {
        items_.push_back({std::move(item), next_number_++});
        std::push_heap(items_.begin(), items_.end(), comes_later);
    }
    T pop() {
        std::pop_heap(items_.begin(), items_.end(), comes_later);
        T item = std::move(items_.back().item);
        items_.pop_back();
        return item;
    }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    void clear() noexcept { items_.clear(); }

private:
    struct numbered {
        T item;
        std::uint64_t number;
    };

    static bool comes_later(const numbered& one, const numbered& other) {
        const Compare before{};
        if (before(other.item, one.item)) return true;
        return !before(one.item, other.item) && other.number < one.number;
    }

    std::vector<numbered> items_;
    std::uint64_t next_number_ = 0;
};

template <class T>
class stack_store {
public:
    void push(T item) { items_.push_back(std::move(item)); }
    T pop() {
        T item = std::move(items_.back());
        items_.pop_back();
        return item;
    }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    void clear() noexcept { items_.clear(); }

private:
    std::vector<T> items_;
};

}  // namespace detail

/// A queue that gives the least item first (asyncio: PriorityQueue).
///
/// Parameters: `Compare` an order that is default constructible, and does not throw; std::greater gives the
/// greatest first.
/// Asyncio: items that are equal keep the order in which they were put.
/// Example:
///     aioxx::priority_queue<std::pair<int, std::string>> jobs;
///     jobs.put_nowait({2, "sweep"});
///     jobs.put_nowait({1, "put out the fire"});  // goes out first
template <class T, class Compare = std::less<T>>
using priority_queue = queue<T, detail::heap_store<T, Compare>>;

/// A queue that gives the newest item first (asyncio: LifoQueue).
template <class T>
using lifo_queue = queue<T, detail::stack_store<T>>;

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/intrusive_list.hpp: doubly linked list whose links live in the elements.
// Linking and unlinking are O(1) and never allocate; an element unlinks itself when it dies.

#include <cstddef>

#include <aioxx/base/pinned.hpp>

namespace aioxx {

template <class T, class Tag>
class intrusive_list;

/// The links of one element in one list. Inherit once per list, with a tag each.
template <class Tag = void>
class list_node : pinned {
public:
    /// Whether the element is in a list.
    [[nodiscard]] bool is_linked() const noexcept { return next_ != nullptr; }

    /// Takes the element out of its list; nothing happens when it is in none.
    void unlink() noexcept {
        if (next_ == nullptr) return;
        next_->previous_ = previous_;
        previous_->next_ = next_;
        next_ = nullptr;
    }

protected:
    list_node() noexcept {}  // leaves previous_ alone
    ~list_node() { unlink(); }

private:
    template <class, class>
    friend class intrusive_list;
    list_node* next_ = nullptr;
    list_node* previous_;  // means nothing unless it is linked
};

/// FIFO of elements that inherit list_node<Tag>. Does not own them.
template <class T, class Tag = void>
class intrusive_list : pinned {
    struct sentinel : list_node<Tag> {};

public:
    intrusive_list() { root_.next_ = root_.previous_ = &root_; }
    ~intrusive_list() {
        clear();
        root_.next_ = nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return root_.next_ == &root_; }

    void push_back(T& element) noexcept { insert(*root_.previous_, element); }
    void push_front(T& element) noexcept { insert(root_, element); }

    /// The oldest element, or null.
    [[nodiscard]] T* front() const noexcept { return empty() ? nullptr : static_cast<T*>(root_.next_); }

    /// Takes the oldest element out and returns it, or null.
    T* pop_front() noexcept {
        list_node<Tag>* const first = root_.next_;
        if (first == &root_) return nullptr;
        root_.next_ = first->next_;
        root_.next_->previous_ = &root_;
        first->next_ = nullptr;
        return static_cast<T*>(first);
    }

    /// Takes the only element out and returns it; null when there is none or more than one.
    T* pop_single() noexcept {
        list_node<Tag>* const first = root_.next_;
        if (first == &root_ || first->next_ != &root_) return nullptr;
        root_.next_ = root_.previous_ = &root_;
        first->next_ = nullptr;
        return static_cast<T*>(first);
    }

    /// The element after this one, or null.
    [[nodiscard]] T* next(const T& element) const noexcept {
        auto* following = static_cast<const list_node<Tag>&>(element).next_;
        return following == &root_ ? nullptr : static_cast<T*>(following);
    }

    /// Moves all elements of another list to the end of this one.
    void splice_back(intrusive_list& other) noexcept {
        if (other.empty()) return;
        auto* first = other.root_.next_;
        auto* last = other.root_.previous_;
        first->previous_ = root_.previous_;
        root_.previous_->next_ = first;
        last->next_ = &root_;
        root_.previous_ = last;
        other.root_.next_ = other.root_.previous_ = &other.root_;
    }

    void clear() noexcept {
        while (pop_front() != nullptr) {
        }
    }

    /// Counts by walking: for tests and reports.
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t count = 0;
        for (auto* node = root_.next_; node != &root_; node = node->next_) ++count;
        return count;
    }

private:
    static void insert(list_node<Tag>& after, T& element) noexcept {
        auto& node = static_cast<list_node<Tag>&>(element);
        node.previous_ = &after;
        node.next_ = after.next_;
        after.next_->previous_ = &node;
        after.next_ = &node;
    }

    sentinel root_;
};

}  // namespace aioxx

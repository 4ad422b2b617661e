// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/select.hpp: takes one item from whichever of several channels has one.
//
// A select stands in the line of every channel like any task that receives. The first channel that promises it
// an item, or ends, takes it out of all other lines at once, so that only one item is ever promised to it.
// There is no select over sends: it would have to give back every item that it did not send.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <utility>
#include <variant>

#include <aioxx/base/pinned.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/sync/channel.hpp>
#include <aioxx/sync/channel_core.hpp>

namespace aioxx {

/// What a select over a range of receivers gives.
template <class T>
struct selected {
    std::size_t index;      ///< of the receiver in the range
    std::optional<T> item;  ///< nothing: that channel has ended
};

namespace detail {

template <class Receiver>
struct received_item {};
template <class T>
struct received_item<channel_receiver<T>> {
    using type = T;
};

/// Awaiter of a select: finds what is ready, fairly.
class select_taker : public channel_taker {
public:
    [[nodiscard]] bool await_ready() noexcept;

protected:
    select_taker() = default;
    ~select_taker() = default;

    /// What await_resume begins with. Returns: the index of the channel to take from.
    std::size_t choice();

private:
    const char* waits_for() const noexcept override { return "an item of one of several channels"; }
};

/// Select over channels of different items.
template <class... Ts>
class select_each final : public select_taker {
public:
    using result_type = std::variant<std::optional<Ts>...>;

    explicit select_each(const channel_receiver<Ts>&... receivers) noexcept {
        std::size_t index = 0;
        (own_places_[index++].watch(receivers), ...);
        places_ = own_places_;
    }

    result_type await_resume() { return take(choice(), std::index_sequence_for<Ts...>()); }

private:
    template <std::size_t... Index>
    result_type take(std::size_t index, std::index_sequence<Index...>) {
        using take_function = result_type (*)(channel_place&);
        static constexpr take_function functions[] = {[](channel_place& place) {
            return result_type(std::in_place_index<Index>, channel_state<Ts>::take_at(place));
        }...};
        return functions[index](places_[index]);
    }

    std::array<channel_place, sizeof...(Ts)> own_places_;
};

/// A number of places in recycled memory.
class channel_places : pinned {
public:
    explicit channel_places(std::size_t count)
        : places_(static_cast<channel_place*>(allocate_frame(bytes(count))), count) {
        std::uninitialized_default_construct(places_.begin(), places_.end());
    }
    ~channel_places() {
        std::destroy(places_.begin(), places_.end());
        deallocate_frame(places_.data(), bytes(places_.size()));
    }

    [[nodiscard]] std::span<channel_place> all() const noexcept { return places_; }

private:
    // The pool has no blocks of nothing.
    static std::size_t bytes(std::size_t count) noexcept {
        return std::max<std::size_t>(count, 1) * sizeof(channel_place);
    }

    std::span<channel_place> places_;
};

/// Select over a range of channels of the same items.
template <class T>
class select_range final : public select_taker {
public:
    explicit select_range(std::span<const channel_receiver<T>> receivers) : own_places_(receivers.size()) {
        places_ = own_places_.all();
        for (std::size_t index = 0; index < receivers.size(); ++index) places_[index].watch(receivers[index]);
    }

    selected<T> await_resume() {
        const std::size_t index = choice();
        return {index, channel_state<T>::take_at(places_[index])};
    }

private:
    channel_places own_places_;
};

}  // namespace detail

/// Waits until one of several channels has an item, and takes it; or until one has ended.
///
/// A receiver that is closed is left out: close the one whose channel has ended to go on with the others.
/// Fair: of several channels that are ready it takes from the one from which a select has taken longest ago, so
/// that each has its turn after all others at the latest. While it waits it stands in line behind the tasks that
/// came before, and channels without capacity hand over to it as to any task that receives. Nothing is spawned.
/// Returns: a variant whose index is that of the receiver; its optional holds nothing when the channel has ended.
/// Errors: closed_error when all receivers are closed, also when they are closed meanwhile.
/// Cancellation: safe. A cancelled select has taken nothing; what was promised to it goes on as in receive().
/// Lifetime: the receivers may be moved, closed and destroyed while it waits.
/// Asyncio: instead of wait(..., FIRST_COMPLETED), which may take several items.
/// Example:
///     while (!numbers.is_closed() || !words.is_closed()) {
///         auto got = co_await aioxx::select(numbers, words);
///         if (auto* number = std::get_if<0>(&got)) {
///             if (*number) use(**number); else numbers.close();
///         } else if (auto& word = std::get<1>(got)) {
///             use(*word);
///         } else {
///             words.close();
///         }
///     }
template <class... Ts>
    requires(sizeof...(Ts) > 0)
[[nodiscard]] auto select(const channel_receiver<Ts>&... receivers) noexcept {
    return detail::select_each<Ts...>(receivers...);
}

/// Select over a vector, array or span of receivers for the same items.
///
/// Its places come from the frame pool.
/// Returns: a `selected<T>`.
/// Errors: closed_error when all receivers are closed, or there is none.
/// Cancellation: safe, as above.
/// Lifetime: the range is not looked at after the call.
template <std::ranges::contiguous_range Range,
          class T = typename detail::received_item<std::ranges::range_value_t<Range>>::type>
[[nodiscard]] auto select(Range&& receivers) {
    return detail::select_range<T>(std::span<const channel_receiver<T>>(receivers));
}

// ---- definitions ----

inline bool detail::select_taker::await_ready() noexcept {
    bool is_open = false;
    for (channel_place& place : places_) {
        if (!place) continue;
        is_open = true;
        if (!place.core().is_ready()) continue;
        if (chosen_ == nullptr || place.core().last_selected < chosen_->core().last_selected) chosen_ = &place;
    }
    return chosen_ != nullptr || !is_open;
}

inline std::size_t detail::select_taker::choice() {
    channel_place& place = served("select");
    // Later than every channel that was there to be chosen.
    std::uint64_t latest = 0;
    for (const channel_place& other : places_) {
        if (other) latest = std::max(latest, other.core().last_selected);
    }
    place.core().last_selected = latest + 1;
    return static_cast<std::size_t>(&place - places_.data());
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/trim.hpp: takes bytes off the ends.

#include <string_view>

namespace aioxx::detail {

template <class Predicate>
constexpr std::string_view trimmed_front(std::string_view text, Predicate goes) noexcept {
    while (!text.empty() && goes(text.front()))
        text.remove_prefix(1);
    return text;
}

template <class Predicate>
constexpr std::string_view trimmed_back(std::string_view text, Predicate goes) noexcept {
    while (!text.empty() && goes(text.back()))
        text.remove_suffix(1);
    return text;
}

}  // namespace aioxx::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/address_order.hpp: in which order the addresses of a host are tried. Pure.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <aioxx/io/endpoint.hpp>

namespace aioxx {

/// Reorders addresses so that the families alternate, keeping the resolver's order inside each (RFC 8305, 4).
///
/// Parameters: `first_family_count` how many of the first address's family come before the others', at least 1.
[[nodiscard]] inline std::vector<endpoint> interleave_families(std::vector<endpoint> addresses,
                                                               std::size_t first_family_count = 1) {
    std::vector<std::vector<endpoint>> families;
    for (endpoint& address : addresses) {
        auto same = std::find_if(families.begin(), families.end(), [&](const std::vector<endpoint>& family) {
            return family.front().family() == address.family();
        });
        if (same == families.end()) {
            families.emplace_back();
            same = families.end() - 1;
        }
        same->push_back(std::move(address));
    }
    std::vector<endpoint> ordered;
    std::vector<std::size_t> used(families.size(), 0);
    const auto take = [&](std::size_t family) {
        if (used[family] < families[family].size()) ordered.push_back(std::move(families[family][used[family]++]));
    };
    for (std::size_t i = 1; i < first_family_count && !families.empty(); ++i) take(0);
    for (const std::size_t total = addresses.size(); ordered.size() < total;) {
        for (std::size_t family = 0; family < families.size(); ++family) take(family);
    }
    return ordered;
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#pragma once

// support/complaint_of.hpp: what an error says, for tests of its words.

#include <string>
#include <utility>

namespace support {

/// Calls a function. Returns: the text of the error that it throws, or "none"; other errors pass.
template <class Error, class Function>
std::string complaint_of(Function&& function) {
    try {
        static_cast<void>(std::forward<Function>(function)());
    } catch (const Error& complaint) {
        return complaint.what();
    }
    return "none";
}

}  // namespace support

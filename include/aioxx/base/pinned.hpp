// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/pinned.hpp: base of objects whose address is registered somewhere.
// They can be neither copied nor moved.

namespace aioxx {

/// Base class that takes away copying and moving.
class pinned {
public:
    pinned(const pinned&) = delete;
    pinned& operator=(const pinned&) = delete;

protected:
    pinned() = default;
    ~pinned() = default;
};

}  // namespace aioxx

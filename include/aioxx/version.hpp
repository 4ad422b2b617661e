// SPDX-License-Identifier: BSL-1.0
#pragma once

// version.hpp: the version of the library, as numbers that a program can compare.
// CMake reads the project's version from here, so that it stands in one place only.

namespace aioxx {

/// The version as in semantic versioning: while `version_major` is 0, `version_minor` counts breaking changes.
inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

}  // namespace aioxx

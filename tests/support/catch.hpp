// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/support/catch.hpp: the one place that knows which Catch2 is installed.
// Debian 12 has 2.13 (a single header), later systems have 3.x (split headers).

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

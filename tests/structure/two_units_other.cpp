// SPDX-License-Identifier: BSL-1.0
// tests/structure/two_units_other.cpp: ... and in a second one, linked together.

#include <aioxx/aioxx.hpp>
#include <aioxx/testing.hpp>
#if __has_include(<openssl/evp.h>) && __has_include(<zlib.h>)
#include <aioxx/websocket.hpp>
#endif

namespace {

aioxx::coro<int> forty_two() { co_return 42; }

}  // namespace

int run_in_the_other_unit() { return aioxx::run(forty_two()); }

// SPDX-License-Identifier: BSL-1.0
// tests/structure/two_units.cpp: the umbrella in one translation unit ...

#include <aioxx/aioxx.hpp>
#include <aioxx/testing.hpp>
#if __has_include(<openssl/evp.h>) && __has_include(<zlib.h>)
#include <aioxx/websocket.hpp>
#endif

int run_in_the_other_unit();

namespace {

aioxx::coro<int> forty_two() { co_return 42; }

}  // namespace

int main() { return aioxx::run(forty_two()) == run_in_the_other_unit() ? 0 : 1; }

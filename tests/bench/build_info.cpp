// SPDX-License-Identifier: BSL-1.0

// tests/bench/build_info.cpp: prints what the benchmarks were built with, for the head of every result.

#include <asio/version.hpp>
#include <cstdio>

int main() {
#if defined(__clang__)
    const char* compiler = "clang " __clang_version__;
#else
    const char* compiler = "g++ " __VERSION__;
#endif
    std::printf("%s, -O2, Asio %d.%d.%d\n", compiler, ASIO_VERSION / 100000, ASIO_VERSION / 100 % 1000,
                ASIO_VERSION % 100);
}

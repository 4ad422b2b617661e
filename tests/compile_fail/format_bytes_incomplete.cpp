// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/format_bytes_incomplete.cpp: a % at the end is the start of a conversion.

#include <aioxx/buffer/format_bytes.hpp>

aioxx::bytearray incomplete() {
#ifdef AIOXX_MISUSE
    return aioxx::format_bytes("100 %");
#else
    return aioxx::format_bytes("100 %%");
#endif
}

// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/format_bytes_missing_argument.cpp: a * takes an argument before the conversion does.

#include <aioxx/buffer/format_bytes.hpp>

aioxx::bytearray missing_argument() {
#ifdef AIOXX_MISUSE
    return aioxx::format_bytes("%*d", 5);
#else
    return aioxx::format_bytes("%*d", 5, 1);
#endif
}

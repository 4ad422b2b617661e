// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/format_bytes_argument_of_another_type.cpp: %s takes bytes, and a number is none.

#include <aioxx/buffer/format_bytes.hpp>

aioxx::bytearray argument_of_another_type() {
#ifdef AIOXX_MISUSE
    return aioxx::format_bytes("length: %s", 5);
#else
    return aioxx::format_bytes("length: %d", 5);
#endif
}

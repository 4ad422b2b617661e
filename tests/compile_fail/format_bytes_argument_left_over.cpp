// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/format_bytes_argument_left_over.cpp: %% is text and takes no argument.

#include <aioxx/buffer/format_bytes.hpp>

aioxx::bytearray argument_left_over() {
#ifdef AIOXX_MISUSE
    return aioxx::format_bytes("%d%%", 5, 1);
#else
    return aioxx::format_bytes("%d%%", 5);
#endif
}

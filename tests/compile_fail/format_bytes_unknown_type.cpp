// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/format_bytes_unknown_type.cpp: there is no %q, and only one length modifier is read
// over.

#include <aioxx/buffer/format_bytes.hpp>

aioxx::bytearray unknown_type() {
#ifdef AIOXX_MISUSE
    return aioxx::format_bytes("%lld", 5ll);
#else
    return aioxx::format_bytes("%ld", 5ll);
#endif
}

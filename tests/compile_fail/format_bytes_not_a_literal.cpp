// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/format_bytes_not_a_literal.cpp: a format that the compiler cannot check is marked as
// one.

#include <string>

#include <aioxx/buffer/format_bytes.hpp>

aioxx::bytearray not_a_literal(const std::string& format) {
#ifdef AIOXX_MISUSE
    return aioxx::format_bytes(format, 5);
#else
    return aioxx::format_bytes(aioxx::runtime_format(format), 5);
#endif
}

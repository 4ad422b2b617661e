// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/format_bytes_key_without_mapping.cpp: a key names an item, and arguments have no names.

#include <aioxx/buffer/format_bytes.hpp>

aioxx::bytearray key_without_mapping() {
#ifdef AIOXX_MISUSE
    return aioxx::format_bytes("%(id)d", 5);
#else
    return aioxx::format_bytes("%(id)d", {{"id", 5}});
#endif
}

// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer.hpp: all of buffer/, the bytes: bytes_view looks at bytes, bytearray owns them (Python's bytearray,
// with cheap removal at the front), byte_cursor and byte_sink read and write numbers in network order.
// Pure: nothing here waits or knows where the bytes come from.

#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/byte_cursor.hpp>
#include <aioxx/buffer/byte_set.hpp>
#include <aioxx/buffer/byte_sink.hpp>
#include <aioxx/buffer/byte_value.hpp>
#include <aioxx/buffer/byte_window.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes.hpp>
#include <aioxx/buffer/bytes_methods.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/decode.hpp>
#include <aioxx/buffer/find.hpp>
#include <aioxx/buffer/format_bytes.hpp>
#include <aioxx/buffer/format_number.hpp>
#include <aioxx/buffer/format_spec.hpp>
#include <aioxx/buffer/gather_list.hpp>
#include <aioxx/buffer/hex.hpp>
#include <aioxx/buffer/pad.hpp>
#include <aioxx/buffer/receive_block.hpp>
#include <aioxx/buffer/replace.hpp>
#include <aioxx/buffer/repr.hpp>
#include <aioxx/buffer/search.hpp>
#include <aioxx/buffer/slice.hpp>
#include <aioxx/buffer/split.hpp>
#include <aioxx/buffer/trim.hpp>
#include <aioxx/buffer/views.hpp>

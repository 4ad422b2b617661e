// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer.hpp: all of buffer/, the bytes: bytes_view looks at bytes, bytearray owns them (Python's bytearray,
// with cheap removal at the front), byte_cursor and byte_sink read and write numbers in network order.
// Pure: nothing here waits or knows where the bytes come from.

#include <aioxx/buffer/byte_cursor.hpp>
#include <aioxx/buffer/byte_sink.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/find.hpp>
#include <aioxx/buffer/gather_list.hpp>
#include <aioxx/buffer/views.hpp>

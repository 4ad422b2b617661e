// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/buffered_protocol.hpp: the protocol for byte streams that lends its own memory to receive into.
// In place of data_received it is called
//
//     ( get_buffer  buffer_updated? )*

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx {

/// A protocol for byte streams that saves the copy (asyncio: BufferedProtocol).
class buffered_protocol : public base_stream_protocol {
public:
    /// Lends memory for the next bytes.
    ///
    /// Parameters: `size_hint` how many bytes are expected; 0 when that is not known.
    /// Returns: at least one byte. An empty buffer is an error that is reported and ends the connection.
    /// Lifetime: written until buffer_updated, or until the next get_buffer when nothing arrived.
    virtual mutable_bytes_view get_buffer(std::size_t size_hint) = 0;

    /// Bytes have arrived in the memory that get_buffer lent last.
    ///
    /// Parameters: `count` how many, from its start, at least 1.
    virtual void buffer_updated(std::size_t count) = 0;
};

/// Gives a block of bytes to a buffered protocol as if it had been received.
///
/// Errors: invalid_state_error when get_buffer returns an empty buffer; what the callbacks throw.
inline void feed(buffered_protocol& receiver, bytes_view data) {
    while (!data.empty()) {
        const mutable_bytes_view lent = receiver.get_buffer(data.size());
        if (lent.empty()) throw invalid_state_error("get_buffer returned an empty buffer; at least one byte was expected");
        const std::size_t count = std::min(lent.size(), data.size());
        std::memcpy(lent.data(), data.data(), count);
        receiver.buffer_updated(count);
        data.remove_prefix(count);
    }
}

}  // namespace aioxx

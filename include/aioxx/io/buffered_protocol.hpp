// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/buffered_protocol.hpp: the protocol for byte streams that lends its own memory to receive into, which
// saves a copy. The rules of io/protocol.hpp hold; in place of data_received it is called
//
//     ( get_buffer  [ buffer_updated ] )*
//
// where buffer_updated is missing when nothing arrived after all.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx {

/// A protocol for byte streams that receives into its own memory.
///
/// Asyncio: BufferedProtocol. Both callbacks have to be written here; there the defaults fail when the first
/// byte arrives.
class buffered_protocol : public base_stream_protocol {
public:
    /// Lends memory for the next bytes.
    ///
    /// Parameters: `size_hint` how many bytes are expected; 0 when that is not known (asyncio: -1). Any size
    /// is right.
    /// Returns: at least one byte of room. An empty buffer is an error, which is reported and ends the
    /// connection.
    /// Requires: the protocol stays the transport's: set_protocol belongs into buffer_updated.
    /// Ordering: scheduled, right before the bytes are received.
    /// Lifetime: the memory stays valid and in place until buffer_updated, the next get_buffer or
    /// connection_lost, whichever comes first.
    /// Errors: one that is thrown is reported and ends the connection with it.
    virtual mutable_bytes_view get_buffer(std::size_t size_hint) = 0;

    /// Bytes have arrived at the start of the memory that get_buffer lent last.
    ///
    /// Parameters: `count` how many, from 1 to the size of the buffer.
    /// Ordering: scheduled, after its get_buffer, with no other callback of receiving between them.
    /// Errors: one that is thrown is reported and ends the connection with it.
    virtual void buffer_updated(std::size_t count) = 0;
};

/// Borrows memory from a buffered protocol, as every transport has to.
///
/// Parameters: `size_hint` as for get_buffer.
/// Returns: what get_buffer lent, at least one byte. Lifetime: as for get_buffer.
/// Errors: invalid_state_error naming get_buffer when it is empty; what get_buffer throws.
[[nodiscard]] inline mutable_bytes_view lend_buffer(buffered_protocol& receiver, std::size_t size_hint) {
    const mutable_bytes_view lent = receiver.get_buffer(size_hint);
    if (lent.empty()) {
        throw invalid_state_error("get_buffer returned an empty buffer, expected at least one byte");
    }
    return lent;
}

/// Gives a block of bytes to a buffered protocol as if it had been received: bytes that were decrypted, or
/// that another protocol had read too many.
///
/// Requires: `data` does not lie in the memory that the protocol lends.
/// Ordering: calls inline; the size hint is what is left of the block.
/// Errors: invalid_state_error when get_buffer returns an empty buffer; what the callbacks throw. What was
/// fed until then is the protocol's, the rest is not.
/// Lifetime: `data` is read during the call only. The caller keeps the protocol alive.
inline void feed(buffered_protocol& receiver, bytes_view data) {
    while (!data.empty()) {
        const mutable_bytes_view lent = lend_buffer(receiver, data.size());
        const std::size_t count = std::min(lent.size(), data.size());
        std::memcpy(lent.data(), data.data(), count);
        receiver.buffer_updated(count);
        data.remove_prefix(count);
    }
}

}  // namespace aioxx

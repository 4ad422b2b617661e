// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/served_protocol.hpp: the protocol that a byte transport serves, and which of the two kinds it is. A part of
// transports, which look at the kind once and not at every portion.

#include <memory>
#include <stdexcept>
#include <utility>

#include <aioxx/io/buffered_protocol.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx::detail {

struct served_protocol {
    served_protocol() = default;

    /// Errors: std::invalid_argument for none, or for one that is not for byte streams.
    explicit served_protocol(std::shared_ptr<base_protocol> served)
        : held(std::move(served)), stream(dynamic_cast<base_stream_protocol*>(held.get())) {
        if (stream == nullptr) {
            throw std::invalid_argument(
                "set_protocol: a byte transport needs a protocol or a buffered_protocol, got another kind or none");
        }
        plain = dynamic_cast<protocol*>(stream);
        buffered = dynamic_cast<buffered_protocol*>(stream);
    }

    std::shared_ptr<base_protocol> held;
    base_stream_protocol* stream = nullptr;  // what is held, as what it is: exactly one of the next two
    protocol* plain = nullptr;
    buffered_protocol* buffered = nullptr;
};

}  // namespace aioxx::detail

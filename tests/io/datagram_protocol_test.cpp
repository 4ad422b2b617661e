// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/datagram_protocol.hpp>

#include <system_error>

#include "io/fakes.hpp"
#include "support/catch.hpp"

namespace aioxx {

TEST_CASE("every callback of a datagram_protocol that overrides nothing is harmless (FC011)", "[io]") {
    fake_datagram_transport made;
    datagram_protocol served;
    served.connection_made(made);
    served.datagram_received("bytes", endpoint::from_ip("127.0.0.1", 9));
    served.datagram_received("", endpoint());
    served.error_received(std::make_error_code(std::errc::connection_refused));
    served.pause_writing();
    served.resume_writing();
    served.connection_lost(nullptr);
    CHECK_FALSE(made.is_closing());
}

}  // namespace aioxx

// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/process_protocol.hpp>

#include "io/fakes.hpp"
#include "support/catch.hpp"

namespace aioxx {

TEST_CASE("every callback of a subprocess_protocol that overrides nothing is harmless (FC011)", "[io]") {
    fake_subprocess_transport made;
    subprocess_protocol served;
    served.connection_made(made);
    served.pipe_data_received(1, "bytes");
    served.pipe_connection_lost(1, nullptr);
    served.process_exited();
    served.pause_writing();
    served.resume_writing();
    served.connection_lost(nullptr);
    CHECK_FALSE(made.is_closing());
}

}  // namespace aioxx

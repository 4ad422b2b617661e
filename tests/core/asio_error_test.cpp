// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/asio_error.hpp>

#include <cerrno>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("the system's codes from Asio compare equal to std::errc, others are left alone", "[core]") {
    const asio::error_code refused(ECONNREFUSED, asio::error::get_system_category());
    CHECK(to_std(refused) == std::errc::connection_refused);
    CHECK(to_std(asio::error::operation_aborted) == std::errc::operation_canceled);
    CHECK(to_std(asio::error::eof) == asio::error::eof);
    CHECK_FALSE(to_std(asio::error_code()));
}

// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/served_protocol.hpp>

#include <memory>
#include <stdexcept>

#include <aioxx/io/datagram_protocol.hpp>

#include "support/catch.hpp"

namespace aioxx {
namespace {

using detail::served_protocol;

class lending : public buffered_protocol {
    mutable_bytes_view get_buffer(std::size_t) override { return {}; }
    void buffer_updated(std::size_t) override {}
};

}  // namespace

TEST_CASE("a served protocol is known as the kind that it is", "[io]") {
    const auto given = std::make_shared<protocol>();
    const served_protocol plain(given);
    CHECK(plain.held == given);
    CHECK(plain.stream == given.get());
    CHECK(plain.plain == given.get());
    CHECK(plain.buffered == nullptr);
    const auto lender = std::make_shared<lending>();
    const served_protocol buffered(lender);
    CHECK(buffered.held == lender);
    CHECK(buffered.stream == lender.get());
    CHECK(buffered.plain == nullptr);
    CHECK(buffered.buffered == lender.get());
}

TEST_CASE("what a byte transport cannot serve is refused, and the former one stays", "[io]") {
    const auto given = std::make_shared<protocol>();
    served_protocol served(given);
    CHECK_THROWS_AS(served = served_protocol(nullptr), std::invalid_argument);
    CHECK_THROWS_AS(served = served_protocol(std::make_shared<datagram_protocol>()), std::invalid_argument);
    CHECK(served.plain == given.get());
}

TEST_CASE("nothing is served when nothing is held", "[io]") {
    const auto given = std::make_shared<protocol>();
    served_protocol served(given);
    served = {};
    CHECK(served.held == nullptr);
    CHECK(served.stream == nullptr);
    CHECK(served.plain == nullptr);
    CHECK(given.use_count() == 1);
}

}  // namespace aioxx

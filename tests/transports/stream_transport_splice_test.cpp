// SPDX-License-Identifier: BSL-1.0

// What the system moves past the memory of the program: splice_to, splice_from, and what is read and written beside them.

#include <aioxx/transports/stream_transport.hpp>

#include <memory>
#include <string>
#include <system_error>

#include <aioxx/testing/recording_protocol.hpp>

#include "support/catch.hpp"
#include "transports/scripted_stage.hpp"

using namespace aioxx;
using testing::recording_protocol;
using namespace scripted;

namespace {

struct splicing_stage : scripted::stage {
    splicing_stage() : stage(std::make_shared<recording_protocol>(true)) {}

    [[nodiscard]] transport_statistics statistics() const { return made->get_extra_info(extra_info::statistics).value(); }

    std::shared_ptr<const unique_fd> pipe = std::make_shared<const unique_fd>();
};

}  // namespace

TEST_CASE("what a pipe holds is sent before what is written later, and the protocol waits for it", "[transports]") {
    splicing_stage on;
    CHECK(on.made->is_free());
    on.played->splices_from = {moved(3), would_block()};
    on.in_turn([&] {
        CHECK(on.made->splice_from(on.pipe, 10));
        CHECK_FALSE(on.made->is_free());
        CHECK(on.made->get_write_buffer_size() == 7);
        on.made->write("later");
    });
    CHECK(on.played->all_sent() == "...");
    CHECK(on.played->writable_waits == 1);
    CHECK(on.protocol->story() == "connection_made pause_writing");
    on.played->splices_from = {moved(2), would_block()};
    on.writable();
    CHECK(on.played->all_sent() == ".....");
    CHECK(on.made->get_write_buffer_size() == 10);
    CHECK(on.pipe.use_count() == 2);
    on.writable();
    CHECK(on.played->all_sent() == "..........later");
    CHECK(on.pipe.use_count() == 1);
    CHECK(on.made->is_free());
    CHECK(on.protocol->story() == "connection_made pause_writing resume_writing");
    CHECK(on.statistics().bytes_sent == 15);
    CHECK(on.statistics().sends == 4);
}

TEST_CASE("what the medium takes from a pipe at once pauses nobody", "[transports]") {
    splicing_stage on;
    on.in_turn([&] { CHECK(on.made->splice_from(on.pipe, 100'000)); });
    CHECK(on.statistics().bytes_sent == 100'000);
    CHECK(on.protocol->story() == "connection_made");
    CHECK(on.pipe.use_count() == 1);
}

TEST_CASE("a medium that cannot take from a pipe says so, and nothing has happened", "[transports]") {
    for (const std::errc code : {std::errc::invalid_argument, std::errc::function_not_supported}) {
        splicing_stage on;
        on.played->splices_from = {failed(code)};
        on.in_turn([&] {
            CHECK_FALSE(on.made->splice_from(on.pipe, 10));
            CHECK(on.made->is_free());
            on.made->write("instead");
        });
        CHECK(on.played->all_sent() == "instead");
        CHECK(on.pipe.use_count() == 1);
    }
}

TEST_CASE("an error while a pipe is sent ends the connection as that of a write", "[transports]") {
    for (const bool later : {false, true}) {
        splicing_stage on;
        if (later) on.played->splices_from = {moved(1), would_block()};
        on.played->splices_from.push_back(failed(std::errc::broken_pipe));
        on.in_turn([&] { CHECK(on.made->splice_from(on.pipe, 10)); });
        if (later) on.writable();
        REQUIRE(on.protocol->count("connection_lost: ") == 1);
        CHECK(on.protocol->calls().back().find("send") != std::string::npos);
        CHECK(on.pipe.use_count() == 1);
    }
}

TEST_CASE("close, write_eof and when_sent wait for what a pipe holds, abort does not", "[transports]") {
    splicing_stage on;
    on.played->splices_from = {would_block()};
    bool sent = false;
    on.in_turn([&] {
        on.made->splice_from(on.pipe, 10);
        on.made->when_sent([&] { sent = true; });
        on.made->close();
    });
    CHECK_FALSE(on.played->closed);
    CHECK_FALSE(sent);
    on.writable();
    CHECK(on.played->all_sent() == "..........");
    CHECK(sent);
    CHECK(on.played->closed);

    splicing_stage other;
    other.played->splices_from = {would_block()};
    other.in_turn([&] {
        other.made->splice_from(other.pipe, 10);
        other.made->abort();
    });
    CHECK(other.played->closed);
    CHECK(other.pipe.use_count() == 1);
}

TEST_CASE("writers are held until everything is sent, and not only down to the low mark", "[transports]") {
    splicing_stage on;
    on.in_turn([&] { on.made->hold_writers(); });
    CHECK(on.protocol->story() == "connection_made");  // nothing was queued
    on.played->sends = {moved(10'000), moved(19'000)};
    on.in_turn([&] {
        on.made->write(std::string(30'000, 'x'));
        on.made->hold_writers();
        CHECK_FALSE(on.made->is_free());
    });
    CHECK(on.protocol->story() == "connection_made pause_writing");
    on.writable();
    CHECK(on.made->get_write_buffer_size() == 1'000);
    CHECK(on.protocol->story() == "connection_made pause_writing");
    on.writable();
    CHECK(on.protocol->story() == "connection_made pause_writing resume_writing");
}

TEST_CASE("while reading is diverted the protocol is told of the end only", "[transports]") {
    splicing_stage on;
    int arrivals = 0;
    on.in_turn([&] {
        CHECK(on.made->divert_reading([&] { ++arrivals; }));
        CHECK_FALSE(on.made->divert_reading([] {}));  // it is already
        CHECK(on.made->splice_to(1, 100).would_block());
    });
    on.played->arrive("not for the protocol");
    on.readable();
    CHECK(arrivals == 1);
    on.played->splices_to = {moved(20), moved(30)};
    on.in_turn([&] {
        CHECK(on.made->splice_to(1, 100).count == 20);
        CHECK(on.made->splice_to(1, 100).count == 30);
    });
    CHECK(on.statistics().bytes_received == 50);
    CHECK(on.statistics().receives == 2);
    CHECK(on.protocol->received().empty());
    on.played->splices_to = {moved(0)};
    on.in_turn([&] { CHECK(on.made->splice_to(1, 100).count == 0); });
    CHECK(on.protocol->story() == "connection_made eof_received");
    on.in_turn([&] { on.made->end_diversion(); });
    CHECK(on.protocol->story() == "connection_made eof_received");
}

TEST_CASE("the protocol has what arrives again when the diversion is over, or another protocol", "[transports]") {
    for (const bool replaced : {false, true}) {
        splicing_stage on;
        on.in_turn([&] { on.made->divert_reading([] {}); });
        on.played->arrive("data");
        auto other = std::make_shared<recording_protocol>();
        on.in_turn([&] {
            if (replaced) {
                on.made->set_protocol(other);
            } else {
                on.made->end_diversion();
            }
        });
        CHECK(on.made->splice_to(1, 100).would_block());
        CHECK(on.played->splice_calls == 0);
        CHECK((replaced ? other : on.protocol)->received() == "data");
    }
}

TEST_CASE("who is told of an arrival may end the diversion, begin another, close and abort", "[transports]") {
    const std::string held(100, 'h');  // in the function that runs, beyond what it holds in place
    for (const int way : {0, 1, 2, 3}) {
        CAPTURE(way);
        splicing_stage on;
        std::string told;
        const auto arrived = [&, held] {
            if (way == 0) on.made->end_diversion();
            if (way == 1) {
                on.made->end_diversion();
                on.made->divert_reading([&told] { told += "another "; });
            }
            if (way == 2) on.made->close();
            if (way == 3) on.made->abort();
            told += held.substr(0, 1);
        };
        on.in_turn([&] {
            REQUIRE(on.made->divert_reading(arrived));
            CHECK(on.made->splice_to(1, 100).would_block());
        });
        on.readable();
        on.played->arrive("for the protocol");
        if (way < 2) on.readable();
        CHECK(told.starts_with("h"));
        CHECK((told.find("another") != std::string::npos) == (way == 1));
        CHECK(on.protocol->received() == (way == 0 ? "for the protocol" : ""));
    }
}

TEST_CASE("a diverted transport that is paused gives nothing, and says when it can be asked again", "[transports]") {
    splicing_stage on;
    int arrivals = 0;
    on.in_turn([&] {
        on.made->divert_reading([&] { ++arrivals; });
        on.made->pause_reading();
        CHECK(on.made->splice_to(1, 100).would_block());
    });
    on.readable();
    CHECK(on.played->splice_calls == 0);
    CHECK(arrivals == 0);
    on.in_turn([&] { on.made->resume_reading(); });
    CHECK(arrivals == 1);
}

TEST_CASE("an error of a diverted source is told to the protocol, unless the system cannot splice", "[transports]") {
    splicing_stage on;
    on.in_turn([&] {
        on.made->divert_reading([] {});
        on.played->splices_to = {failed(std::errc::invalid_argument), failed(std::errc::connection_reset)};
        CHECK(on.made->splice_to(1, 100).is_unsupported());
        CHECK_FALSE(on.made->is_closing());
        CHECK(on.made->splice_to(1, 100).error == std::errc::connection_reset);
    });
    REQUIRE(on.protocol->count("connection_lost: ") == 1);
    CHECK(on.protocol->calls().back().find("receive") != std::string::npos);
}

TEST_CASE("a transport whose channel does not splice, or that is not ready, is not diverted", "[transports]") {
    splicing_stage on;
    on.played->splices = false;
    CHECK_FALSE(on.made->splices());
    CHECK_FALSE(on.made->divert_reading([] {}));
    on.played->splices = true;
    CHECK(on.made->splices());
    on.in_turn([&] { on.made->close(); });
    CHECK_FALSE(on.made->splices());
    CHECK_FALSE(on.made->is_free());
}

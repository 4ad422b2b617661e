// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/receive_buffer.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/streams/reader.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using testing::step;
using testing::test_loop;

namespace {

// Counts what the buffer asks of its transport.
class counting_transport final : public read_transport {
public:
    int pauses = 0;
    int resumes = 0;
    int closes = 0;
    bool reading = true;

    [[nodiscard]] bool query_extra_info(extra_info_query&) const override { return false; }
    [[nodiscard]] bool is_closing() const noexcept override { return false; }
    void close() override { ++closes; }
    void set_protocol(std::shared_ptr<base_protocol>) override {}
    [[nodiscard]] std::shared_ptr<base_protocol> get_protocol() const override { return nullptr; }
    [[nodiscard]] std::string describe() const override { return "counting"; }
    [[nodiscard]] bool is_reading() const noexcept override { return reading; }
    void pause_reading() override {
        ++pauses;
        reading = false;
    }
    void resume_reading() override {
        ++resumes;
        reading = true;
    }
};

struct fixture {
    explicit fixture(std::size_t limit) : buffer(std::make_shared<receive_buffer>(limit)), reader(buffer) {
        buffer->set_transport(&transport);
    }
    ~fixture() { buffer->set_transport(nullptr); }

    counting_transport transport;
    std::shared_ptr<receive_buffer> buffer;
    stream_reader reader;
};

}  // namespace

TEST_CASE("reading pauses above twice the limit and resumes at the limit", "[streams]") {
    test_loop loop;
    fixture held(5);
    held.buffer->feed("0123456789");
    CHECK(held.transport.pauses == 0);
    held.buffer->feed("a");
    CHECK(held.transport.pauses == 1);
    held.buffer->feed("b");
    CHECK(held.transport.pauses == 1);
    step six(loop, [&] { return held.reader.read(6); });
    six.result();
    CHECK(held.transport.resumes == 0);  // 6 are left
    step one(loop, [&] { return held.reader.read(1); });
    one.result();
    CHECK(held.transport.resumes == 1);  // 5 are left
    CHECK(held.buffer->size() == 5);
}

TEST_CASE("whoever waits for more resumes reading, however much is held", "[streams]") {
    test_loop loop;
    fixture held(2);
    held.buffer->feed("0123456789");
    CHECK(!held.transport.reading);
    step exactly(loop, [&] { return held.reader.readexactly(15); });
    CHECK(held.transport.reading);
    held.buffer->feed("012");
    CHECK(held.transport.reading);  // it waits on
    CHECK(exactly.pending());
    exactly.cancel();
    exactly.resume();
    held.buffer->feed("3");
    CHECK(!held.transport.reading);  // nobody waits, and 14 are more than 4
}

TEST_CASE("readexactly above twice the limit is not stopped by the pause", "[streams]") {
    test_loop loop;
    fixture held(2);
    step exactly(loop, [&] { return held.reader.readexactly(30); });
    for (int i = 0; i < 10; ++i) {
        CHECK(exactly.pending());
        CHECK(held.transport.reading);
        held.buffer->feed("abc");
    }
    exactly.resume();
    CHECK(exactly.result().size() == 30);
}

TEST_CASE("bytes that are lent do not count as held, and are given back by the next operation", "[streams]") {
    test_loop loop;
    fixture held(2);
    held.buffer->feed("abcdef");
    CHECK(held.transport.pauses == 1);
    step view(loop, [&] { return held.reader.read_view(4); });
    CHECK(view.result().str() == "abcd");
    CHECK(held.buffer->size() == 2);
    step next(loop, [&] { return held.reader.read(1); });
    CHECK(next.result() == "e");
    CHECK(held.transport.resumes == 1);
}

TEST_CASE("take_all moves out what was not read, lent bytes excepted, and resumes reading", "[streams]") {
    test_loop loop;
    fixture held(2);
    held.buffer->feed("abcdef");
    step view(loop, [&] { return held.reader.read_view(2); });
    CHECK(view.result().str() == "ab");
    held.buffer->feed("gh");
    CHECK(held.buffer->take_all() == "cdefgh");
    CHECK(held.transport.reading);
    CHECK(held.buffer->size() == 0);
}

TEST_CASE("the end is reached when it was received and everything is read", "[streams]") {
    receive_buffer buffer(10);
    buffer.feed("x");
    CHECK(!buffer.ended());
    buffer.feed_eof();
    CHECK(buffer.ended());
    CHECK(!buffer.at_eof());
    CHECK(buffer.take_all() == "x");
    CHECK(buffer.at_eof());
    CHECK_THROWS_AS(receive_buffer(0), std::invalid_argument);
}

TEST_CASE("clear_eof reads on where something can follow the end, and nowhere else", "[streams]") {
    test_loop loop;
    fixture held(100);
    CHECK(!held.reader.clear_eof());  // there was no end
    CHECK(held.transport.resumes == 0);
    held.buffer->feed("one");
    held.buffer->feed_eof();
    held.transport.reading = false;  // as a transport is that has seen the end
    step all(loop, [&] { return held.reader.read(); });
    CHECK(all.result() == "one");
    CHECK(held.reader.at_eof());
    CHECK(held.reader.clear_eof());
    CHECK(!held.reader.at_eof());
    step line(loop, [&] { return held.reader.readline(); });
    held.buffer->feed("two\n");
    loop.settle();
    CHECK(line.result() == "two\n");

    held.buffer->fail(std::make_exception_ptr(std::runtime_error("broken")));
    CHECK(!held.reader.clear_eof());
    held.buffer->set_transport(nullptr);
    CHECK(!held.reader.clear_eof());
}

TEST_CASE("an operation whose buffer goes away waits until it is cancelled", "[streams]") {
    test_loop loop;
    auto buffer = std::make_unique<receive_buffer>(10);
    detail::read_awaiter<detail::read_line_rules> reading(*buffer, {});
    step line(loop, [&]() -> auto& { return reading; });
    CHECK(line.pending());
    buffer.reset();
    CHECK(line.pending());
    line.cancel();
    line.resume();
    CHECK_THROWS_AS(line.result(), cancelled_error);
}

TEST_CASE("a reader keeps its source", "[streams]") {
    test_loop loop;
    auto buffer = std::make_shared<receive_buffer>(10);
    std::weak_ptr<receive_buffer> source = buffer;
    {
        const stream_reader reader(std::move(buffer));
        reader.feed_data("x");
        REQUIRE(!source.expired());
        CHECK(source.lock()->size() == 1);
    }
    CHECK(source.expired());
}

TEST_CASE("the transport of a reader on its own stays open, that of a connection is closed by the last who holds it", "[streams]") {
    test_loop loop;
    counting_transport transport;
    auto buffer = std::make_shared<receive_buffer>(10);
    buffer->set_transport(&transport);
    { const stream_reader reader(buffer); }
    CHECK(transport.closes == 0);
    buffer->give_connection();
    {
        stream_reader reader(buffer);
        const stream_reader copy = reader;
        const stream_reader moved = std::move(reader);
        reader = copy;
        CHECK(transport.closes == 0);
    }
    CHECK(transport.closes == 1);
}

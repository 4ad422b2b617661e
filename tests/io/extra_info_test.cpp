// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/extra_info.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "io/fakes.hpp"
#include "support/catch.hpp"

namespace aioxx {
namespace {

// Keys of the user's own.
inline constexpr extra_info_key<std::string> greeting{"greeting"};
inline constexpr extra_info_key<std::string> same_name{"greeting"};
inline constexpr extra_info_key<std::unique_ptr<int>> owned{"owned"};

// A channel that knows both of its ends.
class channel : public fake_transport {
public:
    bool query_extra_info(extra_info_query& query) const override {
        return query.answer(extra_info::sockname, endpoint::from_ip("127.0.0.1", 1)) ||
               query.answer(extra_info::peername, endpoint::from_ip("127.0.0.1", 2)) ||
               query.answer(extra_info::socket, 7) || query.answer(extra_info::pipe, 8) ||
               query.answer(extra_info::subprocess, 9) ||
               query.answer(extra_info::credentials, peer_credentials{10, 11, 12});
    }
};

// A transport over another one, as TLS is: adds a fact, overrides one, and inherits the rest.
class wrapper : public fake_transport {
public:
    explicit wrapper(std::shared_ptr<transport> below) : below_(std::move(below)) {}

    bool query_extra_info(extra_info_query& query) const override {
        return query.answer(greeting, "hello") ||
               query.answer(extra_info::peername, endpoint::from_ip("192.0.2.1", 443)) ||
               below_->query_extra_info(query);
    }

private:
    std::shared_ptr<transport> below_;
};

}  // namespace

TEST_CASE("each key gives its own fact, with its own type", "[io]") {
    const channel made;
    CHECK(made.get_extra_info(extra_info::sockname) == endpoint::from_ip("127.0.0.1", 1));
    CHECK(made.get_extra_info(extra_info::peername) == endpoint::from_ip("127.0.0.1", 2));
    CHECK(made.get_extra_info(extra_info::socket)->native_handle() == 7);
    CHECK(made.get_extra_info(extra_info::pipe) == 8);
    CHECK(made.get_extra_info(extra_info::subprocess) == 9);
    const std::optional<peer_credentials> peer = made.get_extra_info(extra_info::credentials);
    REQUIRE(peer);
    CHECK(peer->pid == 10);
    CHECK(peer->uid == 11);
    CHECK(peer->gid == 12);
}

TEST_CASE("a key that nobody knows gives nothing (FC012)", "[io]") {
    CHECK_FALSE(channel().get_extra_info(greeting));
    CHECK_FALSE(fake_transport().get_extra_info(extra_info::sockname));
    CHECK(fake_transport().get_extra_info(extra_info::pipe).value_or(-1) == -1);
}

TEST_CASE("a wrapper adds facts, and inherits those of the transport below", "[io]") {
    const wrapper made(std::make_shared<channel>());
    CHECK(made.get_extra_info(greeting) == "hello");
    CHECK(made.get_extra_info(extra_info::sockname) == endpoint::from_ip("127.0.0.1", 1));
    const wrapper twice(std::make_shared<wrapper>(std::make_shared<channel>()));
    CHECK(twice.get_extra_info(extra_info::pipe) == 8);
}

TEST_CASE("what a wrapper says wins over what the transport below says (FC012)", "[io]") {
    const wrapper made(std::make_shared<channel>());
    CHECK(made.get_extra_info(extra_info::peername) == endpoint::from_ip("192.0.2.1", 443));
}

TEST_CASE("two keys of one name are two keys", "[io]") {
    const wrapper made(std::make_shared<channel>());
    CHECK(made.get_extra_info(greeting));
    CHECK_FALSE(made.get_extra_info(same_name));
    CHECK(std::string(greeting.name) == same_name.name);
}

TEST_CASE("an answer may be of a type that only moves", "[io]") {
    const auto answer = ask_extra_info(
        owned, [](extra_info_query& query) { return query.answer(owned, std::make_unique<int>(5)); });
    REQUIRE(answer);
    CHECK(**answer == 5);
}

TEST_CASE("an answer that is taken back is no answer", "[io]") {
    const auto answer = ask_extra_info(greeting, [](extra_info_query& query) {
        query.answer(greeting, "hello");
        return false;
    });
    CHECK_FALSE(answer);
}

TEST_CASE("the library's keys have asyncio's names", "[io]") {
    CHECK(std::string(extra_info::sockname.name) == "sockname");
    CHECK(std::string(extra_info::peername.name) == "peername");
    CHECK(std::string(extra_info::socket.name) == "socket");
    CHECK(std::string(extra_info::pipe.name) == "pipe");
    CHECK(std::string(extra_info::subprocess.name) == "subprocess");
}

}  // namespace aioxx

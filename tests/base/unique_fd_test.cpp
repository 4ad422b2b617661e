// SPDX-License-Identifier: BSL-1.0
#include <aioxx/base/unique_fd.hpp>

#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

}  // namespace

TEST_CASE("a descriptor is closed once, by its last owner", "[base]") {
    unique_fd none;
    CHECK_FALSE(none);
    CHECK(none.get() == -1);
    const int number = open_null();
    {
        unique_fd first(number);
        CHECK(first);
        CHECK(first.get() == number);
        unique_fd second(std::move(first));
        CHECK_FALSE(first);
        none = std::move(second);
        CHECK(is_open(number));
    }
    CHECK(is_open(number));
    none.reset();
    CHECK_FALSE(is_open(number));
    CHECK_FALSE(none);
}

TEST_CASE("a descriptor that is replaced is closed, one that is released is not", "[base]") {
    const int first = open_null();
    const int second = open_null();
    {
        unique_fd owner(first);
        owner.reset(second);
        CHECK_FALSE(is_open(first));
        CHECK(owner.release() == second);
        CHECK_FALSE(owner);
    }
    CHECK(is_open(second));
    ::close(second);
}

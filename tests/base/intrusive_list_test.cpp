// SPDX-License-Identifier: BSL-1.0
#include <aioxx/base/intrusive_list.hpp>

#include <memory>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct first_tag;
struct second_tag;

struct element : list_node<first_tag>, list_node<second_tag> {
    explicit element(int number) : value(number) {}
    int value;
};

using first_list = intrusive_list<element, first_tag>;
using second_list = intrusive_list<element, second_tag>;

std::vector<int> values(const first_list& list) {
    std::vector<int> found;
    for (auto* each = list.front(); each != nullptr; each = list.next(*each)) found.push_back(each->value);
    return found;
}

bool linked(const element& each) { return static_cast<const list_node<first_tag>&>(each).is_linked(); }
void unlink(element& each) { static_cast<list_node<first_tag>&>(each).unlink(); }

}  // namespace

TEST_CASE("a list gives its elements back in order", "[base]") {
    element a(1);
    element b(2);
    element c(3);
    first_list list;
    CHECK(list.empty());
    CHECK(list.front() == nullptr);
    CHECK(list.pop_front() == nullptr);
    list.push_back(b);
    list.push_back(c);
    list.push_front(a);
    CHECK(list.size() == 3);
    CHECK(values(list) == std::vector<int>{1, 2, 3});
    CHECK(list.pop_front() == &a);
    CHECK_FALSE(linked(a));
    CHECK(values(list) == std::vector<int>{2, 3});
}

TEST_CASE("an element unlinks itself from the middle, twice without harm, and when it dies", "[base]") {
    element a(1);
    auto b = std::make_unique<element>(2);
    element c(3);
    first_list list;
    list.push_back(a);
    list.push_back(*b);
    list.push_back(c);
    b.reset();
    CHECK(values(list) == std::vector<int>{1, 3});
    unlink(a);
    unlink(a);
    CHECK(values(list) == std::vector<int>{3});
    CHECK(linked(c));
}

TEST_CASE("one element is in two lists independently", "[base]") {
    element a(1);
    first_list one;
    second_list other;
    one.push_back(a);
    other.push_back(a);
    one.clear();
    CHECK(one.empty());
    CHECK(other.front() == &a);
}

TEST_CASE("splicing moves everything to the end and keeps the order", "[base]") {
    element a(1);
    element b(2);
    element c(3);
    first_list list;
    first_list source;
    list.splice_back(source);
    CHECK(list.empty());
    list.push_back(a);
    source.push_back(b);
    source.push_back(c);
    list.splice_back(source);
    CHECK(source.empty());
    CHECK(values(list) == std::vector<int>{1, 2, 3});
    source.push_back(*list.pop_front());
    CHECK(values(source) == std::vector<int>{1});
}

TEST_CASE("a list that dies before its elements leaves them unlinked", "[base]") {
    element a(1);
    {
        first_list list;
        list.push_back(a);
    }
    CHECK_FALSE(linked(a));
}

// SPDX-License-Identifier: Apache-2.0
#include "managers/list.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <thread>

#include "managers/dict.hpp"
#include "managers/references.hpp"
#include "support/referents.hpp"
#include "support/thrown.hpp"

namespace procession {
namespace {

using managers::List;
using namespace procession::test;

Made list(std::initializer_list<Object> elements = {}) { return made<List>({Object::list(elements)}); }
/// What it is after one call.
template <class... A>
std::string after(std::initializer_list<Object> elements, std::string_view method,
                  const A&... arguments) {
    const Made it = list(elements);
    call(it, method, arguments...);
    return it->to_string();
}

TEST(ManagedList, is_made_of_all_that_can_be_iterated_over) {
    EXPECT_EQ(made<List>()->to_string(), "[]");
    EXPECT_EQ(made<List>({"h\u00e9"})->to_string(), "['h', '\u00e9']");
    EXPECT_EQ(made<List>({Object::dict({{"a", 1}})})->to_string(), "['a']");
    EXPECT_EQ(made<List>({Object::set({1})})->to_string(), "[1]");
    EXPECT_EQ(made<List>({Object::Bytes(2)})->to_string(), "[0, 0]");
    EXPECT_EQ(made<List>({Object::array<short>(std::vector<short>{1, -2})})->to_string(), "[1, -2]");
    const Object range =
        Object::instance("builtins", "range", Object::tuple({9, 2, -3}), {}, Object::Made::by_call);
    EXPECT_EQ(made<List>({range})->to_string(), "[9, 6, 3]");
    EXPECT_EQ(thrown<TypeMismatch>([] { made<List>({5}); }), "'int' object is not iterable");
    EXPECT_EQ(thrown<TypeMismatch>([] {
                  made<List>({1, 2});
              }),
              "list() takes from 0 to 1 arguments (2 given)");
}

TEST(ManagedList, grows_and_shrinks) {
    EXPECT_EQ(after({1}, "append", 2), "[1, 2]");
    EXPECT_EQ(after({1}, "extend", "ab"), "[1, 'a', 'b']");
    EXPECT_EQ(after({1, 2}, "insert", -1, "x"), "[1, 'x', 2]");
    EXPECT_EQ(after({1, 2}, "insert", 99, "x"), "[1, 2, 'x']");
    EXPECT_EQ(after({1, 2}, "remove", 1.0), "[2]");
    EXPECT_EQ(after({1, 2}, "clear"), "[]");
    EXPECT_EQ(after({1, 2}, "__imul__", 2), "[1, 2, 1, 2]");
    EXPECT_EQ(after({1, 2}, "__imul__", -1), "[]");
    const Made it = list({1, 2, 3});
    EXPECT_EQ(call(it, "pop"), Object(3));
    EXPECT_EQ(call(it, "pop", 0), Object(1));
    EXPECT_EQ(thrown<IndexError>([&] { call(it, "pop", 1); }), "pop index out of range");
    EXPECT_EQ(thrown<IndexError>([&] { call(list(), "pop"); }), "pop from empty list");
    EXPECT_EQ(thrown<ValueError>([&] { call(it, "remove", 5); }), "list.remove(x): x not in list");
    EXPECT_THROW(call(it, "__mul__", std::int64_t{1} << 62), std::bad_alloc);
}

TEST(ManagedList, finds_elements) {
    const Made it = list({1, 2, 1, "a"});
    EXPECT_EQ(call(it, "__len__"), Object(4));
    EXPECT_EQ(call(it, "__getitem__", -1), Object("a"));
    EXPECT_EQ(call(it, "count", true), Object(2));
    EXPECT_EQ(call(it, "index", 1, 1), Object(2));
    EXPECT_EQ(call(it, "index", 1, -2), Object(2));
    EXPECT_EQ(call(it, "__contains__", "b"), Object(false));
    EXPECT_EQ(thrown<ValueError>([&] { call(it, "index", 1, 1, 2); }), "1 is not in list");
    EXPECT_EQ(thrown<IndexError>([&] { call(it, "__getitem__", 4); }), "list index out of range");
    EXPECT_EQ(thrown<IndexError>([&] { call(it, "__setitem__", -5, 0); }),
              "list assignment index out of range");
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "__getitem__", "a"); }),
              "list indices must be integers or slices, not str");
}

TEST(ManagedList, has_slices) {
    const Made it = list({0, 1, 2, 3, 4});
    const auto sliced = [&](const Object& start, const Object& stop, const Object& step = {}) {
        return call(it, "__getitem__", slice(start, stop, step)).to_string();
    };
    EXPECT_EQ(sliced(1, 3), "[1, 2]");
    EXPECT_EQ(sliced({}, -2), "[0, 1, 2]");
    EXPECT_EQ(sliced({}, {}, -1), "[4, 3, 2, 1, 0]");
    EXPECT_EQ(sliced(-2, {}, -2), "[3, 1]");
    EXPECT_EQ(sliced(9, 99), "[]");
    call(it, "__setitem__", slice(1, 3), "abc");
    EXPECT_EQ(it->to_string(), "[0, 'a', 'b', 'c', 3, 4]");
    call(it, "__setitem__", slice(1, 4), Object::tuple());
    EXPECT_EQ(it->to_string(), "[0, 3, 4]");
    call(it, "__setitem__", slice({}, {}, -2), "xy");
    EXPECT_EQ(it->to_string(), "['y', 3, 'x']");
    call(it, "__delitem__", slice({}, {}, 2));
    EXPECT_EQ(it->to_string(), "[3]");
    EXPECT_EQ(thrown<ValueError>([&] { call(it, "__setitem__", slice({}, {}, 2), "ab"); }),
              "attempt to assign sequence of size 2 to extended slice of size 1");
    EXPECT_EQ(thrown<ValueError>([&] { call(it, "__getitem__", slice({}, {}, 0)); }),
              "slice step cannot be zero");
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "__getitem__", slice("a", {})); }),
              "slice indices must be integers or None or have an __index__ method");
}

TEST(ManagedList, is_sorted_as_python_orders) {
    EXPECT_EQ(after({2, 1.5, true, Object(0x1p70), -1}, "sort"),
              "[-1, True, 1.5, 2, 1.1805916207174113e+21]");
    EXPECT_EQ(after({"b", "\u00e9", "a", ""}, "sort"), "['', 'a', 'b', '\u00e9']");
    const auto pair = [](int number, const char* text) { return Object::tuple({number, text}); };
    EXPECT_EQ(after({pair(2, "a"), pair(1, "b"), pair(1, "a")}, "sort"),
              "[(1, 'a'), (1, 'b'), (2, 'a')]");
    const Made it = list({1, 2.0, 1.0, 2});
    call_with(it, "sort", {}, {{"reverse", true}});
    EXPECT_EQ(it->to_string(), "[2.0, 2, 1, 1.0]");  // equal ones stay as they were
    call(it, "sort", nullptr, false);
    EXPECT_EQ(it->to_string(), "[1, 1.0, 2.0, 2]");
    call(it, "reverse");
    EXPECT_EQ(it->to_string(), "[2, 2.0, 1.0, 1]");
}

TEST(ManagedList, that_cannot_be_sorted_stays_as_it_was) {
    const Made it = list({3, "a", 1});
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "sort"); }),
              "'<' not supported between instances of 'str' and 'int'");
    EXPECT_EQ(it->to_string(), "[3, 'a', 1]");
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "sort", Object::global("builtins", "str")); }),
              "sort() argument 'key' must be None: there is no Python here to call it. Sort tuples that "
              "begin with the key.");
}

TEST(ManagedList, is_added_and_multiplied) {
    const Made it = list({1});
    EXPECT_EQ(call(it, "__add__", Object::list({2})), Object::list({1, 2}));
    EXPECT_EQ(call(it, "__mul__", 3), Object::list({1, 1, 1}));
    EXPECT_EQ(call(it, "__rmul__", 2), Object::list({1, 1}));
    EXPECT_EQ(call(it, "copy"), Object::list({1}));
    EXPECT_EQ(it->value(), Object::list({1}));
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "__add__", 5); }),
              "can only concatenate list (not \"int\") to list");
}

TEST(ManagedList, gives_its_elements_from_the_end_by_an_iterator) {
    const Made it = list({1, 2, 3});
    const Made iterator = call_with(it, "__reversed__", {}).referent;
    EXPECT_EQ(call(iterator, "__next__"), Object(3));
    call(it, "pop");
    EXPECT_EQ(call(iterator, "__next__"), Object(2));
    call(it, "clear");
    EXPECT_THROW(call(iterator, "__next__"), StopIteration);
}

TEST(ManagedList, and_a_dict_take_what_a_proxy_of_their_servers_is_of) {
    managers::References references(managers::Destination{});
    const auto proxy_of = [&](const Made& referent) {
        const std::string ident = references.add(referent, "list");
        Object proxy = list_proxy(ident);
        managers::attach(proxy, references.hold(ident));
        return proxy;
    };
    const Made it = list({1, 2}), pairs = list({"ab"});
    const Object itself = proxy_of(it);
    EXPECT_EQ(made<List>({itself})->to_string(), "[1, 2]");
    call(it, "extend", itself);
    EXPECT_EQ(it->to_string(), "[1, 2, 1, 2]");
    call(it, "__setitem__", slice(0, 1), itself);
    EXPECT_EQ(it->to_string(), "[1, 2, 1, 2, 2, 1, 2]");
    EXPECT_EQ(made<managers::Dict>({proxy_of(pairs)})->to_string(), "{'a': 'b'}");
    const Object of_dict = proxy_of(made<managers::Dict>({Object::dict({{1, 2}})}));
    EXPECT_EQ(made<managers::Dict>({of_dict})->to_string(), "{1: 2}");
    // Of another server's there is nothing to be had.
    EXPECT_EQ(thrown<TypeMismatch>([] { made<List>({list_proxy("7f00")}); }),
              "'RebuildProxy' object is not iterable");
}

// conformance: proxies.list_in_list
TEST(ManagedList, shows_proxies_in_it_as_proxies) {
    EXPECT_EQ(
        list({list_proxy("7f00"), Object::tuple({list_proxy("1")})})->to_string(),
        "[<ListProxy object, typeid 'list' at 0x7f00>, (<ListProxy object, typeid 'list' at 0x1>,)]");
}

TEST(ManagedList, what_is_dropped_ends_outside_of_its_lock) {
    const Made it = list({0});
    int ended = 0;
    const auto put = [&](std::string_view method, auto... arguments) {
        call(it, method, arguments..., value_that_tells([&] {
                 call(it, "__len__");
                 ++ended;
             }));
    };
    put("__setitem__", 0);
    put("__setitem__", 0);
    EXPECT_EQ(ended, 1);
    put("append");
    put("insert", 0);
    call(it, "__setitem__", slice({}, {}), "a");
    EXPECT_EQ(ended, 4);
    put("append");
    call(it, "__delitem__", -1);
    put("append");
    call(it, "pop");
    put("append");
    call(it, "__imul__", 0);
    put("append");
    call(it, "clear");
    EXPECT_EQ(ended, 8);
}

TEST(ManagedList, may_be_used_by_many_threads) {
    const Made it = list();
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&it, thread] {
            for (int i = 0; i < 200; ++i) {
                call(it, "append", thread);
                call(it, "count", thread);
                call(it, "__getitem__", -1);
                call(it, "sort");
                if (i % 2 == 1) call(it, "pop");
            }
        });
    threads.clear();
    EXPECT_EQ(call(it, "__len__"), Object(400));
}

}  // namespace
}  // namespace procession

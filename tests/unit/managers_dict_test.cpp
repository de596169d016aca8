// SPDX-License-Identifier: Apache-2.0
#include "managers/dict.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <thread>

#include "support/referents.hpp"
#include "support/thrown.hpp"

namespace procession {
namespace {

using managers::Dict;
using namespace procession::test;

Made dict(Names items = {}) { return made<Dict>({Object::dict(items)}); }
Object next(const Made& iterator) { return call(iterator, "__next__"); }

TEST(ManagedDict, is_made_of_all_that_pythons_is_made_of) {
    EXPECT_EQ(made<Dict>()->to_string(), "{}");
    EXPECT_EQ(dict({{0, 0}, {1, 2}})->to_string(), "{0: 0, 1: 2}");
    const Object pairs = Object::list({Object::tuple({"a", 1}), Object::list({"b", 2}), "cd"});
    EXPECT_EQ(made<Dict>({pairs}, {{"e", 5}})->to_string(), "{'a': 1, 'b': 2, 'c': 'd', 'e': 5}");
    EXPECT_EQ(thrown<TypeMismatch>([] {
                  made<Dict>({1, 2});
              }),
              "dict expected at most 1 argument, got 2");
    EXPECT_EQ(thrown<TypeMismatch>([] { made<Dict>({5}); }), "'int' object is not iterable");
    EXPECT_EQ(thrown<ValueError>([] { made<Dict>({Object::list({"abc"})}); }),
              "dictionary update sequence element #0 has length 3; 2 is required");
}

TEST(ManagedDict, sets_finds_and_erases_keys) {
    const Made it = dict();
    call(it, "__setitem__", "a", 1);
    call(it, "__setitem__", "b", 2);
    call(it, "__setitem__", "a", 3);
    EXPECT_EQ(call(it, "__getitem__", "a"), Object(3));
    EXPECT_EQ(call(it, "__contains__", "b"), Object(true));
    EXPECT_EQ(call(it, "get", "absent"), Object());
    EXPECT_EQ(call(it, "get", "absent", 7), Object(7));
    EXPECT_EQ(call(it, "setdefault", "c", 4), Object(4));
    EXPECT_EQ(call(it, "setdefault", "c", 5), Object(4));
    call(it, "__delitem__", "b");
    EXPECT_EQ(call(it, "pop", "c"), Object(4));
    EXPECT_EQ(call(it, "pop", "c", "none"), Object("none"));
    EXPECT_EQ(call(it, "__len__"), Object(1));
    EXPECT_EQ(it->to_string(), "{'a': 3}");
    EXPECT_EQ(thrown<KeyError>([&] { call(it, "__getitem__", "zz"); }), "'zz'");
    EXPECT_EQ(thrown<KeyError>([&] { call(it, "__delitem__", 5); }), "5");
    EXPECT_EQ(thrown<KeyError>([&] { call(it, "pop", 5); }), "5");
    EXPECT_THROW(call(it, "__getitem__", Object::list()), TypeMismatch);
}

TEST(ManagedDict, keeps_the_order_of_insertion_while_keys_come_and_go) {
    const Made it = dict();
    for (int i = 0; i < 1000; ++i) call(it, "__setitem__", i, i);
    for (int i = 0; i < 1000; ++i)
        if (i % 100 != 7) call(it, "__delitem__", i);
    call(it, "__setitem__", 0, "again");
    EXPECT_EQ(call(it, "keys").to_string(), "[7, 107, 207, 307, 407, 507, 607, 707, 807, 907, 0]");
    EXPECT_EQ(call(it, "popitem"), Object::tuple({0, "again"}));
    EXPECT_EQ(call(it, "popitem"), Object::tuple({907, 907}));
    EXPECT_EQ(call(it, "__getitem__", 107), Object(107));
    call(it, "clear");
    EXPECT_EQ(thrown<KeyError>([&] { call(it, "popitem"); }), "popitem(): dictionary is empty");
}

// conformance: proxies.dict_iter
TEST(ManagedDict, gives_its_keys_by_an_iterator) {
    const Made it = dict({{"a", 1}, {"b", 2}, {"c", 3}});
    const auto result = call_with(it, "__iter__", {});
    EXPECT_EQ(result.type_id, "Iterator");
    EXPECT_EQ(next(result.referent), Object("a"));
    EXPECT_EQ(call(result.referent, "send", nullptr), Object("b"));
    call(it, "__setitem__", "b", 5);  // which is no change of its keys
    EXPECT_EQ(next(result.referent), Object("c"));
    for (int i = 0; i < 2; ++i) EXPECT_THROW(next(result.referent), StopIteration);

    const Made back = call_with(it, "__reversed__", {}).referent;
    for (const char* const each : {"c", "b", "a"}) EXPECT_EQ(next(back), Object(each));
    EXPECT_THROW(next(back), StopIteration);
}

// conformance: proxies.dict_iter
TEST(ManagedDict, that_changes_while_it_is_iterated_over_is_an_error) {
    const Made it = dict({{"a", 1}, {"b", 2}});
    const Made cleared = call_with(it, "__iter__", {}).referent;
    const Made same_size = call_with(it, "__iter__", {}).referent;
    EXPECT_EQ(next(cleared), Object("a"));
    EXPECT_EQ(next(same_size), Object("a"));
    call(it, "__delitem__", "a");
    call(it, "__setitem__", "c", 3);
    EXPECT_EQ(next(same_size), Object("b"));
    EXPECT_EQ(thrown<StateError>([&] { next(same_size); }), "dictionary keys changed during iteration");
    call(it, "clear");
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(thrown<StateError>([&] { next(cleared); }),
                  "dictionary changed size during iteration");
    call(it, "update", Object::dict({{1, 1}, {2, 2}}));
    EXPECT_THROW(next(cleared), StateError);
}

TEST(ManagedDict, an_iterator_can_be_ended) {
    const Made it = dict({{"a", 1}, {"b", 2}});
    const Made closed = call_with(it, "__iter__", {}).referent;
    call(closed, "close");
    EXPECT_THROW(next(closed), StopIteration);
    const Made failed = call_with(it, "__iter__", {}).referent;
    EXPECT_EQ(thrown<std::runtime_error>(
                  [&] { call(failed, "throw", Object::exception("ValueError", {"text"})); }),
              "ValueError('text')");
    EXPECT_THROW(next(failed), StopIteration);
    EXPECT_THROW(call(failed, "send", 1), TypeMismatch);
    EXPECT_EQ(thrown<TypeMismatch>([&] { (void)failed->value(); }),
              "cannot pickle 'dict_keyiterator' object");
}

TEST(ManagedDict, an_iterator_keeps_its_dict) {
    Made it = dict({{"a", 1}});
    const Made iterator = call_with(it, "__iter__", {}).referent;
    it.reset();
    EXPECT_EQ(next(iterator), Object("a"));
}

TEST(ManagedDict, is_merged_with_others) {
    const Made it = dict({{"a", 1}});
    call_with(it, "update", {Object::dict({{"b", 2}})}, {{"c", 3}});
    call_with(it, "update", {}, {{"d", 4}});
    call(it, "__ior__", Object::list({Object::tuple({"a", 5})}));
    EXPECT_EQ(it->to_string(), "{'a': 5, 'b': 2, 'c': 3, 'd': 4}");
    EXPECT_EQ(call(it, "__or__", Object::dict({{"a", 0}, {"e", 6}})).to_string(),
              "{'a': 0, 'b': 2, 'c': 3, 'd': 4, 'e': 6}");
    EXPECT_EQ(call(it, "__ror__", Object::dict({{"a", 0}, {"e", 6}})).to_string(),
              "{'a': 5, 'e': 6, 'b': 2, 'c': 3, 'd': 4}");
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "__or__", Object::list()); }),
              "unsupported operand type(s) for |: 'dict' and 'list'");
    EXPECT_EQ(call(it, "fromkeys", "xy", 1).to_string(), "{'x': 1, 'y': 1}");
    EXPECT_EQ(it->value(), call(it, "copy"));
}

TEST(ManagedDict, an_update_that_fails_changes_nothing) {
    const Made it = dict();
    EXPECT_THROW(call(it, "update", Object::list({"ab", "abc"})), ValueError);
    EXPECT_THROW(call(it, "update", Object::list({"ab", Object::tuple({Object::list(), 1})})),
                 TypeMismatch);
    EXPECT_EQ(it->to_string(), "{}");
}

TEST(ManagedDict, shows_proxies_in_it_as_proxies) {
    EXPECT_EQ(dict({{"l", list_proxy("7f00")}})->to_string(),
              "{'l': <ListProxy object, typeid 'list' at 0x7f00>}");
}

TEST(ManagedDict, what_is_dropped_ends_outside_of_its_lock) {
    const Made it = dict();
    int ended = 0;
    const auto put = [&] {
        call(it, "__setitem__", "a", value_that_tells([&] {
                 call(it, "__len__");
                 ++ended;
             }));
    };
    for (int i = 0; i < 2; ++i) put();
    EXPECT_EQ(ended, 1);
    call(it, "update", Object::dict({{"a", 1}}));
    EXPECT_EQ(ended, 2);
    for (const char* const method : {"clear", "popitem"}) {
        put();
        call(it, method);
    }
    for (const char* const method : {"__delitem__", "pop"}) {
        put();
        call(it, method, "a");
    }
    EXPECT_EQ(ended, 6);
}

TEST(ManagedDict, may_be_used_by_many_threads) {
    const Made it = dict();
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&it, thread] {
            for (int i = 0; i < 200; ++i) {
                call(it, "__setitem__", Object::tuple({thread, i}), i);
                call(it, "setdefault", "shared", thread);
                call(it, "keys");
                const Made iterator = call_with(it, "__iter__", {}).referent;
                try {
                    next(iterator);
                } catch (const StateError&) {
                }
                if (i % 2 == 1) call(it, "__delitem__", Object::tuple({thread, i}));
            }
        });
    threads.clear();
    EXPECT_EQ(call(it, "__len__"), Object(401));
}

TEST(ManagedDict, knows_what_it_can_be_asked) {
    EXPECT_EQ(thrown<AttributeError>([] { call(dict(), "append", 1); }),
              "'dict' object has no attribute 'append' that can be called: only its registered methods "
              "can");
    EXPECT_EQ(thrown<TypeMismatch>([] { call(dict(), "__getitem__"); }),
              "__getitem__() takes 1 argument (0 given)");
    EXPECT_EQ(dict()->exposed().size(), 21U);
}

}  // namespace
}  // namespace procession

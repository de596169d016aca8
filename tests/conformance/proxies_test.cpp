// SPDX-License-Identifier: Apache-2.0

// What CPython's own tests say of the types of SyncManager, with typed proxies, which are used in a child as
// well.

#include <procession/mp.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = mp::test;
using Numbers = std::vector<int>;

/// In a child, where no assertion of GoogleTest is seen.
void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
}
#define REQUIRE(condition) require(condition, #condition)

// ---- containers

class ManagedContainers : public testing::Test {
  protected:
    mp::SyncManager manager_ = mp::Manager();
    mp::ListProxy<int> ten() { return manager_.list({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}); }
};

// conformance: proxies.list_ops
TEST_F(ManagedContainers, a_list_does_as_pythons) {
    const auto a = ten();
    EXPECT_EQ(a.slice(0), (Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    const auto b = manager_.list<int>();
    EXPECT_TRUE(b.copy().empty());
    b.extend({0, 1, 2, 3, 4});
    EXPECT_EQ(b.copy(), (Numbers{0, 1, 2, 3, 4}));
    EXPECT_EQ(b.get(2), 2);
    EXPECT_EQ(b.slice(2, 10), (Numbers{2, 3, 4}));
    b *= 2;
    EXPECT_EQ(b.copy(), (Numbers{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
    EXPECT_EQ(b + Numbers({5, 6}), (Numbers{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(a.copy(), (Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));

    const auto proxies = manager_.list<mp::ListProxy<int>>({a, b});
    EXPECT_EQ(proxies[0]->copy(), a.copy());
    EXPECT_EQ(proxies[1]->copy(), b.copy());
    const auto outer = manager_.list<mp::ListProxy<int>>({a});
    a.append(100);
    EXPECT_EQ(outer[0]->slice(-2), (Numbers{9, 100}));
}

// conformance: proxies.list_in_list
TEST_F(ManagedContainers, lists_in_a_list_are_references) {
    const auto a = manager_.list<mp::ListProxy<int>>();
    for (int i = 0; i < 3; ++i) a.append(manager_.list({0, 1, 2}));
    a[0].get()[-1] = 55;
    EXPECT_EQ(a[0]->copy(), (Numbers{0, 1, 55}));
    for (int i = 1; i < 3; ++i) EXPECT_EQ(a[i]->copy(), (Numbers{0, 1, 2}));
    EXPECT_EQ(a[1]->pop(), 2);
    EXPECT_EQ(a[1]->size(), 2u);
    for (const int i : {0, 2}) EXPECT_EQ(a[i]->size(), 3u);

    const auto itself = manager_.list<mp::Object>();
    itself.append(itself);
    EXPECT_EQ(itself.size(), 1u);
}

// conformance: proxies.dict_ops
TEST_F(ManagedContainers, a_dict_does_as_pythons) {
    const auto d = manager_.dict<int, std::string>();
    std::map<int, std::string> plain;
    for (int i = 65; i < 70; ++i) {
        d[i] = std::string(1, static_cast<char>(i));
        plain[i] = std::string(1, static_cast<char>(i));
    }
    EXPECT_EQ(d.copy(), plain);
    EXPECT_EQ(d.keys(), (Numbers{65, 66, 67, 68, 69}));
    EXPECT_EQ(d.values(), (std::vector<std::string>{"A", "B", "C", "D", "E"}));
    EXPECT_EQ(d.items(), (std::vector<std::pair<int, std::string>>(plain.begin(), plain.end())));
}

// conformance: proxies.dict_iter
TEST_F(ManagedContainers, a_dict_is_iterated_over_as_it_was) {
    const auto d = manager_.dict<int, std::string>({{67, "C"}, {65, "A"}, {66, "B"}});
    Numbers keys;
    for (const auto& [key, value] : d) {
        keys.push_back(key);
        d.clear();
    }
    EXPECT_EQ(keys, (Numbers{67, 65, 66}));
    EXPECT_EQ(d.begin(), d.end());
}

// conformance: proxies.dict_nested
TEST_F(ManagedContainers, dicts_in_a_dict_are_references) {
    using Pet = mp::DictProxy<std::string, int>;
    const auto pets = manager_.dict<std::string, Pet>();
    const auto hamsters = manager_.list<Pet>();
    {
        const Pet hamster = manager_.dict<std::string, int>({{"ferrets", 2}, {"hamsters", 4}});
        pets["first"] = hamster;
        hamsters.append(hamster);
    }
    pets["first"].get()["feed"] = 4;
    hamsters[0].get()["water"] = 10;
    EXPECT_EQ(pets["first"]->at("water"), 10);
    EXPECT_EQ(hamsters[0]->at("feed"), 4);
    const Pet kept = pets["first"];
    pets.clear();
    EXPECT_EQ(pets.size(), 0u);
    EXPECT_EQ(kept["water"].get(), 10);
    EXPECT_EQ(hamsters[0]->size(), 4u);

    const auto plain = manager_.list<mp::Object>({mp::Object::list({0, 1})});
    EXPECT_TRUE(plain[0]->is_list());
}

// conformance: proxies.nested_queue
TEST_F(ManagedContainers, a_queue_works_through_a_list_or_dict) {
    const auto list = manager_.list<mp::QueueProxy<int>>();
    list.append(manager_.Queue<int>());
    list[0]->put(123);
    EXPECT_EQ(list[0]->get(), 123);
    const auto dict = manager_.dict<std::string, mp::QueueProxy<int>>();
    dict["q"] = manager_.Queue<int>();
    dict["q"]->put(456);
    EXPECT_EQ(dict["q"]->get(), 456);
}

// conformance: proxies.namespace
TEST_F(ManagedContainers, a_namespace_has_names) {
    const mp::NamespaceProxy n = manager_.Namespace();
    n.set("name", "Bob");
    n.set("job", "Builder");
    EXPECT_THROW(n.set("_hidden", "hidden"), mp::ValueError);
    EXPECT_EQ(n.get<std::string>("name"), "Bob");
    EXPECT_EQ(n.get<std::string>("job"), "Builder");
    n.del("job");
    EXPECT_EQ(fmt::format("{}", n), "Namespace(name='Bob')");
    EXPECT_TRUE(n.has("name"));
    EXPECT_FALSE(n.has("job"));
}

// ---- in a child

class ProxiesInAChild : public test::EachStartMethod {
  protected:
    mp::SyncManager manager_ = mp::Manager();
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, ProxiesInAChild, test::all_start_methods(),
                         test::name_of_parameter);

void wait_for(mp::EventProxy event) {
    REQUIRE(event.is_set());
    event.wait();
    event.clear();
    event.wait(1ms);
}
// conformance: proxies.event
TEST_P(ProxiesInAChild, an_event) {
    const mp::EventProxy event = manager_.Event();
    event.set();
    test::run(wait_for, event);
    EXPECT_FALSE(event.is_set());
    event.wait(1ms);
}

template <class L>
void acquire(L lock) {
    lock.acquire();
}
template <class L>
void acquire_and_release(L lock) {
    lock.acquire();
    lock.release();
}
// conformance: proxies.lock
TEST_P(ProxiesInAChild, a_lock_that_another_releases) {
    const mp::LockProxy lock = manager_.Lock();
    test::run(acquire<mp::LockProxy>, lock);
    lock.release();
    EXPECT_THROW(lock.release(), mp::StateError);
}

// conformance: proxies.rlock
TEST_P(ProxiesInAChild, a_lock_that_the_child_releases) {
    test::run(acquire_and_release<mp::LockProxy>, manager_.Lock());
    test::run(acquire_and_release<mp::RLockProxy>, manager_.RLock());
}

// conformance: proxies.semaphore
TEST_P(ProxiesInAChild, a_semaphore) {
    const mp::SemaphoreProxy semaphore = manager_.Semaphore();
    test::run(acquire<mp::SemaphoreProxy>, semaphore);
    semaphore.release();
    EXPECT_TRUE(semaphore.try_acquire());
}

// conformance: proxies.bounded_semaphore
TEST_P(ProxiesInAChild, a_bounded_semaphore) {
    const mp::BoundedSemaphoreProxy semaphore = manager_.BoundedSemaphore();
    test::run(acquire<mp::BoundedSemaphoreProxy>, semaphore);
    semaphore.release();
    EXPECT_THROW(semaphore.release(), mp::ValueError);
}

// conformance: proxies.condition
TEST_P(ProxiesInAChild, a_condition) {
    test::run(acquire_and_release<mp::ConditionProxy>, manager_.Condition());
}

void reset(mp::BarrierProxy barrier) {
    REQUIRE(barrier.parties() == 5);
    barrier.reset();
}
// conformance: proxies.barrier
TEST_P(ProxiesInAChild, a_barrier) { test::run(reset, manager_.Barrier(5)); }

template <class Q>
void drain(Q queue) {
    REQUIRE(queue.qsize() == 2);
    REQUIRE(queue.full());
    REQUIRE(!queue.empty());
    REQUIRE(queue.get() == 5);
    REQUIRE(!queue.empty());
    REQUIRE(queue.get() == 6);
    REQUIRE(queue.empty());
}
// conformance: proxies.queue
TEST_P(ProxiesInAChild, a_queue) {
    const auto queue = manager_.Queue<int>(2);
    queue.put(5);
    queue.put(6);
    test::run(drain<mp::QueueProxy<int>>, queue);
    EXPECT_EQ(queue.qsize(), 0u);
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.full());
}

// conformance: proxies.joinable_queue
TEST_P(ProxiesInAChild, a_joinable_queue) {
    const auto queue = manager_.JoinableQueue<int>(2);
    queue.put(5);
    queue.put(6);
    test::run(drain<mp::QueueProxy<int>>, mp::QueueProxy<int>(queue));
}

void use_list(mp::ListProxy<int> list) {
    REQUIRE(list[0] == 5);
    REQUIRE(list.count(5) == 1);
    REQUIRE(list.index(5) == 0);
    list.sort();
    list.reverse();
    for (const int each : list) REQUIRE(each == 5);
    REQUIRE(list.size() == 1);
    REQUIRE(list.pop(0) == 5);
}
// conformance: proxies.list
TEST_P(ProxiesInAChild, a_list) {
    const auto list = manager_.list<int>();
    list.append(5);
    test::run(use_list, list);
    EXPECT_EQ(list.size(), 0u);
}

void use_dict(mp::DictProxy<std::string, int> dict) {
    REQUIRE(dict.size() == 1);
    REQUIRE(dict["foo"] == 5);
    REQUIRE(dict.get("foo") == 5);
    REQUIRE((dict.items() == std::vector<std::pair<std::string, int>>{{"foo", 5}}));
    REQUIRE(dict.keys() == std::vector<std::string>{"foo"});
    REQUIRE(dict.values() == Numbers{5});
    REQUIRE((dict.copy() == std::map<std::string, int>{{"foo", 5}}));
    REQUIRE((dict.popitem() == std::pair<std::string, int>("foo", 5)));
}
// conformance: proxies.dict
TEST_P(ProxiesInAChild, a_dict) {
    const auto dict = manager_.dict<std::string, int>();
    dict["foo"] = 5;
    test::run(use_dict, dict);
    EXPECT_EQ(dict.size(), 0u);
}

void use_array(mp::ArrayProxy<int> array) {
    REQUIRE(array[0] == 0);
    REQUIRE(array[1] == 1);
    REQUIRE(array.size() == 2);
    REQUIRE((Numbers(array.begin(), array.end()) == Numbers{0, 1}));
}
// conformance: proxies.array
TEST_P(ProxiesInAChild, an_array) { test::run(use_array, manager_.Array({0, 1})); }

void use_namespace(mp::NamespaceProxy ns) {
    REQUIRE(ns.get<int>("x") == 0);
    REQUIRE(ns.get<int>("y") == 1);
}
// conformance: proxies.namespace_in_child
TEST_P(ProxiesInAChild, a_namespace) {
    const mp::NamespaceProxy ns = manager_.Namespace();
    ns.set("x", 0);
    ns.set("y", 1);
    test::run(use_namespace, ns);
}

void write(mp::ValueProxy<double> x, mp::ArrayProxy<int> array, mp::ListProxy<std::string> list) {
    x.value() = 3.14;
    array[0] = 5;
    list.append("Hello");
}
// "By creating the list through the manager, it is shared and updates are seen in all processes."
TEST_P(ProxiesInAChild, what_it_writes_is_seen) {
    const auto x = manager_.Value(0.0);
    const auto array = manager_.Array(Numbers{0, 1, 2});
    const auto list = manager_.list<std::string>();
    test::run(write, x, array, list);
    EXPECT_EQ(x.get(), 3.14);
    EXPECT_EQ(fmt::format("{} {}", array, list), "array('i', [5, 1, 2]) ['Hello']");
}

}  // namespace

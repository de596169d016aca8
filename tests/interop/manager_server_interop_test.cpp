// SPDX-License-Identifier: Apache-2.0

// Our clients at servers in Python, which are interop/manager_server.py in the python3 of the PATH and what
// PROCESSION_PYTHONS lists (paths with ':' between them); and at one of our own, where it is the same.
#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/managed_classes.hpp"
#include "support/python_manager.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using procession::Address;
using procession::DictProxy;
using procession::ListProxy;
using procession::Object;
using procession::Process;
using procession::Proxy;
using procession::RemoteError;

/// What is in Python alone.
struct Odd {};
struct Squares {};

class PythonsServer : public testing::Test {
  protected:
    void SetUp() override {
        pythons_ = pythons(6);
        if (pythons_.empty()) GTEST_SKIP() << "there is no python3 of 3.6 or later in the PATH";
    }

    template <class Body>
    void at_pythons(Body body) {
        for (const Python& python : pythons_)
            for (const std::string& where :
                 {std::string("tcp:127.0.0.1:0"), "path:/tmp/" + own_name("its")}) {
                SCOPED_TRACE(python.path + " at " + where);
                const PythonManager theirs(python, where);
                SampleManager manager(theirs.address(), manager_key);
                manager.connect();
                body(manager);
            }
    }
    template <class Body>
    void at_each(Body body) {
        {
            SCOPED_TRACE("ours");
            SampleManager ours(Address("127.0.0.1", 0), manager_key);
            ours.start();
            body(ours);
        }
        at_pythons(body);
    }

    std::vector<Python> pythons_;
};

// ---------------------------------------------------------------- values

TEST_F(PythonsServer, has_dicts) {
    at_each([](SampleManager& manager) {
        const auto d = manager.dict<std::string, int>({{"a", 1}, {"b", 2}});
        EXPECT_EQ(d.to_string(), "{'a': 1, 'b': 2}");
        EXPECT_EQ(d.at("a"), 1);
        EXPECT_THROW((void)d.at("zz"), procession::KeyError);
        d["c"] = 3;
        d["c"] += 4;
        EXPECT_EQ(d.get("c"), 7);
        EXPECT_EQ(d.get("zz"), std::nullopt);
        EXPECT_EQ(d.get("zz", 5), 5);
        EXPECT_TRUE(d.contains("a"));
        EXPECT_FALSE(d.contains("zz"));
        EXPECT_EQ(d.size(), 3u);
        EXPECT_EQ(d.setdefault("c", 1), 7);
        d.update({{"d", 4}});
        EXPECT_EQ(d.keys(), (std::vector<std::string>{"a", "b", "c", "d"}));
        EXPECT_EQ(d.values(), (std::vector<int>{1, 2, 7, 4}));
        EXPECT_EQ(d.copy(), (std::map<std::string, int>{{"a", 1}, {"b", 2}, {"c", 7}, {"d", 4}}));
        std::string seen;
        for (const auto& [key, value] : d) seen += fmt::format("{}{} ", key, value);
        EXPECT_EQ(seen, "a1 b2 c7 d4 ");
        EXPECT_EQ(d.pop("a"), 1);
        EXPECT_EQ(d.pop("a", 9), 9);
        EXPECT_THROW((void)d.pop("a"), procession::KeyError);
        EXPECT_EQ(d.popitem(), (std::pair<std::string, int>{"d", 4}));
        EXPECT_TRUE(d.erase("b"));
        EXPECT_FALSE(d.erase("b"));
        d.clear();
        EXPECT_TRUE(d.empty());
        EXPECT_THROW((void)d.popitem(), procession::KeyError);

        const auto any = manager.dict<Object, Object>();
        const Object value =
            Object::list({1, 2.5, "text", Object(), Object::tuple({true, Object::dict()})});
        any[Object::tuple({1, "x"})] = value;
        EXPECT_EQ(any.at(Object::tuple({1, "x"})), value);
        EXPECT_EQ(any.to_string(), "{(1, 'x'): [1, 2.5, 'text', None, (True, {})]}");
    });
}

TEST_F(PythonsServer, has_lists) {
    at_each([](SampleManager& manager) {
        const auto l = manager.list<int>({3, 1, 2});
        EXPECT_EQ(l.to_string(), "[3, 1, 2]");
        EXPECT_EQ(l.get(0), 3);
        EXPECT_EQ(l.get(-1), 2);
        EXPECT_THROW((void)l.get(9), procession::IndexError);
        EXPECT_THROW(l.set(9, 1), procession::IndexError);
        l[0] = 5;
        ++l[0];
        l.append(4);
        l.extend({7, 7});
        l += {8};
        EXPECT_EQ(l.copy(), (std::vector<int>{6, 1, 2, 4, 7, 7, 8}));
        EXPECT_EQ(l.slice(1, 3), (std::vector<int>{1, 2}));
        EXPECT_EQ(l.slice(-2), (std::vector<int>{7, 8}));
        EXPECT_EQ(l.count(7), 2u);
        EXPECT_EQ(l.index(7), 4u);
        EXPECT_THROW((void)l.index(99), procession::ValueError);
        EXPECT_TRUE(l.contains(8));
        l.insert(0, 0);
        EXPECT_EQ(l.pop(), 8);
        EXPECT_EQ(l.pop(0), 0);
        EXPECT_THROW((void)l.pop(99), procession::IndexError);
        l.remove(7);
        EXPECT_THROW(l.remove(99), procession::ValueError);
        l.erase(0);
        l.reverse();
        EXPECT_EQ(l.copy(), (std::vector<int>{7, 4, 2, 1}));
        l.sort();
        EXPECT_EQ(l.copy(), (std::vector<int>{1, 2, 4, 7}));
        l.sort(true);
        EXPECT_EQ(l + std::vector<int>{0}, (std::vector<int>{7, 4, 2, 1, 0}));
        l *= 2;
        EXPECT_EQ(l.size(), 8u);
        EXPECT_EQ(l * 0, std::vector<int>());
        int sum = 0;
        for (const int each : l) sum += each;
        EXPECT_EQ(sum, 28);
        l.clear();
        EXPECT_EQ(l.size(), 0u);
    });
}

TEST_F(PythonsServer, has_namespaces_values_and_arrays) {
    at_each([](SampleManager& manager) {
        const auto n = manager.Namespace();
        n.set("name", "Bob");
        n.set("numbers", std::vector<int>{1, 2});
        EXPECT_EQ(n.get<std::string>("name"), "Bob");
        EXPECT_EQ(n.get<std::vector<int>>("numbers"), (std::vector<int>{1, 2}));
        EXPECT_TRUE(n.has("name"));
        EXPECT_EQ(n.to_string(), "Namespace(name='Bob', numbers=[1, 2])");
        n.del("name");
        EXPECT_FALSE(n.has("name"));
        EXPECT_THROW((void)n.get<std::string>("name"), procession::AttributeError);
        EXPECT_THROW(n.del("name"), procession::AttributeError);

        const auto v = manager.Value(1.5);
        v.value() = 2.5;
        v.value() += 1;
        EXPECT_EQ(v.get(), 3.5);
        v.set(4);
        EXPECT_EQ(v.to_string(), "Value('d', 4.0)");

        const auto a = manager.Array({1, 2, 3});
        a[0] = 5;
        a[-1] += 1;
        EXPECT_EQ(a.copy(), (std::vector<int>{5, 2, 4}));
        EXPECT_EQ(a.slice(1), (std::vector<int>{2, 4}));
        EXPECT_EQ(a.size(), 3u);
        EXPECT_EQ(a.to_string(), "array('i', [5, 2, 4])");
        EXPECT_THROW((void)a.get(9), procession::IndexError);
        EXPECT_THROW(a.set(9, 1), procession::IndexError);
    });
}

TEST_F(PythonsServer, has_objects_in_others) {
    at_each([](SampleManager& manager) {
        const auto lists = manager.dict<std::string, ListProxy<int>>();
        lists["a"] = manager.list<int>({1});
        lists["a"]->append(2);
        const ListProxy<int> a = lists["a"];
        lists.clear();
        EXPECT_EQ(a.copy(), (std::vector<int>{1, 2}));

        const auto outer = manager.list<ListProxy<int>>();
        outer.append(a);
        outer[0]->append(3);
        for (const ListProxy<int>& each : outer) each.append(4);
        EXPECT_EQ(a.copy(), (std::vector<int>{1, 2, 3, 4}));
        EXPECT_EQ(outer.pop().size(), 4u);

        const auto n = manager.Namespace();
        n.set("list", a);
        n.set("event", manager.Event());
        n.get<procession::EventProxy>("event").set();
        EXPECT_TRUE(n.get<procession::EventProxy>("event").is_set());
        EXPECT_EQ(n.get<ListProxy<int>>("list").get(-1), 4);

        const auto q = manager.Queue<ListProxy<int>>();
        q.put(manager.list<int>({5}));
        EXPECT_EQ(q.get().copy(), std::vector<int>{5});
    });
}

// ---------------------------------------------------------------- synchronization

TEST_F(PythonsServer, has_locks) {
    at_each([](SampleManager& manager) {
        const auto lock = manager.Lock();
        lock.acquire();
        EXPECT_FALSE(lock.try_lock());
        EXPECT_FALSE(lock.acquire(10ms));
        std::jthread([&] { EXPECT_FALSE(lock.try_lock()); }).join();
        lock.release();
        EXPECT_THROW(lock.release(), std::runtime_error);
        { const std::scoped_lock guard(lock); }

        const auto rlock = manager.RLock();
        rlock.acquire();
        EXPECT_TRUE(rlock.try_lock());
        std::jthread([&] {
            EXPECT_FALSE(rlock.try_lock());
            EXPECT_THROW(rlock.release(), std::runtime_error);
        }).join();
        rlock.release();
        rlock.release();
        EXPECT_THROW(rlock.release(), std::runtime_error);
    });
}

TEST_F(PythonsServer, has_semaphores) {
    at_each([](SampleManager& manager) {
        const auto semaphore = manager.Semaphore(2);
        semaphore.acquire();
        EXPECT_TRUE(semaphore.try_lock());
        EXPECT_FALSE(semaphore.try_lock());
        EXPECT_FALSE(semaphore.try_acquire_for(10ms));
        std::jthread waiter([&] { semaphore.acquire(); });
        semaphore.release();
        waiter.join();
        semaphore.release();
        semaphore.acquire();

        const auto bounded = manager.BoundedSemaphore(1);
        EXPECT_THROW(bounded.release(), procession::ValueError);
        bounded.acquire();
        EXPECT_FALSE(bounded.try_lock());
        bounded.release();
    });
}

TEST_F(PythonsServer, has_conditions) {
    at_each([](SampleManager& manager) {
        const auto condition = manager.Condition();
        EXPECT_THROW(condition.notify(), std::runtime_error);
        EXPECT_THROW(condition.wait(), std::runtime_error);
        std::atomic<int> ready = 0, told = 0;
        const auto wait = [&] {
            const std::scoped_lock guard(condition);
            ++ready;
            told += condition.wait();
        };
        std::vector<std::jthread> waiters;
        for (int i = 0; i < 3; ++i) waiters.emplace_back(wait);
        wait_until([&] { return ready == 3; });
        {
            // Who has said so, waits once this has it.
            const std::scoped_lock guard(condition);
            EXPECT_FALSE(condition.wait_for([] { return false; }, 10ms));
            condition.notify();
            condition.notify_all();
            EXPECT_TRUE(condition.wait_for([] { return true; }));
        }
        waiters.clear();
        EXPECT_EQ(told, 3);
        const auto lock = manager.Lock();
        const auto on_it = manager.Condition(lock);
        on_it.acquire();
        EXPECT_FALSE(lock.try_lock());
        on_it.release();
        EXPECT_TRUE(lock.try_lock());
        lock.release();
    });
}

TEST_F(PythonsServer, has_events_and_barriers) {
    at_each([](SampleManager& manager) {
        const auto event = manager.Event();
        EXPECT_FALSE(event.is_set());
        EXPECT_FALSE(event.wait(10ms));
        std::jthread waiter([&] { EXPECT_TRUE(event.wait()); });
        event.set();
        waiter.join();
        EXPECT_TRUE(event.is_set());
        event.clear();
        EXPECT_FALSE(event.is_set());

        const auto barrier = manager.Barrier(2);
        EXPECT_EQ(barrier.parties(), 2);
        int other = 0;
        std::jthread party([&] { other = barrier.wait(); });
        const int own = barrier.wait();
        party.join();
        EXPECT_EQ(own + other, 1);
        std::jthread broken([&] { EXPECT_THROW(barrier.wait(), procession::BrokenBarrierError); });
        wait_until([&] { return barrier.n_waiting() == 1; });
        barrier.abort();
        broken.join();
        EXPECT_TRUE(barrier.broken());
        EXPECT_THROW(barrier.wait(), procession::BrokenBarrierError);
        barrier.reset();
        EXPECT_FALSE(barrier.broken());
        EXPECT_THROW(barrier.wait(10ms), procession::BrokenBarrierError);
    });
}

TEST_F(PythonsServer, has_queues) {
    at_each([](SampleManager& manager) {
        const auto queue = manager.Queue<int>(2);
        EXPECT_TRUE(queue.empty());
        queue.put(1);
        queue.put(2, 1s);
        EXPECT_TRUE(queue.full());
        EXPECT_EQ(queue.qsize(), 2u);
        EXPECT_FALSE(queue.try_put(3));
        EXPECT_THROW(queue.put(3, 10ms), procession::Full);
        EXPECT_THROW(queue.put_nowait(3), procession::Full);
        std::jthread putter([&] { queue.put(3); });
        EXPECT_EQ(queue.get(), 1);
        putter.join();
        EXPECT_EQ(queue.get(1s), 2);
        EXPECT_EQ(queue.try_get(), 3);
        EXPECT_EQ(queue.try_get(10ms), std::nullopt);
        EXPECT_THROW((void)queue.get(10ms), procession::Empty);
        EXPECT_THROW((void)queue.get_nowait(), procession::Empty);
        std::jthread getter([&] { EXPECT_EQ(queue.get(), 4); });
        queue.put(4);
        getter.join();
        queue.put_many({5, 6});
        EXPECT_EQ(queue.get_many(5), (std::vector<int>{5, 6}));

        const auto joinable = manager.JoinableQueue<std::string>();
        joinable.put("a");
        joinable.put("b");
        std::jthread joiner([&] { EXPECT_TRUE(joinable.join()); });
        EXPECT_EQ(joinable.get(), "a");
        joinable.task_done();
        EXPECT_EQ(joinable.get(), "b");
        joinable.task_done();
        joiner.join();
        EXPECT_THROW(joinable.task_done(), procession::ValueError);
    });
}

// ---------------------------------------------------------------- classes

TEST_F(PythonsServer, has_classes_of_its_own) {
    at_each([](SampleManager& manager) {
        const auto maths = manager.create<Maths>("Maths");
        EXPECT_EQ(maths.call<&Maths::add>(4, 3), 7);
        EXPECT_EQ(maths.call<int>("add", 4, 3), 7);
        EXPECT_EQ(maths.call<&Maths::text>("one"), "one of maths");
        EXPECT_EQ(maths.call<&Maths::numbers>(3), (std::vector<int>{0, 1, 2}));
        EXPECT_EQ(manager.create<Maths>("Maths", "others").to_string(), "Maths(others)");

        const auto counter = maths.call<&Maths::counter, Proxy<Counter>>(5);
        EXPECT_EQ(counter.call<&Counter::increment>(), 6);
        EXPECT_EQ(counter.call<&Counter::add>(10), 16);
        EXPECT_EQ(counter.call<&Counter::get>(), 16);
        const auto made = manager.create<Counter>("Counter", 1);
        EXPECT_EQ(made.call<&Counter::get>(), 1);

        EXPECT_THROW(maths.call("hidden"), RemoteError);
        EXPECT_THROW(maths.call("subtract", 1, 2), RemoteError);
        EXPECT_THROW((void)manager.create<Maths>("Maths", 1, 2, 3), std::exception);
        EXPECT_THROW((void)manager.create<Maths>("nothing_there"), std::exception);
    });
}

TEST_F(PythonsServer, throws_what_it_raises) {
    at_each([](SampleManager& manager) {
        const auto maths = manager.create<Maths>("Maths");
        const auto fails = [&](const char* how) { maths.call<&Maths::fail>(how); };
        EXPECT_THROW(fails("key"), procession::KeyError);
        EXPECT_THROW(fails("index"), procession::IndexError);
        EXPECT_THROW(fails("value"), procession::ValueError);
        EXPECT_THROW(fails("attribute"), procession::AttributeError);
        EXPECT_THROW(fails("empty"), procession::Empty);
        EXPECT_THROW(fails("full"), procession::Full);
        EXPECT_THROW(fails("broken"), procession::BrokenBarrierError);
        EXPECT_THROW(fails("end"), procession::EndOfFile);
        EXPECT_EQ(refused(ENOENT, [&] { fails("os"); }).empty(), false);
        try {
            fails("runtime");
            ADD_FAILURE();
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "it does not work");
        }
        // A server in Python does not say what it was in C++.
        EXPECT_THROW(fails("type"), procession::Error);
    });
}

TEST_F(PythonsServer, has_iterators) {
    at_each([](SampleManager& manager) {
        const auto countdown = manager.create<Countdown>("Countdown", 2);
        EXPECT_EQ(countdown.call<&Countdown::next>(), 1);
        EXPECT_EQ(countdown.call<&Countdown::next>(), 0);
        EXPECT_EQ(countdown.call<&Countdown::next>(), std::nullopt);
        EXPECT_EQ(countdown.call<&Countdown::next>(), std::nullopt);
        EXPECT_THROW(manager.create<Countdown>("Countdown", 0).call<int>("__next__"),
                     procession::StopIteration);
    });
}

TEST_F(PythonsServer, has_one_object_for_all) {
    at_each([](SampleManager& manager) {
        const auto queue = manager.create<procession::Queue<Object>>("get_queue");
        queue.put("x");
        EXPECT_EQ(manager.create<procession::Queue<Object>>("get_queue").get(), Object("x"));
        manager.create<Counter>("get_counter").call<&Counter::increment>();
        EXPECT_EQ(manager.create<Counter>("get_counter").call<&Counter::increment>(), 2);
    });
}

TEST_F(PythonsServer, has_generators_and_names_of_arguments) {
    at_pythons([](SampleManager& manager) {
        const auto squares = manager.create<Squares>("squares", 3);
        for (const int each : {0, 1, 4}) EXPECT_EQ(squares.call<std::optional<int>>("__next__"), each);
        EXPECT_EQ(squares.call<std::optional<int>>("__next__"), std::nullopt);
        const auto endless = manager.create<Squares>("squares", 100);
        EXPECT_EQ(endless.call<int>("send", Object()), 0);
        endless.call<void>("close");
        EXPECT_THROW(endless.call("__next__"), procession::StopIteration);

        const auto odd = manager.create<Odd>("Odd");
        const std::vector<Object> arguments = {1, 2};
        EXPECT_EQ(
            odd.ProxyCore::call("by_name", arguments, Object::dict({{"b", 3}, {"c", 4}})).to_string(),
            "(1, (2,), 3, {'c': 4})");
    });
}

TEST_F(PythonsServer, tells_of_exceptions_that_nobody_knows) {
    at_pythons([](SampleManager& manager) {
        const auto odd = manager.create<Odd>("Odd");
        try {
            odd.call("fail_unheard");
            ADD_FAILURE();
        } catch (const RemoteError& error) {
            EXPECT_EQ(error.type_name, "__main__.Unheard");
            EXPECT_EQ(error.what_text, "('of this', 5)");
        }
        try {
            odd.call("function");
            ADD_FAILURE();
        } catch (const RemoteError& error) {
            expect_parts(error.what(), {"Unserializable message"});
        }
        try {
            odd.call("nonsense");
            ADD_FAILURE();
        } catch (const RemoteError& error) {
            EXPECT_EQ(error.type_name, "KeyError");  // raised as CPython handles the AttributeError
            expect_parts(error.traceback, {"Traceback", "nonsense"});
        }
        // It goes on after each.
        EXPECT_EQ(odd.call<Object>("by_name", 1).to_string(), "(1, (), 2, {})");
        EXPECT_THROW((void)manager.create<Odd>("nothing_there"), RemoteError);
    });
}

// ---------------------------------------------------------------- references, and other processes

TEST_F(PythonsServer, counts_references) {
    at_each([](SampleManager& manager) {
        const std::size_t begun = manager.number_of_objects();
        // Within the program, the server lets go of what nobody has once it is told.
        const auto objects = [&](std::size_t wanted) {
            procession::test::wait_until([&] { return manager.number_of_objects() - begun == wanted; });
        };
        {
            const auto d = manager.dict<std::string, int>();
            const auto same = d;
            objects(1);
            const auto maths = manager.create<Maths>("Maths");
            {
                const auto counter = maths.call<&Maths::counter, Proxy<Counter>>(1);
                objects(3);
            }
            objects(2);
            const auto l = manager.list<DictProxy<std::string, int>>();
            l.append(d);
            objects(3);
            EXPECT_EQ(l.get(0).size(), 0u);
            objects(3);
            EXPECT_THROW((void)manager.create<Maths>("Maths", 1, 2, 3), std::exception);
            objects(3);
        }
        objects(0);
    });
}

void fill(DictProxy<std::string, int> d, procession::QueueProxy<std::string> q,
          procession::LockProxy lock, ListProxy<ListProxy<int>> lists, Proxy<Counter> counter,
          std::string name) {
    const std::scoped_lock guard(lock);
    d[name] = 1;
    lists[0]->append(1);
    counter.call<int>("increment");
    q.put(name);
}

TEST_F(PythonsServer, has_proxies_passed_to_processes) {
    at_each([](SampleManager& manager) {
        const std::size_t begun = manager.number_of_objects();
        {
            const auto d = manager.dict<std::string, int>();
            const auto q = manager.Queue<std::string>();
            const auto lock = manager.Lock();
            const auto lists = manager.list<ListProxy<int>>();
            const auto inner = manager.list<int>();
            lists.append(inner);
            const auto counter = manager.create<Counter>("Counter");
            for (const auto method : procession::get_all_start_methods()) {
                Process process({.start_method = method}, fill, d, q, lock, lists, counter,
                                name_of(method));
                process.start();
                process.join();
                EXPECT_EQ(process.exitcode(), 0);
            }
            EXPECT_EQ(d.size(), 3u);
            EXPECT_EQ(inner.size(), 3u);
            EXPECT_EQ(counter.call<&Counter::get>(), 3);
            EXPECT_EQ(q.qsize(), 3u);
        }
        wait_until([&] { return manager.number_of_objects() == begun; });
    });
}

TEST_F(PythonsServer, takes_batches) {
    at_each([](SampleManager& manager) {
        const auto d = manager.dict<std::string, int>({{"a", 1}});
        const auto maths = manager.create<Maths>("Maths");
        procession::Batch batch;
        auto first = batch.call<int>(d, "get", "a");
        auto second = batch.call<int>(d, "__getitem__", "zz");
        auto third = batch.call<&Maths::add>(maths, 4, 3);
        batch.send();
        EXPECT_EQ(first.get(), 1);
        EXPECT_THROW((void)second.get(), procession::KeyError);
        EXPECT_EQ(third.get(), 7);
    });
}

// ---------------------------------------------------------------- its end

TEST_F(PythonsServer, ends_while_a_client_waits) {
    for (const Python& python : pythons_) {
        SCOPED_TRACE(python.path);
        PythonManager theirs(python, "tcp:127.0.0.1:0");
        SampleManager manager(theirs.address(), manager_key);
        manager.connect();
        const auto queue = manager.Queue<int>();
        std::jthread waiter([&] { EXPECT_THROW((void)queue.get(), procession::EndOfFile); });
        theirs.end();
        waiter.join();
        try {
            queue.put(1);
            ADD_FAILURE();
        } catch (const procession::EndOfFile& error) {
            expect_parts(error.what(), {"Manager", "server", "gone", "127.0.0.1"});
        }
        EXPECT_THROW((void)manager.Queue<int>(), procession::EndOfFile);
        EXPECT_THROW(SampleManager(theirs.address(), manager_key).connect(), std::system_error);
    }
}

TEST_F(PythonsServer, refuses_who_has_another_key) {
    for (const Python& python : pythons_) {
        SCOPED_TRACE(python.path);
        PythonManager theirs(python, "tcp:127.0.0.1:0");
        SampleManager manager(theirs.address(), procession::AuthKey("another"));
        EXPECT_THROW(manager.connect(), procession::AuthenticationError);
        SampleManager with_the_key(theirs.address(), manager_key);
        with_the_key.connect();
        EXPECT_EQ(with_the_key.list<int>().size(), 0u);
    }
}

}  // namespace

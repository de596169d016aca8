// SPDX-License-Identifier: Apache-2.0

// CPython's cases of managers with classes of one's own, and of remote ones.

#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/start_methods.hpp"

namespace {

using namespace std::literals;
namespace test = procession::test;

class FooBar {
  public:
    std::string f() const { return "f()"; }
    void g() const { throw mp::ValueError("g() has no value"); }
    std::string h() const { return "_h()"; }
};

class Squares {
  public:
    std::optional<int> next() {
        if (next_ == 10) return std::nullopt;
        const int root = next_++;
        return root * root;
    }

  private:
    int next_ = 0;
};

struct MyManager : mp::BaseManager {
    MyManager() {
        register_type<FooBar>("Foo", mp::method<&FooBar::f>("f"), mp::method<&FooBar::g>("g"));
        register_type<FooBar>("Bar", mp::method<&FooBar::f>("f"), mp::method<&FooBar::h>("_h"));
        register_type<Squares>("baz", mp::method<&Squares::next>("__next__"));
    }
};

void use(MyManager& manager) {
    const auto foo = manager.create<FooBar>("Foo");
    const auto bar = manager.create<FooBar>("Bar");
    const auto baz = manager.create<Squares>("baz");
    EXPECT_EQ(foo.exposed(), (std::vector{"f"s, "g"s}));
    EXPECT_EQ(bar.exposed(), (std::vector{"f"s, "_h"s}));

    EXPECT_EQ(foo.call<&FooBar::f>(), "f()");
    EXPECT_THROW(foo.call<&FooBar::g>(), mp::ValueError);
    EXPECT_EQ(foo.call<std::string>("f"), "f()");
    EXPECT_THROW(foo.call("_h"), mp::RemoteError);

    EXPECT_EQ(bar.call<&FooBar::f>(), "f()");
    EXPECT_EQ(bar.call<&FooBar::h>(), "_h()");
    EXPECT_EQ(bar.call<std::string>("f"), "f()");
    EXPECT_EQ(bar.call<std::string>("_h"), "_h()");

    std::vector<int> squares;
    while (const auto square = baz.call<&Squares::next>()) squares.push_back(*square);
    EXPECT_EQ(squares, (std::vector{0, 1, 4, 9, 16, 25, 36, 49, 64, 81}));
}

class TestMyManager : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, TestMyManager, test::all_start_methods(), test::name_of_parameter);

// conformance: manager.custom
TEST_P(TestMyManager, test_mymanager) {
    MyManager manager;
    manager.start();
    const mp::ProcessHandle process = manager.process();
    use(manager);
    manager.shutdown();
    EXPECT_TRUE(process.exitcode() == 0 || process.exitcode() == -SIGTERM);
}

// conformance: manager.custom_scope
TEST_P(TestMyManager, test_mymanager_context) {
    std::optional<mp::ProcessHandle> process;
    {
        MyManager manager;
        manager.start();
        process = manager.process();
        use(manager);
    }
    EXPECT_TRUE(process->exitcode() == 0 || process->exitcode() == -SIGTERM);
}

// conformance: manager.custom_scope_prestarted
TEST_P(TestMyManager, test_mymanager_context_prestarted) {
    MyManager started;
    started.start();
    const mp::ProcessHandle process = started.process();
    {
        MyManager manager = std::move(started);
        EXPECT_THROW(manager.start(), mp::StateError);
        EXPECT_EQ(manager.process().pid(), process.pid());
        use(manager);
    }
    EXPECT_EQ(process.exitcode(), 0);
}

// ---------------------------------------------------------------- remote

using AnyQueue = mp::Queue<mp::Object>;

AnyQueue get_queue() {
    static const AnyQueue queue;
    return queue;
}

struct QueueManager : mp::BaseManager {
    QueueManager(mp::Address address, mp::AuthKey key)
        : BaseManager(std::move(address), std::move(key)) {
        register_type<AnyQueue>("get_queue", get_queue);
    }
};

/// For clients alone: the server has the queue.
struct QueueManager2 : mp::BaseManager {
    using BaseManager::BaseManager;
    auto get_queue() { return create<AnyQueue>("get_queue"); }
};

mp::Object values() {
    const auto bytes = "hall\xe5 v\xe4rlden"sv;
    return mp::Object::tuple({"hello world", mp::Object(), true, 2.25, "hall\u00e5 v\u00e4rlden",
                              "\u043f\u0440\u0438\u0432\u0456\u0442 \u0441\u0432\u0456\u0442",
                              std::as_bytes(std::span(bytes))});
}

mp::AuthKey random_key() {
    std::random_device random;
    std::string bytes(32, '\0');
    for (char& each : bytes) each = static_cast<char>(random());
    return mp::AuthKey(bytes);
}

void put_values(mp::Address address, std::string key) {
    QueueManager2 manager(address, key);
    manager.connect();
    manager.get_queue().put(values());
}

class TestRemoteManager : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, TestRemoteManager, test::all_start_methods(),
                         test::name_of_parameter);

// conformance: remote_manager.two_clients
TEST_P(TestRemoteManager, test_remote) {
    const mp::AuthKey key = random_key();
    QueueManager manager(mp::Address("localhost", 0), key);
    manager.start();
    mp::Process putter({.daemon = true}, put_values, manager.address(), key.bytes());
    putter.start();

    QueueManager2 manager2(manager.address(), key);
    manager2.connect();
    const auto queue = manager2.get_queue();
    EXPECT_EQ(queue.get(), values());
    static_assert(!std::is_convertible_v<void (*)(), mp::Object>, "a function cannot be put");
    putter.join();
    EXPECT_EQ(putter.exitcode(), 0);
}

void put_hello(mp::Address address, std::string key) {
    QueueManager manager(address, key);
    manager.connect();
    manager.create<AnyQueue>("get_queue").put("hello world");
}

// conformance: remote_manager.rapid_restart
TEST_P(TestRemoteManager, test_rapid_restart) {
    const mp::AuthKey key = random_key();
    mp::Address address;
    {
        QueueManager manager(mp::Address("localhost", 0), key);
        manager.start();
        address = manager.address();
        mp::Process putter(put_hello, address, key.bytes());
        putter.start();
        putter.join();
        EXPECT_EQ(manager.create<AnyQueue>("get_queue").get(), mp::Object("hello world"));
    }
    QueueManager manager(address, key);
    manager.start();
    EXPECT_EQ(manager.address(), address);
    EXPECT_TRUE(manager.create<AnyQueue>("get_queue").empty());
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0

// Clients of a manager's server die, are stopped or leave, and so does the server: what they had is given back, those
// who wait are told, and nobody else is held up.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/manager.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;

class ManagerDeath : public test::WithManager {};

[[noreturn]] void stay() {
    for (;;) ::pause();
}

void hold_all(mp::LockProxy lock, mp::RLockProxy rlock, mp::SemaphoreProxy semaphore, mp::Event ready) {
    lock.acquire();
    rlock.acquire();
    semaphore.acquire();
    ready.set();
    stay();
}

TEST_F(ManagerDeath, what_a_killed_client_held_is_given_back_and_its_locks_say_whose_they_were) {
    const auto lock = manager_.Lock();
    const auto rlock = manager_.RLock();
    const auto semaphore = manager_.Semaphore(1);
    const mp::Event ready;
    mp::Process holder({.name = "Holder"}, hold_all, lock, rlock, semaphore, ready);
    holder.start();
    ready.wait();
    const int pid = *holder.pid();
    holder.kill();
    holder.join();
    semaphore.acquire();
    try {
        lock.acquire();
        FAIL() << "it was taken";
    } catch (const mp::OwnerDied& error) {
        EXPECT_EQ(error.pid, pid);
        EXPECT_EQ(error.name, "Holder");
    }
    EXPECT_THROW(rlock.acquire(), mp::OwnerDied);
    lock.recover();
    lock.release();
    rlock.release();
    EXPECT_TRUE(rlock.acquire(0s));
}

void wait_for_it(mp::LockProxy lock, mp::Event ready) {
    ready.set();
    lock.acquire();
}

TEST_F(ManagerDeath, a_killed_waiter_takes_nothing_along) {
    const auto lock = manager_.Lock();
    lock.acquire();
    for (int i = 0; i < 5; ++i) {
        const mp::Event ready;
        mp::Process waiter(wait_for_it, lock, ready);
        waiter.start();
        ready.wait();
        waiter.kill();
        waiter.join();
    }
    lock.release();
    lock.acquire();
    lock.release();
}

void keep_proxies(mp::Address address, std::string key, mp::Event ready) {
    mp::SyncManager manager(std::move(address), key);
    manager.connect();
    const auto list = manager.list<int>();
    const auto outer = manager.list<mp::ListProxy<int>>();
    outer.append(list);
    const mp::ListProxy<int> again = outer[0];
    ready.set();
    stay();
}

TEST_F(ManagerDeath, references_of_a_killed_client_of_another_program_are_given_back) {
    const std::size_t before = manager_.number_of_objects();
    const mp::Event ready;
    mp::Process client(keep_proxies, manager_.address(), mp::current_process().authkey().bytes(), ready);
    client.start();
    ready.wait();
    EXPECT_EQ(manager_.number_of_objects(), before + 2);
    client.kill();
    client.join();
    test::wait_until([&] { return manager_.number_of_objects() == before; });
}

TEST_F(ManagerDeath, references_of_processes_and_messages_of_the_program_are_given_back) {
    const std::size_t before = manager_.number_of_objects();
    const mp::Queue<mp::ListProxy<int>> queue;
    {
        const auto list = manager_.list<int>({1, 2});
        queue.put(list);
    }
    EXPECT_EQ(manager_.number_of_objects(), before + 1);
    EXPECT_EQ(queue.get().copy(), (std::vector<int>{1, 2}));
    test::wait_until([&] { return manager_.number_of_objects() == before; });
}

void make_and_leave(mp::DictProxy<int, mp::ListProxy<int>> outer, mp::Queue<mp::ListProxy<int>> queue,
                    mp::ListProxy<int> list) {
    outer[1] = list;
    queue.put(list);
}

TEST_F(ManagerDeath, a_proxy_outlives_who_sent_it) {
    const auto outer = manager_.dict<int, mp::ListProxy<int>>();
    const mp::Queue<mp::ListProxy<int>> queue;
    mp::Process maker(make_and_leave, outer, queue, manager_.list<int>({7}));
    maker.start();
    maker.join();
    ASSERT_EQ(maker.exitcode(), 0);
    const auto received = queue.get();
    received.append(8);
    EXPECT_EQ(outer[1]->copy(), (std::vector<int>{7, 8}));
}

TEST_F(ManagerDeath, a_killed_server_ends_every_call) {
    const auto lock = manager_.Lock();
    const auto list = manager_.list<int>();
    mp::SyncManager other(manager_.address());
    other.connect();
    const auto by_socket = other.Lock();
    lock.acquire();
    by_socket.acquire();
    std::atomic<int> ended{0}, waiting{0};
    const auto wait_at = [&](const mp::LockProxy& at) {
        EXPECT_FALSE(at.acquire(0s));
        ++waiting;
        EXPECT_THROW(at.acquire(), mp::EndOfFile);
        ++ended;
    };
    std::thread by_pipe_thread([&] { wait_at(lock); }), by_socket_thread([&] { wait_at(by_socket); });
    test::wait_until([&] { return waiting == 2; });
    manager_.process().kill();
    by_pipe_thread.join();
    by_socket_thread.join();
    EXPECT_EQ(ended, 2);
    EXPECT_THROW(list.size(), mp::EndOfFile);
    EXPECT_THROW(manager_.list<int>(), mp::EndOfFile);
    EXPECT_THROW(other.number_of_objects(), mp::EndOfFile);
}

void call_once_and_stay(mp::ListProxy<int> list, mp::LockProxy lock, mp::Event ready) {
    list.append(1);
    lock.acquire();
    ready.set();
    stay();
}

TEST_F(ManagerDeath, a_stopped_client_holds_up_nobody_else) {
    const auto list = manager_.list<int>();
    const mp::Event ready;
    mp::Process client(call_once_and_stay, list, manager_.Lock(), ready);
    client.start();
    ready.wait();
    ::kill(*client.pid(), SIGSTOP);
    list.append(2);
    EXPECT_EQ(list.size(), 2U);
    EXPECT_TRUE(manager_.Lock().acquire(0s));
    client.kill();
    client.join();
}

TEST_F(ManagerDeath, shutdown_ends_calls_in_progress) {
    const auto lock = manager_.Lock();
    const auto queue = manager_.Queue<int>();
    lock.acquire();
    std::atomic<int> waiting{0};
    std::thread at_lock([&] {
        ++waiting;
        EXPECT_THROW(lock.acquire(), mp::Error);
    });
    std::thread at_queue([&] {
        ++waiting;
        EXPECT_THROW(static_cast<void>(queue.get()), mp::Error);
    });
    // One that does not get there in time learns that the server has ended, the others that it ends.
    test::wait_until([&] { return waiting == 2; });
    manager_.shutdown();
    at_lock.join();
    at_queue.join();
    EXPECT_EQ(manager_.process().exitcode(), 0);
    EXPECT_THROW(lock.release(), mp::EndOfFile);
    EXPECT_THROW(manager_.Lock(), mp::StateError);
    manager_.shutdown();
}

/// A method that nothing stops.
struct Stubborn {
    void stay() {
        for (;;) ::pause();
    }
};

TEST(Manager, a_call_that_does_not_stop_is_ended_with_the_server_at_the_deadline) {
    mp::BaseManager manager;
    manager.register_type<Stubborn>("Stubborn", mp::method<&Stubborn::stay>("stay"));
    manager.start();
    const auto stubborn = manager.create<Stubborn>("Stubborn");
    std::atomic<bool> called{false};
    std::thread caller([&] {
        called = true;
        EXPECT_THROW(stubborn.call<&Stubborn::stay>(), mp::EndOfFile);
    });
    test::wait_until([&] { return called.load(); });
    manager.shutdown(50ms);
    caller.join();
    EXPECT_FALSE(manager.process().is_alive());
}

TEST_F(ManagerDeath, a_stop_ends_one_call_and_not_the_next) {
    const auto lock = manager_.Lock();
    lock.acquire();
    for (int i = 0; i < 3; ++i) {
        std::stop_source source;
        std::thread stopper([&] { source.request_stop(); });
        EXPECT_THROW(lock.acquire(source.get_token()), mp::CancelledError);
        stopper.join();
    }
    EXPECT_FALSE(lock.acquire(0s));
    lock.release();
    EXPECT_TRUE(lock.acquire(0s));
}

TEST_F(ManagerDeath, a_stop_ends_a_call_of_a_server_that_is_stuck) {
    const auto list = manager_.list<int>();
    const int server = manager_.process().pid();
    list.append(1);
    ::kill(server, SIGSTOP);
    test::wait_until([&] { return test::process_entry(server)->state == 'T'; });
    std::stop_source source;
    std::thread stopper([&] { source.request_stop(); });
    EXPECT_THROW(
        static_cast<const procession::detail::ProxyCore&>(list).call("__len__", {}, source.get_token()),
        mp::CancelledError);
    stopper.join();
    ::kill(server, SIGCONT);
    EXPECT_EQ(list.size(), 1U);
}

}  // namespace

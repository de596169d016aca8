// SPDX-License-Identifier: Apache-2.0
#include <procession/coroutine.hpp>
#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/bells.hpp"
#include "support/child.hpp"
#include "support/listening.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;
using test::thrown;

std::size_t descriptors() { return test::open_descriptors().size(); }
std::size_t threads() {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

// What can be awaited is awaited by a task.
template <class A>
mp::Task<mp::detail::AwaitedValue<A>> task_of(A awaitable) {
    co_return co_await std::move(awaitable);
}
template <class A>
auto run(A awaitable) {
    return mp::run(task_of(std::move(awaitable)));
}

// ---------------------------------------------------------------- tasks

mp::Task<int> seven() { co_return 7; }
mp::Task<> nothing() { co_return; }
mp::Task<int> failing() {
    co_await nothing();
    throw std::out_of_range("too far");
}

TEST(Task, gives_what_the_coroutine_returns) {
    EXPECT_EQ(mp::run(seven()), 7);
    mp::run(nothing());
    const auto boxed = mp::run([]() -> mp::Task<std::unique_ptr<int>> {
        auto made = std::make_unique<int>(co_await seven());
        co_return made;
    }());
    EXPECT_EQ(*boxed, 7);
    int there = 1;
    int& same = mp::run([](int& it) -> mp::Task<int&> { co_return it; }(there));
    EXPECT_EQ(&same, &there);
}

TEST(Task, throws_what_the_coroutine_throws_where_it_is_awaited) {
    EXPECT_THROW(mp::run(failing()), std::out_of_range);
    const std::string what = mp::run([]() -> mp::Task<std::string> {
        try {
            co_await failing();
        } catch (const std::out_of_range& error) {
            co_return error.what();
        }
        co_return "nothing was thrown";
    }());
    EXPECT_EQ(what, "too far");
}

TEST(Task, begins_when_it_is_awaited) {
    bool began = false;
    const auto begin = [&]() -> mp::Task<> {
        began = true;
        co_return;
    };
    { const mp::Task<> task = begin(); }
    EXPECT_FALSE(began);
    mp::run(begin());
    EXPECT_TRUE(began);
}

TEST(Task, is_awaited_once) {
    mp::run([]() -> mp::Task<> {
        mp::Task<int> task = seven();
        EXPECT_EQ(co_await std::move(task), 7);
        bool refused = false;
        try {
            co_await std::move(task);
        } catch (const mp::StateError& error) {
            refused = true;
            EXPECT_STREQ(
                error.what(),
                "Task: it was awaited before, or moved from. Make another one by another call.");
        }
        EXPECT_TRUE(refused);
    }());
}

mp::Task<int> deep(int levels) {
    if (levels == 0) co_return 0;
    co_return 1 + co_await deep(levels - 1);
}

TEST(Task, needs_no_stack_for_those_that_it_awaits) {
    EXPECT_EQ(mp::run(deep(100'000)), 100'000);
    const int sum = mp::run([]() -> mp::Task<int> {
        int all = 0;
        for (int i = 0; i < 1'000'000; ++i) all += co_await seven();
        co_return all;
    }());
    EXPECT_EQ(sum, 7'000'000);
}

// ---------------------------------------------------------------- loops

mp::Task<> append(std::vector<int>& to, int value, mp::Timeout after = 0s) {
    co_await mp::sleep_for(after);
    to.push_back(value);
}

TEST(EventLoop, runs_all_that_were_spawned_side_by_side) {
    mp::EventLoop loop;
    std::vector<int> done;
    loop.spawn(append(done, 3, 40ms));
    loop.spawn(append(done, 2, 20ms));
    loop.spawn(append(done, 1));
    EXPECT_TRUE(done.empty());
    loop.run();
    EXPECT_EQ(done, (std::vector{1, 2, 3}));
}

TEST(EventLoop, is_given_work_by_other_threads) {
    mp::EventLoop loop;
    mp::Queue<int> queue;
    std::thread::id ran_in;
    std::thread other;
    loop.run([](mp::EventLoop& loop, mp::Queue<int> queue, std::thread::id& ran_in,
                std::thread& other) -> mp::Task<> {
        other = std::thread([&loop, &ran_in, queue] {
            loop.post([&ran_in, queue] {
                ran_in = std::this_thread::get_id();
                queue.put(1);
            });
        });
        EXPECT_EQ(co_await mp::async_get(queue), 1);
    }(loop, queue, ran_in, other));
    other.join();
    EXPECT_EQ(ran_in, std::this_thread::get_id());
}

TEST(EventLoop, ends_with_what_a_spawned_task_throws_and_can_be_run_on) {
    mp::EventLoop loop;
    std::vector<int> done;
    const auto fail = [](std::vector<int>& to) -> mp::Task<> { to.push_back(co_await failing()); };
    loop.spawn(append(done, 1, 20ms));
    loop.spawn(fail(done));
    EXPECT_THROW(loop.run(append(done, 2, 10ms)), std::out_of_range);
    EXPECT_TRUE(done.empty());
    loop.run();
    EXPECT_EQ(done, std::vector{1}) << "the other one was destroyed";
}

// Both end in one turn, the task first.
TEST(EventLoop, gives_the_value_of_what_is_done_and_only_then_what_another_throws) {
    mp::EventLoop loop;
    std::stop_source stop;
    const auto fail = []() -> mp::Task<> { co_await failing(); };
    const auto sleep = [](std::stop_token stop) -> mp::Task<int> {
        try {
            co_await mp::sleep_for(1h, stop);
        } catch (const mp::CancelledError&) {
            co_return 1;
        }
        co_return 0;
    };
    loop.spawn([](mp::EventLoop& loop, std::stop_source stop, auto fail) -> mp::Task<> {
        co_await mp::sleep_for(0s);
        stop.request_stop();
        loop.spawn(fail());
    }(loop, stop, fail));
    EXPECT_EQ(loop.run(sleep(stop.get_token())), 1);
    EXPECT_THROW(loop.run(), std::out_of_range);
}

TEST(EventLoop, lets_others_go_first_while_one_sleeps_for_no_time) {
    mp::EventLoop loop;
    std::vector<int> order;
    loop.run([](mp::EventLoop& loop, std::vector<int>& order) -> mp::Task<> {
        loop.post([&] { order.push_back(1); });
        co_await mp::sleep_for(0s);
        order.push_back(2);
    }(loop, order));
    EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(EventLoop, destroys_what_has_not_ended_and_its_waits) {
    mp::Queue<int> queue;
    static_cast<void>(queue.fileno());
    auto [one, other] = mp::Pipe();
    static_cast<void>(one.fileno());
    const std::size_t before = descriptors();
    const auto kept = std::make_shared<int>(1);
    {
        mp::EventLoop loop;
        for (int i = 0; i < 10; ++i)
            loop.spawn([](mp::Queue<int> queue, std::shared_ptr<int>) -> mp::Task<> {
                static_cast<void>(co_await mp::async_get(queue, 1h));
            }(queue, kept));
        loop.spawn([](const mp::Connection& connection) -> mp::Task<> {
            static_cast<void>(co_await mp::async_recv<int>(connection));
        }(one));
        loop.run(nothing());
        EXPECT_EQ(kept.use_count(), 11);
    }
    EXPECT_EQ(kept.use_count(), 1);
    EXPECT_EQ(descriptors(), before);
    queue.put(5);
    EXPECT_EQ(queue.get_nowait(), 5);
}

TEST(EventLoop, runs_once_at_a_time) {
    mp::EventLoop loop;
    loop.run([](mp::EventLoop& loop) -> mp::Task<> {
        EXPECT_EQ(&mp::EventLoop::current(), &loop);
        EXPECT_EQ(thrown<mp::StateError>([&] { loop.run(nothing()); }),
                  "EventLoop::run: it runs already. Use spawn() for another task.");
        EXPECT_EQ(mp::run(seven()), 7) << "a loop of its own";
        EXPECT_EQ(&mp::EventLoop::current(), &loop);
        co_return;
    }(loop));
    EXPECT_EQ(
        thrown<mp::StateError>([] { static_cast<void>(mp::EventLoop::current()); }),
        "EventLoop::current: no loop runs in this thread. Use procession::run() or EventLoop::run().");
}

TEST(EventLoop, belongs_to_the_process_that_made_it) {
    mp::Queue<int> queue;
    mp::EventLoop loop;
    EXPECT_EQ(loop.run([](mp::EventLoop& loop, mp::Queue<int> queue) -> mp::Task<int> {
        loop.spawn([](mp::Queue<int> queue) -> mp::Task<> {
            EXPECT_EQ(co_await mp::async_get(queue), 2);
        }(queue));
        co_await mp::sleep_for(0s);
        const int status = test::in_child([&] {
            const std::string said = thrown<mp::StateError>([&] { loop.spawn(nothing()); });
            if (said.find("EventLoop::spawn: the loop is that of process ") != 0 ||
                said.find("Make an EventLoop here.") == said.npos)
                ::_exit(1);
            // One of its own, which waits for the same queue.
            const auto get = [](mp::Queue<int> queue) -> mp::Task<int> {
                std::jthread putter([&] { queue.put(1); });
                co_return co_await mp::async_get(queue);
            };
            ::_exit(mp::run(get(queue)) == 1 ? 0 : 2);
        });
        queue.put(2);
        co_await mp::sleep_for(0s);
        co_return status;
    }(loop, queue)),
              0);
    loop.run();
}

TEST(EventLoop, lets_others_have_their_turn_while_a_queue_is_never_empty) {
    mp::Queue<int> queue;
    queue.put_many(std::vector<int>(1000, 1));
    EXPECT_GT(
        mp::run([](mp::Queue<int> queue) -> mp::Task<std::size_t> {
            std::size_t left = 0;
            mp::EventLoop::current().spawn([](std::size_t& left, mp::Queue<int> queue) -> mp::Task<> {
                left = queue.qsize();
                co_return;
            }(left, queue));
            for (int i = 0; i < 1000; ++i) co_await mp::async_get(queue);
            co_return left;
        }(queue)),
        0u);
}

// ---------------------------------------------------------------- waits

TEST(AsyncGet, gives_the_item_when_it_comes) {
    mp::Queue<std::string> queue;
    queue.put("there");
    EXPECT_EQ(run(mp::async_get(queue)), "there");
    std::jthread putter([&] { queue.put("later"); });
    EXPECT_EQ(run(mp::async_get(queue)), "later");
}

TEST(AsyncGet, throws_Empty_when_the_time_has_run_out) {
    mp::Queue<int> queue;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THROW(run(mp::async_get(queue, 30ms)), mp::Empty);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
}

TEST(AsyncGet, without_time_does_not_wait) {
    mp::Queue<int> queue;
    EXPECT_THROW(run(mp::async_get(queue, 0s)), mp::Empty);
    EXPECT_TRUE(test::bell_threads().empty()) << "nobody had to wait beside the queue";
    queue.put(1);
    EXPECT_EQ(run(mp::async_get(queue, 0s)), 1);
}

TEST(AsyncGet, throws_CancelledError_when_stopped_and_takes_nothing) {
    mp::Queue<int> queue;
    std::stop_source stop;
    std::jthread stopper([&] {
        while (test::bell_threads().empty()) std::this_thread::yield();
        stop.request_stop();
    });
    EXPECT_EQ(thrown<mp::CancelledError>([&] { run(mp::async_get(queue, stop.get_token())); }),
              "async_get: the wait was stopped");
    queue.put(1);
    EXPECT_THROW(run(mp::async_get(queue, stop.get_token())), mp::CancelledError);
    EXPECT_THROW(run(mp::with_stop(mp::async_get(queue), stop.get_token())), mp::CancelledError);
    EXPECT_EQ(queue.get_nowait(), 1);
}

TEST(AsyncGet, throws_what_get_throws) {
    mp::Queue<int> queue;
    std::jthread ender([&] {
        while (test::bell_threads().empty()) std::this_thread::yield();
        queue.shutdown();
    });
    EXPECT_THROW(run(mp::async_get(queue)), mp::ShutDown);
    mp::Queue<int> closed;
    closed.close();
    EXPECT_THROW(run(mp::async_get(closed)), mp::ValueError);
}

TEST(AsyncGet, wakes_the_one_that_has_waited_longest) {
    mp::Queue<int> queue;
    mp::EventLoop loop;
    std::vector<int> got(5);
    for (int& place : got)
        loop.spawn([](mp::Queue<int> queue, int& place) -> mp::Task<> {
            place = co_await mp::async_get(queue);
        }(queue, place));
    loop.post([&] { loop.post([&] { queue.put_many({1, 2, 3, 4, 5}); }); });
    loop.run();
    EXPECT_EQ(got, (std::vector{1, 2, 3, 4, 5}));
}

TEST(AsyncGet, is_for_joinable_queues_as_well) {
    mp::JoinableQueue<int> queue;
    queue.put(1);
    EXPECT_EQ(run(mp::async_get(queue)), 1);
    queue.task_done();
    EXPECT_TRUE(queue.join(0s));
}

TEST(AsyncGetMany, gives_what_is_there) {
    mp::Queue<int> queue;
    queue.put_many({1, 2, 3});
    EXPECT_EQ(run(mp::async_get_many(queue, 2)), (std::vector{1, 2}));
    EXPECT_EQ(run(mp::async_get_many(queue, 2)), std::vector{3});
    std::jthread putter([&] { queue.put(4); });
    EXPECT_EQ(run(mp::async_get_many(queue, 10)), std::vector{4});
    EXPECT_TRUE(run(mp::async_get_many(queue, 0)).empty());
    EXPECT_THROW(run(mp::async_get_many(queue, 2, 1ms)), mp::Empty);
}

TEST(AsyncRecv, gives_the_message_when_it_comes) {
    auto [one, other] = mp::Pipe();
    std::jthread sender([&end = other] {
        end.send(1);
        end.send("text");
        end.send_bytes("bytes");
    });
    EXPECT_EQ(run(mp::async_recv<int>(one)), 1);
    EXPECT_THROW(run(mp::async_recv<int>(one)), mp::TypeMismatch);
    EXPECT_EQ(run(mp::async_recv<std::string>(one)), "text");
    EXPECT_EQ(run(mp::async_recv_bytes(one)).size(), 5u);
    EXPECT_THROW(run(mp::async_recv<int>(one, 1ms)), mp::TimeoutError);
    EXPECT_THROW(run(mp::async_recv_bytes(one, 1ms)), mp::TimeoutError);
}

TEST(AsyncRecv, throws_EndOfFile_when_the_other_end_is_closed) {
    auto [one, other] = mp::Pipe();
    std::jthread closer([&end = other] {
        while (test::bell_threads().empty()) std::this_thread::yield();
        end.close();
    });
    EXPECT_THROW(run(mp::async_recv<int>(one)), mp::EndOfFile);
}

TEST(AsyncAccept, gives_the_next_who_connects) {
    mp::Listener listener(test::own_path("coroutine"));
    EXPECT_THROW(static_cast<void>(run(mp::async_accept(listener, 1ms))), mp::TimeoutError);
    std::jthread client(
        [address = listener.address()] { mp::Client(address).send(std::string("hello")); });
    const mp::Connection accepted = run(mp::async_accept(listener));
    EXPECT_EQ(run(mp::async_recv<std::string>(accepted)), "hello");
}

TEST(AsyncWait, tells_which_are_ready_and_takes_nothing) {
    mp::Queue<int> one, other;
    EXPECT_TRUE(run(mp::async_wait(1ms, one, other)).empty());
    std::jthread putter([&] { other.put(1); });
    EXPECT_EQ(run(mp::async_wait(mp::forever, one, other)), std::vector<std::size_t>{1});
    EXPECT_EQ(other.get_nowait(), 1);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_THROW(run(mp::async_wait(mp::forever, stop.get_token(), one)), mp::CancelledError);
}

TEST(SleepFor, takes_so_long_at_least) {
    const auto begin = std::chrono::steady_clock::now();
    run(mp::sleep_for(30ms));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    EXPECT_THROW(run(mp::sleep_for(1h, stop.get_token())), mp::CancelledError);
}

/// A coroutine of a type that the library knows nothing of.
struct Foreign {
    struct promise_type {
        Foreign get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const { throw; }
    };
};
Foreign get_into(mp::Queue<int> queue, int& value) { value = co_await mp::async_get(queue); }

TEST(Awaitable, is_awaited_by_any_coroutine_in_a_loop) {
    mp::Queue<int> queue;
    int value = 0;
    EXPECT_EQ(thrown<mp::StateError>([&] { get_into(queue, value); }),
              "co_await: no loop runs in this thread. Use procession::run() or EventLoop::run().");
    mp::run([](mp::Queue<int> queue, int& value) -> mp::Task<> {
        get_into(queue, value);
        queue.put(4);
        while (value == 0) co_await mp::sleep_for(0s);
    }(queue, value));
    EXPECT_EQ(value, 4);
}

// ---------------------------------------------------------------- what is made of others

TEST(WhenAll, gives_all_values) {
    mp::Queue<int> queue;
    queue.put_many({1, 2});
    const auto [item, nothing_at_all, number] =
        mp::run(mp::when_all(mp::async_get(queue), mp::sleep_for(1ms), seven()));
    static_assert(std::same_as<decltype(nothing_at_all), const std::monostate>);
    EXPECT_EQ(item, 1);
    EXPECT_EQ(number, 7);
    std::vector<mp::Task<int>> tasks;
    EXPECT_TRUE(mp::run(mp::when_all(std::move(tasks))).empty());
    tasks.clear();
    for (int i = 0; i < 1000; ++i) tasks.push_back(deep(i));
    const auto values = mp::run(mp::when_all(std::move(tasks)));
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
    std::vector<int> done;
    std::vector<mp::Task<>> both;
    both.push_back(append(done, 2, 20ms));
    both.push_back(append(done, 1));
    mp::run(mp::when_all(std::move(both)));
    EXPECT_EQ(done, (std::vector{1, 2}));
}

TEST(WhenAll, stops_the_others_when_one_throws) {
    mp::Queue<int> queue;
    EXPECT_THROW(mp::run(mp::when_all(mp::async_get(queue), failing())), std::out_of_range);
    EXPECT_THROW(mp::run(mp::when_all(failing(), mp::async_get(queue), mp::sleep_for(1h))),
                 std::out_of_range);
}

TEST(WithTimeout, stops_what_it_waits_for) {
    mp::Queue<int> queue;
    const auto both = [](mp::Queue<int> queue) -> mp::Task<int> {
        co_return co_await mp::async_get(queue) + co_await mp::async_get(queue);
    };
    queue.put_many({1, 2, 3});
    EXPECT_EQ(mp::run(mp::with_timeout(both(queue), 1h)), 3);
    EXPECT_EQ(thrown<mp::TimeoutError>([&] { mp::run(mp::with_timeout(both(queue), 10ms)); }),
              "with_timeout: the time ran out, and what was awaited was stopped");
    EXPECT_THROW(mp::run(mp::with_timeout(mp::with_timeout(mp::sleep_for(1h), 1h), 1ms)),
                 mp::TimeoutError);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_THROW(mp::run(mp::with_stop(mp::with_timeout(both(queue), 1h), stop.get_token())),
                 mp::CancelledError);
}

TEST(WithStop, is_what_the_task_is_told) {
    std::stop_source stop;
    const auto ask = [](std::stop_token expected) -> mp::Task<bool> {
        const std::stop_token told = co_await mp::task_stop_token();
        co_return told.stop_possible() && told.stop_requested() == expected.stop_requested();
    };
    EXPECT_TRUE(mp::run(mp::with_stop(ask(stop.get_token()), stop.get_token())));
    stop.request_stop();
    EXPECT_TRUE(mp::run(mp::with_stop(ask(stop.get_token()), stop.get_token())));
}

TEST(EventLoop, stops_a_spawned_task_by_its_token) {
    mp::Queue<int> queue;
    mp::EventLoop loop;
    std::stop_source stop;
    bool cancelled = false;
    loop.spawn(
        [](mp::Queue<int> queue, bool& cancelled) -> mp::Task<> {
            try {
                static_cast<void>(co_await mp::async_get(queue));
            } catch (const mp::CancelledError&) {
                cancelled = true;
            }
        }(queue, cancelled),
        stop.get_token());
    loop.post([&] { stop.request_stop(); });
    loop.run();
    EXPECT_TRUE(cancelled);
}

// ---------------------------------------------------------------- nothing stays

TEST(CancelledWaits, leave_no_descriptor_no_thread_and_all_messages) {
    mp::Queue<int> queue;
    auto [one, other] = mp::Pipe();
    static_cast<void>(queue.fileno());
    static_cast<void>(one.fileno());
    const std::size_t descriptors_before = descriptors(), threads_before = threads();
    constexpr int count = 10'000;
    {
        mp::EventLoop loop;
        std::mt19937 random(1);
        std::stop_source stop;
        std::vector<int> got;
        int ended = 0;
        for (int i = 0; i < count; ++i) {
            loop.spawn(
                [](mp::Queue<int> queue, const mp::Connection& one, int kind, mp::Timeout limit,
                   std::vector<int>& got, int& ended) -> mp::Task<> {
                    try {
                        if (kind == 0) got.push_back(co_await mp::async_get(queue, limit));
                        if (kind == 1) got.push_back(co_await mp::async_recv<int>(one, limit));
                        if (kind == 2) co_await mp::sleep_for(limit);
                    } catch (const mp::Error&) {
                    }
                    ++ended;
                }(queue, one, i % 3, random() % 2 ? mp::Timeout() : mp::Timeout(random() % 50 * 1ms),
                                                      got, ended),
                stop.get_token());
        }
        loop.post([&] { std::jthread stopper([&] { stop.request_stop(); }); });
        loop.run();
        EXPECT_EQ(ended, count);
        EXPECT_TRUE(got.empty());
    }
    EXPECT_EQ(descriptors(), descriptors_before);
    EXPECT_EQ(threads(), threads_before);
    queue.put(1);
    other.send(2);
    EXPECT_EQ(queue.get_nowait(), 1);
    EXPECT_EQ(one.recv<int>(0s), 2);
}

TEST(CancelledWaits, lose_no_message_and_change_no_order_at_whatever_moment) {
    mp::Queue<int> queue;
    std::vector<int> got;
    constexpr int count = 10'000;
    mp::run([](mp::Queue<int> queue, std::vector<int>& got) -> mp::Task<> {
        std::mt19937 random(2);
        std::jthread putter([&] {
            for (int i = 0; i < count; ++i) {
                queue.put(i);
                if (i % 16 == 0) std::this_thread::yield();
            }
        });
        for (int cancelled = 0; cancelled < count;) {
            try {
                got.push_back(co_await mp::with_timeout(mp::async_get(queue),
                                                        std::chrono::nanoseconds(random() % 20'000)));
            } catch (const mp::TimeoutError&) {
                ++cancelled;
            }
        }
    }(queue, got));
    while (const auto left = queue.try_get()) got.push_back(*left);
    ASSERT_EQ(got.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
}

}  // namespace

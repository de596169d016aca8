// SPDX-License-Identifier: Apache-2.0
#include <procession/queues.hpp>

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <memory>
#include <numeric>
#include <thread>

#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/full_heap.hpp"
#include "support/heap_work.hpp"
#include "support/small_heap.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"
#include "support/warnings.hpp"

namespace {

using namespace std::chrono_literals;
using procession::heap::Heap;
namespace test = procession::test;

/// What is in a queue now, each item done, with the number of those who died of it.
std::vector<std::pair<int, int>> drain(const mp::JoinableQueue<int>& queue) {
    std::vector<std::pair<int, int>> items;
    try {
        for (;;) {
            const auto delivery = queue.get_delivery(0s);
            EXPECT_EQ(delivery.redelivered(), delivery.deaths > 0);
            items.emplace_back(delivery.item, delivery.deaths);
            queue.task_done();
        }
    } catch (const mp::Empty&) {
    }
    return items;
}
using Items = std::vector<std::pair<int, int>>;

/// How many blocks there are, of what those have who live.
std::uint64_t blocks_in_use() {
    test::bury_everybody(Heap::program());
    return Heap::program().usage().blocks;
}

/// Has a process do it that is then killed.
template <class Body>
void die_after(Body body) {
    const test::Event ready;
    const pid_t pid = test::child_that_stays(ready, body);
    ::kill(pid, SIGKILL);
    ASSERT_EQ(test::end_of(pid), -SIGKILL);
}

// ---------------------------------------------------------------- join

TEST(JoinableQueue, join_returns_when_the_last_item_is_done) {
    const mp::JoinableQueue<int> queue;
    std::atomic<int> done = 0;
    queue.put_many({1, 2, 3});
    std::jthread worker([&] {
        for (int i = 0; i < 3; ++i) {
            static_cast<void>(queue.get());
            ++done;
            queue.task_done();
        }
    });
    EXPECT_TRUE(queue.join());
    EXPECT_EQ(done, 3);
}

TEST(JoinableQueue, join_with_a_limit_returns_false_no_sooner) {
    const mp::JoinableQueue<int> queue;
    queue.put(1);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(queue.join(50ms));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
    EXPECT_FALSE(queue.join(0s));
    EXPECT_EQ(drain(queue), (Items{{1, 0}}));
    EXPECT_TRUE(queue.join(0s));
}

TEST(JoinableQueue, a_stop_request_ends_join) {
    const mp::JoinableQueue<int> queue;
    queue.put(1);
    std::jthread joiner([queue](std::stop_token stop) {
        EXPECT_THROW(static_cast<void>(queue.join(stop)), mp::CancelledError);
        EXPECT_THROW(static_cast<void>(queue.join(60s, stop)), mp::CancelledError);
    });
    joiner.request_stop();
}

TEST(JoinableQueue, shutdown_at_once_ends_join) {
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2, 3});
    std::jthread joiner([queue] { EXPECT_TRUE(queue.join()); });
    queue.shutdown(true);
    joiner.join();
    EXPECT_EQ(queue.qsize(), 0u);
    EXPECT_THROW(queue.task_done(), mp::ValueError);
    EXPECT_EQ(queue.lost(), 0u);
}

TEST(JoinableQueue, shutdown_at_once_leaves_what_was_got_to_its_taker) {
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2});
    static_cast<void>(queue.get());
    queue.shutdown(true);
    EXPECT_FALSE(queue.join(10ms));
    queue.task_done();
    EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, shut_down_gives_what_its_takers_left_before_it_ends) {
    const mp::JoinableQueue<int> queue;
    queue.put(1);
    die_after([&] { static_cast<void>(queue.get()); });
    queue.shutdown();
    int sum = 0;
    for (const int item : queue) {
        sum += item;
        queue.task_done();
    }
    EXPECT_EQ(sum, 1);
    EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, closed_here_has_no_task_done) {
    const mp::JoinableQueue<int> queue;
    queue.put(1);
    queue.close();
    try {
        queue.task_done();
        FAIL();
    } catch (const mp::ValueError& error) {
        test::expect_parts(error.what(), {"JoinableQueue::task_done", "is closed"});
    }
}

struct Unsendable {
    template <class A>
    void save(A&) const {
        throw mp::SerializationError("Unsendable");
    }
    template <class A>
    void load(A&) {}
};
TEST(JoinableQueue, what_cannot_be_sent_is_not_waited_for) {
    const mp::JoinableQueue<Unsendable> queue(1);
    EXPECT_THROW(queue.put({}), mp::SerializationError);
    EXPECT_THROW(queue.put_many({{}, {}}), mp::SerializationError);
    EXPECT_TRUE(queue.empty());
    EXPECT_TRUE(queue.join(0s));
}

// ---------------------------------------------------------------- task_done: for which item

// What a taker has not called done comes back after its death: so that shows which one was done.
class TaskDone : public testing::Test {
  protected:
    mp::JoinableQueue<int> queue;
    void get(int count = 1) const {
        for (int i = 0; i < count; ++i) static_cast<void>(queue.get());
    }
};

TEST_F(TaskDone, is_for_the_oldest_of_its_thread) {
    queue.put_many({1, 2, 3});
    die_after([&] {
        get();
        std::thread([&] {
            get(2);
            queue.task_done();
        }).join();
    });
    EXPECT_EQ(drain(queue), (Items{{1, 1}, {3, 1}}));
}

TEST_F(TaskDone, is_for_one_after_another_of_its_thread) {
    queue.put_many({1, 2, 3, 4, 5});
    die_after([&] {
        get(4);
        queue.task_done();
        queue.task_done();
        get();
        queue.task_done();
    });
    EXPECT_EQ(drain(queue), (Items{{4, 1}, {5, 1}}));
}

TEST_F(TaskDone, is_for_the_oldest_of_its_process_when_its_thread_has_none) {
    queue.put_many({1, 2, 3});
    const test::Event got;
    const pid_t elder = test::child_that_stays(got, [&] { get(); });
    die_after([&] {
        get(2);
        std::thread([&] { queue.task_done(); }).join();
    });
    ::kill(elder, SIGKILL);
    test::end_of(elder);
    // Returned first are those of the one that was got first.
    EXPECT_EQ(drain(queue), (Items{{1, 1}, {3, 1}}));
}

TEST_F(TaskDone, is_for_the_oldest_of_anybody_when_its_process_has_none) {
    queue.put_many({1, 2});
    const test::Event got;
    const pid_t taker = test::child_that_stays(got, [&] { get(2); });
    queue.task_done();
    ::kill(taker, SIGKILL);
    test::end_of(taker);
    EXPECT_EQ(drain(queue), (Items{{2, 1}}));
}

TEST_F(TaskDone, by_another_process_counts_for_that_ones_item) {
    queue.put(1);
    get();
    EXPECT_EQ(test::in_child([&] { queue.task_done(); }), 0);
    EXPECT_TRUE(queue.join());
    EXPECT_THROW(queue.task_done(), mp::ValueError);
}

TEST(JoinableQueue, that_lies_where_another_lay_knows_its_own_oldest) {
    const auto fill = [](const mp::JoinableQueue<int>& queue) { queue.put_many({1, 2, 3, 4, 5}); };
    {
        const mp::JoinableQueue<int> other;
        fill(other);
        EXPECT_EQ(other.get_many(5).size(), 5u);
        for (int i = 0; i < 2; ++i) other.task_done();
    }
    // This one counts from the same beginning, in the same memory.
    const mp::JoinableQueue<int> queue;
    fill(queue);
    die_after([&] {
        EXPECT_EQ(queue.get_many(5).size(), 5u);
        queue.task_done();
    });
    EXPECT_EQ(drain(queue), (Items{{2, 1}, {3, 1}, {4, 1}, {5, 1}}));
}

// ---------------------------------------------------------------- takers that end

// A death is noticed by who waits for the process or at the queue. Where others are to be got meanwhile, a
// test sees to it.

TEST(JoinableQueue, what_a_killed_taker_had_comes_back_first_and_marked) {
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2, 3, 4});
    die_after([&] {
        for (int i = 0; i < 3; ++i) static_cast<void>(queue.get());
        queue.task_done();
    });
    test::bury_everybody(Heap::program());
    EXPECT_EQ(drain(queue), (Items{{2, 1}, {3, 1}, {4, 0}}));
    EXPECT_TRUE(queue.join());
    EXPECT_EQ(queue.lost(), 0u);
}

TEST(JoinableQueue, what_an_ended_taker_had_comes_back_as_well) {
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2});
    EXPECT_EQ(test::in_child([&] { static_cast<void>(queue.get()); }), 0);
    test::bury_everybody(Heap::program());
    EXPECT_EQ(drain(queue), (Items{{1, 1}, {2, 0}}));
}

TEST(JoinableQueue, what_a_taker_in_get_many_had_comes_back_in_its_order) {
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2, 3, 4, 5, 6});
    die_after([&] {
        EXPECT_EQ(queue.get_many(5).size(), 5u);
        queue.task_done();
        queue.task_done();
    });
    test::bury_everybody(Heap::program());
    EXPECT_EQ(drain(queue), (Items{{3, 1}, {4, 1}, {5, 1}, {6, 0}}));
    EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, deaths_are_counted_one_by_one) {
    const mp::JoinableQueue<int> queue(0, mp::OnDeath::redeliver, 10);
    queue.put(1);
    for (int deaths = 0; deaths < 5; ++deaths)
        die_after([&] {
            if (queue.get_delivery().deaths != deaths) ::_exit(1);
        });
    EXPECT_EQ(drain(queue), (Items{{1, 5}}));
}

TEST(JoinableQueue, a_getter_that_waits_gets_what_a_dead_taker_had) {
    const mp::JoinableQueue<int> queue;
    queue.put(1);
    const test::Event got;
    const pid_t taker = test::child_that_stays(got, [&] { static_cast<void>(queue.get()); });
    std::jthread getter([queue] {
        EXPECT_TRUE(queue.get_delivery().redelivered());
        queue.task_done();
    });
    ::kill(taker, SIGKILL);
    test::end_of(taker);
    EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, that_loses_counts_it_and_join_returns) {
    const mp::JoinableQueue<int> queue(0, mp::OnDeath::lose);
    queue.put_many({1, 2});
    std::jthread joiner([queue] { EXPECT_TRUE(queue.join()); });
    die_after([&] { static_cast<void>(queue.get()); });
    EXPECT_EQ(drain(queue), (Items{{2, 0}}));
    joiner.join();
    EXPECT_EQ(queue.lost(), 1u);
    EXPECT_THROW(queue.task_done(), mp::ValueError);
}

TEST(JoinableQueue, an_item_that_kills_every_taker_is_lost_and_others_are_not) {
    const test::Warnings log;
    const mp::JoinableQueue<int> queue;
    constexpr int poison = 13;
    queue.put_many({1, poison, 2, 3});
    int killed = 0;
    for (;;) {
        const pid_t worker = test::fork_to([&] {
            while (const auto item = queue.try_get()) {
                if (*item == poison) ::raise(SIGKILL);
                queue.task_done();
            }
        });
        if (test::end_of(worker) == 0) break;
        ++killed;
    }
    EXPECT_EQ(killed, mp::JoinableQueue<int>::default_max_deliveries);
    EXPECT_TRUE(queue.join());
    EXPECT_EQ(queue.lost(), 1u);
    EXPECT_TRUE(queue.empty());
}

TEST(JoinableQueue, a_loss_is_logged_once_with_its_reason) {
    const test::Warnings log;
    const mp::JoinableQueue<int> queue(0, mp::OnDeath::redeliver, 2);
    queue.put(1);
    pid_t last = 0;
    for (int i = 0; i < 2; ++i) {
        const test::Event got;
        last = test::child_that_stays(got, [&] { static_cast<void>(queue.get()); });
        ::kill(last, SIGKILL);
        test::end_of(last);
    }
    EXPECT_EQ(log.count(), 0u);
    EXPECT_TRUE(queue.join());
    EXPECT_EQ(log.count(), 1u) << log.text();
    test::expect_parts(log.text(), {"JoinableQueue", "an item is lost", "2 process(es)",
                                    "before task_done()", ("pid " + std::to_string(last)).c_str()});
}

TEST(JoinableQueue, max_deliveries_of_one_is_to_lose_and_fewer_are_a_ValueError) {
    const mp::JoinableQueue<int> queue(0, mp::OnDeath::redeliver, 1);
    queue.put(1);
    die_after([&] { static_cast<void>(queue.get()); });
    EXPECT_TRUE(queue.join());
    EXPECT_EQ(queue.lost(), 1u);
    for (const int number : {0, -1}) {
        try {
            mp::JoinableQueue<int>(0, mp::OnDeath::redeliver, number);
            FAIL();
        } catch (const mp::ValueError& error) {
            test::expect_parts(error.what(), {"JoinableQueue", "max_deliveries",
                                              std::to_string(number).c_str(), "1 or more"});
        }
    }
}

// ---------------------------------------------------------------- many in flight

TEST(JoinableQueue, keeps_a_hundred_thousand_in_flight) {
    const auto before = blocks_in_use();
    {
        constexpr int count = 100'000;
        const mp::JoinableQueue<int> queue;
        std::vector<int> numbers(count);
        std::iota(numbers.begin(), numbers.end(), 0);
        queue.put_many(numbers);
        EXPECT_EQ(queue.get_many(count), numbers);
        EXPECT_TRUE(queue.empty());
        for (int i = 0; i < count; ++i) {
            ASSERT_FALSE(queue.join(0s));
            queue.task_done();
        }
        EXPECT_TRUE(queue.join(0s));
        EXPECT_THROW(queue.task_done(), mp::ValueError);
    }
    EXPECT_EQ(blocks_in_use(), before);
}

TEST(JoinableQueue, get_many_without_memory_for_more_in_flight_returns_those_before) {
    if (!test::in_program_with_heap_limit("8M")) return;
    const mp::JoinableQueue<int> queue;
    for (int i = 0; i < 100; ++i) queue.put(i);
    EXPECT_EQ(queue.get(), 0);
    std::vector<int> got{0};
    {
        const test::FullHeap full(procession::heap::Use::control);
        for (const int item : queue.get_many(100)) got.push_back(item);
        EXPECT_GT(got.size(), 1u);
        EXPECT_LT(got.size(), 100u);
        EXPECT_THROW(static_cast<void>(queue.get_many(100)), mp::HeapExhausted);
        EXPECT_THROW(static_cast<void>(queue.get()), mp::HeapExhausted);
        EXPECT_EQ(queue.qsize(), 100u - got.size());
    }
    for (const int item : queue.get_many(100)) got.push_back(item);
    std::vector<int> all(100);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(got, all);
    for (int i = 0; i < 100; ++i) queue.task_done();
    EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, that_dies_with_items_in_flight_leaves_nothing) {
    const auto before = blocks_in_use();
    {
        const mp::JoinableQueue<std::string> queue;
        for (int i = 0; i < 100; ++i) queue.put(std::string(5000, 'x'));
        static_cast<void>(queue.get_many(50));
    }
    EXPECT_EQ(blocks_in_use(), before);
}

TEST(JoinableQueue, is_worked_off_by_threads_at_once) {
    const mp::JoinableQueue<int> queue(10);
    std::atomic<int> sum = 0;
    std::vector<std::jthread> workers;
    for (int i = 0; i < 4; ++i)
        workers.emplace_back([&] {
            for (const int item : queue) {
                sum += item;
                queue.task_done();
            }
        });
    for (int i = 0; i < 1000; ++i) queue.put(i);
    EXPECT_TRUE(queue.join());
    EXPECT_EQ(sum, 999 * 1000 / 2);
    queue.shutdown();
}

// ---------------------------------------------------------------- views and reserved memory

TEST(JoinableQueue, a_view_is_readable_after_task_done_and_after_the_queue) {
    const auto before = blocks_in_use();
    {
        auto queue = std::make_unique<mp::JoinableQueue<std::vector<double>>>();
        const std::vector<double> sent(1000, 1.5);
        queue->put(sent);
        const auto view = queue->get_view();
        queue->task_done();
        EXPECT_TRUE(queue->join());
        // Somebody else's would lie there now if it had been freed.
        for (int i = 0; i < 100; ++i) queue->put(std::vector<double>(1000, 2.5));
        queue.reset();
        EXPECT_TRUE(std::ranges::equal(view, sent));
    }
    EXPECT_EQ(blocks_in_use(), before);
}

TEST(JoinableQueue, what_was_reserved_and_committed_is_joined_like_the_rest) {
    const mp::JoinableQueue<std::string> queue;
    auto message = queue.reserve(3);
    std::ranges::copy(std::string("abc"), message.span().begin());
    queue.commit(std::move(message));
    EXPECT_FALSE(queue.join(0s));
    die_after([&] { static_cast<void>(queue.get_view()); });
    const auto delivery = queue.get_delivery(0s);
    EXPECT_EQ(delivery.item, "abc");
    EXPECT_EQ(delivery.deaths, 1);
    queue.task_done();
    EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, a_taker_killed_with_a_view_that_it_called_done_leaves_nothing) {
    const auto before = blocks_in_use();
    {
        const mp::JoinableQueue<std::string> queue;
        queue.put(std::string(5000, 'x'));
        die_after([&] {
            static auto view = queue.get_view();
            queue.task_done();
        });
        EXPECT_TRUE(queue.join());
        EXPECT_FALSE(queue.try_get());
    }
    EXPECT_EQ(blocks_in_use(), before);
}

TEST(JoinableQueue, maxsize_counts_those_not_got_yet) {
    const mp::JoinableQueue<int> queue(2);
    queue.put_many({1, 2});
    EXPECT_FALSE(queue.try_put(3));
    static_cast<void>(queue.get());
    EXPECT_TRUE(queue.try_put(3));
    EXPECT_TRUE(queue.full());
}

// ---------------------------------------------------------------- as what it is received

TEST(JoinableQueue, received_as_Queue_is_joinable_still) {
    const mp::Queue<mp::Queue<int>> letters;
    const mp::JoinableQueue<int> queue;
    letters.put(queue);
    const mp::Queue<int> received = letters.get();
    received.put(1);
    EXPECT_FALSE(queue.join(0s));
    EXPECT_EQ(received.get(), 1);
    EXPECT_FALSE(queue.join(0s));
    mp::JoinableQueue<int>(static_cast<mp::detail::Handle>(received)).task_done();
    EXPECT_TRUE(queue.join());
}

TEST(JoinableQueue, another_queue_received_as_one_is_a_TypeMismatch) {
    const mp::Queue<int> queue;
    const mp::SimpleQueue<int> simple;
    const mp::JoinableQueue<double> other;
    const auto expect_mismatch = [](const mp::detail::Handle& handle, const char* what) {
        try {
            const mp::JoinableQueue<int> received{handle};
            FAIL() << what;
        } catch (const mp::TypeMismatch& error) {
            test::expect_parts(error.what(), {"JoinableQueue", what, "receive it as that"});
        }
    };
    expect_mismatch(queue, "JoinableQueue<int>: this queue is a Queue<int>");
    expect_mismatch(simple, "is a SimpleQueue<int>");
    expect_mismatch(other, "is a JoinableQueue<double>");
    expect_mismatch(mp::Lock(), "another kind of object");
}

TEST(JoinableQueue, with_static_storage_and_other_arguments_is_a_ValueError) {
    using Q = mp::JoinableQueue<int>;
    alignas(Q) static std::byte place[sizeof(Q)];
    const auto make = [](auto... arguments) {
        auto* const queue = new (place) Q(arguments...);
        const std::size_t size = queue->qsize();
        std::destroy_at(queue);
        return size;
    };
    auto* const queue = new (place) Q(3);
    queue->put(1);
    std::destroy_at(queue);
    EXPECT_EQ(make(3), 1u);
    EXPECT_THROW(make(4), mp::ValueError);
    EXPECT_THROW(make(3, mp::OnDeath::lose), mp::ValueError);
    try {
        make(3, mp::OnDeath::redeliver, 5);
        FAIL();
    } catch (const mp::ValueError& error) {
        test::expect_parts(error.what(), {"JoinableQueue<int>", "static storage", "max_deliveries 3",
                                          "not 5", "same arguments"});
    }
    EXPECT_THROW(new (place) mp::Queue<int>(3), mp::ValueError);
}

// ---------------------------------------------------------------- between processes

class JoinableQueueProcess : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, JoinableQueueProcess, test::all_start_methods(),
                         test::name_of_parameter);

mp::JoinableQueue<int> global(0, mp::OnDeath::lose);

void work_off(mp::JoinableQueue<int> queue, int count) {
    for (int i = 0; i < count; ++i) {
        static_cast<void>(queue.get());
        queue.task_done();
    }
}
TEST_P(JoinableQueueProcess, is_an_argument) {
    const mp::JoinableQueue<int> queue;
    mp::Process worker(work_off, queue, 100);
    worker.start();
    for (int i = 0; i < 100; ++i) queue.put(i);
    EXPECT_TRUE(queue.join());
    EXPECT_TRUE(queue.empty());
    worker.join();
    EXPECT_EQ(worker.exitcode(), 0);
}

void work_off_received(mp::Queue<mp::JoinableQueue<int>> letters) { work_off(letters.get(), 2); }
TEST_P(JoinableQueueProcess, goes_in_messages) {
    const mp::Queue<mp::JoinableQueue<int>> letters;
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2});
    letters.put(queue);
    test::run(work_off_received, letters);
    EXPECT_TRUE(queue.join());
}

void get_as_queue(mp::Queue<int> queue) { static_cast<void>(queue.get()); }
TEST_P(JoinableQueueProcess, gives_back_what_a_process_got_and_left_at_its_end) {
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2});
    test::run(get_as_queue, queue);
    test::bury_everybody(Heap::program());
    EXPECT_EQ(drain(queue), (Items{{1, 1}, {2, 0}}));
    EXPECT_TRUE(queue.join());
}

void get_and_be_killed(mp::JoinableQueue<int> queue) {
    static_cast<void>(queue.get());
    ::raise(SIGKILL);
}
TEST_P(JoinableQueueProcess, join_returns_though_takers_are_killed) {
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2});
    std::vector<mp::Process> victims;
    for (int i = 0; i < 2; ++i) {
        victims.emplace_back(get_and_be_killed, queue);
        victims.back().start();
    }
    // One by one: the second may get what the first had, which is then marked twice.
    for (mp::Process& victim : victims) victim.join();
    mp::Process worker(work_off, queue, 2);
    worker.start();
    EXPECT_TRUE(queue.join());
    worker.join();
    EXPECT_EQ(queue.lost(), 0u);
}

void lose_one_and_work_off_one() {
    mp::Process victim([] { get_and_be_killed(global); });
    victim.start();
    victim.join();
    work_off(global, 1);
}
TEST_P(JoinableQueueProcess, with_static_storage_is_one_for_all) {
    const std::size_t lost = global.lost();
    global.put_many({1, 2});
    test::run(lose_one_and_work_off_one);
    EXPECT_TRUE(global.join());
    EXPECT_EQ(global.lost(), lost + 1);
}

}  // namespace

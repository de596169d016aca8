// SPDX-License-Identifier: Apache-2.0
#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <fstream>
#include <thread>

#include "support/bells.hpp"
#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/expect.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;
using test::bell_threads;
using test::is_readable;
using test::wait_until_readable;

void expect_empty(const mp::Queue<int>& queue) {
    EXPECT_THROW(static_cast<void>(queue.get_nowait()), mp::Empty);
}

TEST(QueueFileno, is_readable_exactly_while_an_item_waits) {
    mp::Queue<int> queue;
    const int fd = queue.fileno();
    EXPECT_FALSE(is_readable(fd));
    for (int i = 0; i < 100; ++i) {
        queue.put(1);
        EXPECT_TRUE(is_readable(fd));
        queue.put(2);
        static_cast<void>(queue.get());
        EXPECT_TRUE(is_readable(fd));
        static_cast<void>(queue.try_get());
        EXPECT_FALSE(is_readable(fd));
        expect_empty(queue);
        EXPECT_FALSE(is_readable(fd));
        queue.put_many({1, 2, 3});
        EXPECT_TRUE(is_readable(fd));
        EXPECT_EQ(queue.get_many(2).size(), 2u);
        EXPECT_TRUE(is_readable(fd));
        EXPECT_EQ(queue.get_many(2).size(), 1u);
        EXPECT_FALSE(is_readable(fd));
    }
}

TEST(QueueFileno, is_right_for_what_was_put_before_it_was_asked_for) {
    mp::Queue<int> queue;
    queue.put(1);
    const int fd = queue.fileno();
    EXPECT_TRUE(is_readable(fd));
    static_cast<void>(queue.get());
    EXPECT_FALSE(is_readable(fd));
}

TEST(QueueFileno, is_one_descriptor_for_all_handles_and_closes_on_exec) {
    mp::Queue<int> queue;
    const auto copy = queue;
    EXPECT_EQ(queue.fileno(), queue.fileno());
    EXPECT_EQ(queue.fileno(), copy.fileno());
    EXPECT_TRUE(test::closes_on_exec(queue.fileno()));
    EXPECT_TRUE(::fcntl(queue.fileno(), F_GETFL) & O_NONBLOCK);
}

TEST(QueueFileno, becomes_readable_by_what_another_process_puts) {
    mp::Queue<int> queue, go;
    const int fd = queue.fileno();
    const pid_t putter = test::fork_to([&] {
        for (int i = 0; i < 500; ++i) queue.put(go.get());
    });
    for (int i = 0; i < 500; ++i) {
        go.put(i);
        wait_until_readable(fd);
        EXPECT_EQ(queue.get_nowait(), i);
        EXPECT_FALSE(is_readable(fd));
    }
    EXPECT_EQ(test::end_of(putter), 0);
}

TEST(QueueFileno, is_as_the_queue_is_once_a_get_has_found_that_another_process_was_first) {
    mp::Queue<int> queue;
    const int fd = queue.fileno();
    queue.put(1);
    test::wait_until_bell_threads_sleep();
    EXPECT_EQ(test::in_child([&] { ::_exit(queue.get()); }), 1);
    EXPECT_TRUE(is_readable(fd)) << "the other process has no business with our descriptor";
    expect_empty(queue);
    EXPECT_FALSE(is_readable(fd));
    queue.put(2);
    EXPECT_EQ(test::in_child([&] { ::_exit(queue.get()); }), 2);
    EXPECT_FALSE(is_readable(queue.fileno()));
}

TEST(QueueFileno, two_can_be_polled_at_once) {
    mp::Queue<int> one, other;
    pollfd both[] = {{one.fileno(), POLLIN, 0}, {other.fileno(), POLLIN, 0}};
    EXPECT_EQ(::poll(both, 2, 0), 0);
    const int status = test::in_child([&] { other.put(1); });
    EXPECT_EQ(status, 0);
    EXPECT_EQ(::poll(both, 2, -1), 1);
    EXPECT_EQ(both[0].revents, 0);
    EXPECT_EQ(both[1].revents, POLLIN);
    one.put(1);
    EXPECT_EQ(::poll(both, 2, -1), 2);
}

class Epoll {
  public:
    Epoll(int fd, std::uint32_t events) {
        epoll_event event{events, {}};
        procession::os::checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "test",
                                "epoll_ctl");
    }
    /// How many are reported within so many milliseconds; -1: no limit.
    int wait(int timeout) {
        epoll_event event{};
        return procession::os::retry_on_signal(
            [&] { return ::epoll_wait(epoll_.get(), &event, 1, timeout); });
    }

  private:
    procession::os::Descriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

TEST(QueueFileno, is_reported_by_epoll_again_and_again_with_levels) {
    mp::Queue<int> queue;
    Epoll epoll(queue.fileno(), EPOLLIN);
    EXPECT_EQ(epoll.wait(0), 0);
    queue.put(1);
    EXPECT_EQ(epoll.wait(0), 1);
    EXPECT_EQ(epoll.wait(0), 1);
    static_cast<void>(queue.get());
    EXPECT_EQ(epoll.wait(0), 0);
}

TEST(QueueFileno, is_reported_by_epoll_once_with_edges) {
    mp::Queue<int> queue;
    Epoll epoll(queue.fileno(), EPOLLIN | EPOLLET);
    for (int i = 0; i < 3; ++i) {
        queue.put_many({1, 2});
        EXPECT_EQ(epoll.wait(0), 1);
        EXPECT_EQ(epoll.wait(0), 0);
        while (queue.try_get()) {
        }
    }
    queue.shutdown();
    EXPECT_EQ(epoll.wait(0), 1);
}

// It puts the next one only when this one was taken: an edge that is lost would hang both.
TEST(QueueFileno, loses_no_edge_between_the_get_that_finds_nothing_and_the_next_wait) {
    mp::Queue<int> queue, taken;
    Epoll epoll(queue.fileno(), EPOLLIN | EPOLLET);
    constexpr int rounds = 3000;
    const pid_t putter = test::fork_to([&] {
        for (int i = 0; i < rounds; ++i) {
            queue.put(i);
            static_cast<void>(taken.get());
        }
    });
    for (int next = 0; next < rounds;) {
        EXPECT_EQ(epoll.wait(-1), 1);
        while (const auto item = queue.try_get()) {
            EXPECT_EQ(*item, next++);
            taken.put(1);
        }
    }
    EXPECT_EQ(test::end_of(putter), 0);
}

TEST(QueueFileno, stays_readable_after_shutdown) {
    mp::Queue<int> queue;
    const int fd = queue.fileno();
    queue.put(1);
    queue.shutdown();
    EXPECT_TRUE(is_readable(fd));
    static_cast<void>(queue.get());
    EXPECT_TRUE(is_readable(fd)) << "the end of the stream is to be read as well";
    EXPECT_THROW(static_cast<void>(queue.get()), mp::ShutDown);
    EXPECT_TRUE(is_readable(fd));
}

TEST(QueueFileno, becomes_readable_by_another_process_s_shutdown) {
    mp::Queue<int> queue;
    const int fd = queue.fileno();
    const int status = test::in_child([&] { queue.shutdown(true); });
    EXPECT_EQ(status, 0);
    wait_until_readable(fd);
    EXPECT_THROW(static_cast<void>(queue.get()), mp::ShutDown);
}

TEST(QueueFileno, of_a_queue_closed_here_throws_ValueError) {
    mp::Queue<int> queue;
    queue.close();
    EXPECT_THROW(static_cast<void>(queue.fileno()), mp::ValueError);
}

TEST(QueueFileno, several_threads_get_the_same_one_and_share_the_items) {
    mp::Queue<int> queue, results;
    const pid_t putter = test::fork_to([&] {
        for (int i = 0; i < 500; ++i) queue.put(i);
    });
    std::vector<std::jthread> pollers;
    for (int i = 0; i < 8; ++i)
        pollers.emplace_back([queue, results] {
            const int fd = queue.fileno();
            for (;;) {
                wait_until_readable(fd);
                try {
                    if (const auto item = queue.try_get()) results.put(*item);
                } catch (const mp::ShutDown&) {
                    return;
                }
            }
        });
    for (int i = 500; i < 1000; ++i) queue.put(i);
    int sum = 0;
    for (int i = 0; i < 1000; ++i) sum += results.get();
    EXPECT_EQ(sum, 999 * 1000 / 2);
    EXPECT_EQ(bell_threads().size(), 1u);
    queue.shutdown();
    EXPECT_EQ(test::end_of(putter), 0);
}

TEST(QueueFileno, goes_with_the_last_handle_and_its_thread_with_it) {
    mp::Queue<int> queue;
    queue.put(1);
    EXPECT_TRUE(bell_threads().empty()) << "nobody has asked";
    auto copy = queue;
    const int fd = queue.fileno();
    EXPECT_EQ(bell_threads().size(), 1u);
    queue = mp::Queue<int>();
    EXPECT_TRUE(is_readable(fd));
    // Once while the thread waits for a silence, once while it waits for an item.
    copy = mp::Queue<int>();
    EXPECT_FALSE(test::is_open(fd));
    test::wait_until([] { return bell_threads().empty(); });
    const int silent = copy.fileno();
    copy = queue;
    EXPECT_FALSE(test::is_open(silent));
    test::wait_until([] { return bell_threads().empty(); });
}

TEST(QueueFileno, its_thread_gets_no_signals) {
    const mp::Queue<int> queue;
    static_cast<void>(queue.fileno());
    std::ifstream status("/proc/self/task/" + std::to_string(bell_threads().at(0)) + "/status");
    std::string word;
    while (word != "SigBlk:") ASSERT_TRUE(status >> word);
    std::uint64_t blocked = 0;
    status >> std::hex >> blocked;
    for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGALRM, SIGRTMAX})
        EXPECT_TRUE(blocked & std::uint64_t{1} << (signal - 1)) << signal;
}

TEST(QueueFileno, a_forked_child_has_its_own_under_the_same_number) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP()
        << "the thread sanitizer allows no threads in a child that a process with threads has forked";
#endif
    mp::Queue<int> queue;
    queue.put(1);
    const int fd = queue.fileno();
    test::wait_until_bell_threads_sleep();
    const int status = test::in_child([&] {
        bool right = queue.fileno() == fd && is_readable(fd);
        static_cast<void>(queue.get());
        right = right && !is_readable(fd);
        // And so has its child.
        right = right && test::in_child([&] {
                             const bool same = queue.fileno() == fd && !is_readable(fd);
                             queue.put(2);
                             ::_exit(same && is_readable(fd) ? 0 : 1);
                         }) == 0;
        wait_until_readable(fd);
        right = right && queue.get() == 2 && !is_readable(fd);
        queue = mp::Queue<int>();
        ::_exit(right && !test::is_open(fd) ? 0 : 1);
    });
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(is_readable(fd)) << "the child's get has silenced the parent's";
    expect_empty(queue);
    EXPECT_FALSE(is_readable(fd));
}

TEST(QueueFileno, a_forked_child_that_does_not_ask_leaves_its_parents_alone) {
    mp::Queue<int> queue;
    queue.put(1);
    const int fd = queue.fileno();
    test::wait_until_bell_threads_sleep();
    const int status = test::in_child([&] {
        static_cast<void>(queue.get());
        queue = mp::Queue<int>();
        ::_exit(test::is_open(fd) ? 1 : 0);
    });
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(is_readable(fd));
    queue.put(2);
    EXPECT_EQ(queue.get(), 2);
    EXPECT_FALSE(is_readable(fd));
}

TEST(QueueFileno, a_fork_while_another_thread_asks_leaves_a_child_that_can_ask) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP()
        << "the thread sanitizer allows no threads in a child that a process with threads has forked";
#endif
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "the allocator of gcc 12's AddressSanitizer does not survive a fork while others allocate";
#endif
    mp::Queue<int> queue;
    const std::jthread asker([](std::stop_token stop) {
        while (!stop.stop_requested()) static_cast<void>(mp::Queue<int>().fileno());
    });
    const std::jthread user([queue](std::stop_token stop) {
        static_cast<void>(queue.fileno());
        while (!stop.stop_requested()) {
            queue.put(1);
            static_cast<void>(queue.get());
        }
    });
    for (int i = 0; i < 50; ++i) {
        const int status = test::in_child([&] {
            mp::Queue<int> own;
            own.put(1);
            const bool right = is_readable(own.fileno());
            queue.put(1);
            static_cast<void>(queue.get());
            ::_exit(right && queue.fileno() >= 0 ? 0 : 1);
        });
        ASSERT_EQ(status, 0);
    }
}

/// Opening one is refused as long as this lives.
class NoMoreDescriptors {
  public:
    NoMoreDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit none{0, before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoMoreDescriptors(NoMoreDescriptors&&) = delete;

  private:
    rlimit before_{};
};

TEST(QueueFileno, without_room_for_descriptors_says_so_and_leaves_nothing) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the undefined behaviour sanitizer, which comes with this one, looks through a pipe";
#endif
    mp::Queue<int> queue;
    const std::string message = test::refused(EMFILE, [&] {
        const NoMoreDescriptors none;
        static_cast<void>(queue.fileno());
    });
    test::expect_parts(message, {"Queue::fileno", "eventfd", "EMFILE", "RLIMIT_NOFILE"});
    EXPECT_TRUE(bell_threads().empty());
    queue.put(1);
    EXPECT_TRUE(is_readable(queue.fileno()));
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#include <procession/sharedctypes.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <array>
#include <list>
#include <mutex>
#include <numeric>
#include <thread>

#include "heap/heap.hpp"
#include "support/expect.hpp"

namespace {

namespace test = procession::test;
using procession::heap::Heap;

struct Point {
    int x;
    double y;
};

struct alignas(64) Wide {
    char letter;
};

template <class T>
concept HasLock = requires(T value) {
    value.get_lock();
};

template <class T>
concept HasArithmetic = requires(T value) {
    value.fetch_add(1);
};

TEST(Value, holds_what_it_was_made_of) {
    EXPECT_EQ(mp::Value<int>().get(), 0);
    EXPECT_EQ(mp::Value(7).get(), 7);
    EXPECT_EQ(mp::Value(0.5).get(), 0.5);
    const mp::Value<Point> point(Point{3, 2});
    point.with([](Point& it) { it.x += 1; });
    EXPECT_EQ(point.get().x, 4);
    point.set({1, 1});
    EXPECT_EQ(point.value().y, 1);
    const mp::Value<std::array<char, 10'000>> large;
    large.value().back() = 'x';
    EXPECT_EQ(large.get().back(), 'x');
}

// conformance: value.getobj_getlock
TEST(Value, has_a_lock_of_its_own_or_the_one_that_it_was_given) {
    const mp::RLock lock;
    const mp::Value<int> own(5), given(5, lock), also_given(6, lock);
    EXPECT_EQ(given.get_lock(), lock);
    EXPECT_EQ(also_given.get_lock(), lock);
    EXPECT_NE(own.get_lock(), lock);
    EXPECT_EQ(own.get_lock(), mp::Value<int>(own).get_lock());
    own.value() = 6;
    EXPECT_EQ(own.get(), 6);
    static_assert(!HasLock<mp::RawValue<int>> && !HasLock<mp::RawArray<int>>);
    static_assert(!std::is_constructible_v<mp::Value<int>, int, int>);
}

TEST(Value, takes_its_lock_for_everything_but_value) {
    const mp::Value<int> value(1);
    value.get_lock().acquire();
    std::atomic<bool> done = false;
    std::thread other([&] {
        value.set(2);
        done = true;
    });
    EXPECT_EQ(value.get(), 1) << "the thread that has it may go on";
    EXPECT_EQ(value.fetch_add(1), 1);
    EXPECT_FALSE(done);
    value.get_lock().release();
    other.join();
    EXPECT_EQ(value.get(), 2);
}

TEST(Value, calculates) {
    const mp::Value<int> value(10);
    EXPECT_EQ(value.fetch_add(5), 10);
    EXPECT_EQ(value.fetch_sub(1), 15);
    EXPECT_EQ(value.exchange(3), 14);
    int expected = 4;
    EXPECT_FALSE(value.compare_exchange(expected, 8));
    EXPECT_EQ(expected, 3);
    EXPECT_TRUE(value.compare_exchange(expected, 8));
    EXPECT_EQ(value.get(), 8);
    EXPECT_EQ(mp::Value<double>(1.5).fetch_add(1), 1.5);
    static_assert(!HasArithmetic<mp::Value<Point>> && !HasArithmetic<mp::Value<bool>>);
    EXPECT_TRUE(mp::Value<bool>(true).exchange(false));
}

TEST(Value, what_f_throws_leaves_the_lock_free) {
    const mp::Value<int> value(1);
    EXPECT_THROW(value.with([](int&) { throw std::runtime_error("no"); }), std::runtime_error);
    std::thread([&] { EXPECT_EQ(value.get(), 1); }).join();
    EXPECT_EQ(value.with([](int& it) { return it + 1; }), 2);
}

TEST(RawValue, calculates_atomically) {
    const mp::RawValue<long> value(0);
    const mp::RawValue<double> real(0);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int k = 0; k < 10'000; ++k) {
                value.fetch_add(2);
                value.fetch_sub(1);
                real.fetch_add(0.5);
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(value.get(), 40'000);
    EXPECT_EQ(real.get(), 20'000);
    EXPECT_EQ(value.exchange(5), 40'000);
    long expected = 5;
    EXPECT_TRUE(value.compare_exchange(expected, 6));
    EXPECT_FALSE(value.compare_exchange(expected, 7));
    EXPECT_EQ(expected, 6);
    static_assert(!HasArithmetic<mp::RawValue<Point>>);
    const mp::RawValue<Point> point(Point{1, 2});
    point.set({3, 4});
    EXPECT_EQ(point.get().x, 3);
}

// conformance: value.copy
TEST(Value, its_copy_is_independent) {
    const mp::RawValue<Point> original(Point{2, 5});
    const Point copy = original.get();
    original.set({0, 0});
    EXPECT_EQ(copy.x, 2);
    EXPECT_EQ(copy.y, 5);
}

TEST(Value, lies_aligned_beside_its_lock) {
    const mp::Value<Wide> wide;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&wide.value()) % 64, 0u);
    const mp::Array<Wide> many(1000);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(many.data()) % 64, 0u);
    const mp::Value<long> small;
    const auto line_of = [](const void* address) {
        return reinterpret_cast<std::uintptr_t>(address) / 64;
    };
    EXPECT_EQ(line_of(&small.value()), line_of(reinterpret_cast<std::byte*>(&small.value()) - 32))
        << "the lock's word is 32 bytes before it";
}

template <class A>
class AnyArray : public testing::Test {};
using Arrays = testing::Types<mp::Array<int>, mp::RawArray<int>>;
TYPED_TEST_SUITE(AnyArray, Arrays);

TYPED_TEST(AnyArray, is_made_of_ranges_lists_and_sizes) {
    EXPECT_EQ(TypeParam(3).size(), 3u);
    EXPECT_EQ(TypeParam(0).size(), 0u);
    EXPECT_EQ((TypeParam{3, 4}).size(), 2u);
    const TypeParam from_list({1, 2, 3}), from_range(std::list<short>{1, 2, 3});
    EXPECT_EQ(from_list[2], 3);
    EXPECT_EQ(from_range.get(1), 2);
    EXPECT_EQ(std::accumulate(from_list.begin(), from_list.end(), 0), 6);
    const TypeParam copy = from_list;
    copy.set(0, 9);
    EXPECT_EQ(from_list[0], 9) << "a copy is the same array";
}

TYPED_TEST(AnyArray, refuses_what_lies_outside) {
    const TypeParam array(3);
    EXPECT_THROW(static_cast<void>(array.get(3)), mp::IndexError);
    EXPECT_THROW(array.set(7, 1), mp::IndexError);
    try {
        array[3] = 1;
        ADD_FAILURE();
    } catch (const mp::IndexError& error) {
        test::expect_parts(error.what(), {"Array<int>", "index 3", "3 elements"});
    }
    EXPECT_THROW(TypeParam(static_cast<std::size_t>(-1)), mp::ValueError);
    EXPECT_THROW(TypeParam(std::size_t{1} << 33), mp::HeapExhausted);
}

// conformance: array.zeroed
TYPED_TEST(AnyArray, starts_as_zeros_also_where_another_was) {
    for (const std::size_t size : {10, 1000, 100'000})
        for (int i = 0; i < 3; ++i) {
            const TypeParam array(size);
            for (const int each : array) ASSERT_EQ(each, 0);
            std::iota(array.begin(), array.end(), 0);
        }
}

// conformance: array.getobj_getlock
TEST(Array, has_a_lock_of_its_own_or_the_one_that_it_was_given) {
    const mp::RLock lock;
    const std::vector<int> numbers{1, 2, 3};
    const mp::Array<int> own(numbers), given(numbers, lock), zeros(2, lock), listed({1, 2}, lock);
    EXPECT_EQ(given.get_lock(), lock);
    EXPECT_EQ(zeros.get_lock(), lock);
    EXPECT_EQ(listed.get_lock(), lock);
    EXPECT_NE(own.get_lock(), lock);
    EXPECT_EQ(own.with([](std::span<int> all) { return all.size(); }), 3u);
}

TEST(Array, deduces_its_elements) {
    const mp::Array doubles(std::vector<double>{1.5, 2.5});
    static_assert(std::is_same_v<decltype(doubles), const mp::Array<double>>);
    const mp::RawArray text("hello");
    static_assert(std::is_same_v<decltype(text), const mp::RawArray<char>>);
    EXPECT_EQ(std::string(text.begin(), text.end()), "hello");
}

TEST(Array, is_received_as_what_it_is) {
    const mp::Array<int> array(3);
    EXPECT_THROW(mp::Array<long>{static_cast<procession::detail::Handle>(array)}, mp::TypeMismatch);
    EXPECT_THROW(mp::RawArray<int>{static_cast<procession::detail::Handle>(array)}, mp::TypeMismatch);
    EXPECT_THROW(mp::Value<int>{static_cast<procession::detail::Handle>(array)}, mp::TypeMismatch);
}

/// One of each handle that processes synchronise with or share values by.
struct Everything {
    mp::Lock lock;
    mp::RLock rlock;
    mp::Semaphore semaphore;
    mp::BoundedSemaphore limit;
    mp::Condition condition;
    mp::Event event;
    mp::Barrier barrier;
    mp::Value<int> value;
    mp::RawValue<int> raw_value;
    mp::Array<int> array;
    mp::RawArray<int> raw_array;
};

TEST(Handles, travel_as_members_of_messages) {
    Everything sent;
    sent.barrier = mp::Barrier(2);
    sent.array = mp::Array<int>{1, 2};
    sent.raw_array = mp::RawArray<int>{3};
    const mp::Queue<Everything> queue;
    queue.put(sent);
    const Everything received = queue.get();
    EXPECT_EQ(received.lock, sent.lock);
    EXPECT_EQ(received.barrier, sent.barrier);
    EXPECT_EQ(received.condition, sent.condition);
    EXPECT_EQ(received.array[1], 2);
    EXPECT_EQ(received.raw_array[0], 3);
    sent.value.set(7);
    EXPECT_EQ(received.value.get(), 7);
}

TEST(Handles, of_which_there_is_none_yet_say_so) {
    EXPECT_THROW(mp::Barrier().abort(), mp::StateError);
    EXPECT_THROW(mp::Array<int>()[0] = 1, mp::StateError);
    try {
        static_cast<void>(mp::RawArray<int>().data());
        ADD_FAILURE();
    } catch (const mp::StateError& error) {
        test::expect_parts(error.what(), {"RawArray<int>", "none yet", "Assign"});
    }
}

TEST(Array, gives_everything_back) {
    Heap& heap = Heap::program();
    heap.self();
    const auto before = heap.usage().blocks;
    {
        const mp::RLock lock;
        const mp::Array<int> small(3, lock), large(100'000);
        const mp::Value<int> value(3, lock);
        EXPECT_GT(heap.usage().blocks, before);
    }
    EXPECT_EQ(heap.usage().blocks, before);
}

}  // namespace

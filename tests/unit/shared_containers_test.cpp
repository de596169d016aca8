// SPDX-License-Identifier: Apache-2.0
#include <procession/shared_containers.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <list>
#include <set>
#include <sstream>
#include <thread>

#include "heap/heap.hpp"
#include "support/expect.hpp"
#include "support/full_heap.hpp"
#include "support/small_heap.hpp"

namespace {

using procession::heap::Heap;
namespace test = procession::test;

template <class E, class Call>
std::string thrown(Call call) {
    try {
        call();
    } catch (const E& error) {
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
}

struct Point {
    double x, y;
    bool operator==(const Point&) const = default;
};

// ---- shared_vector

TEST(SharedVector, keeps_what_was_pushed_while_it_grows) {
    const mp::shared_vector<Point> vector;
    EXPECT_TRUE(vector.empty());
    std::vector<Point> expected;
    for (int i = 0; i < 10'000; ++i) {
        expected.push_back({i + 0.5, -1.0 * i});
        vector.push_back(expected.back());
    }
    EXPECT_EQ(vector.size(), 10'000u);
    EXPECT_EQ(vector.copy(), expected);
    EXPECT_EQ(vector.get(77), expected[77]);
    EXPECT_EQ(vector.front(), expected.front());
    EXPECT_EQ(vector.back(), expected.back());
}

TEST(SharedVector, takes_elements_from_a_list_and_from_any_range) {
    EXPECT_EQ((mp::shared_vector{1, 2, 3}.copy()), (std::vector{1, 2, 3}));
    EXPECT_EQ(mp::shared_vector<long>(std::list{4, 5}).copy(), (std::vector{4L, 5L}));
    const mp::shared_vector<bool> flags{true, false};
    flags.append(std::vector{false, true});
    EXPECT_EQ(flags.copy(), (std::vector{true, false, false, true}));
    flags.update([](std::vector<bool>& all) { all.pop_back(); });
    EXPECT_EQ(flags.copy(), (std::vector{true, false, false}));
}

TEST(SharedVector, removes_and_returns_the_last_element) {
    const mp::shared_vector<int> vector{1, 2};
    EXPECT_EQ(vector.pop_back(), 2);
    EXPECT_EQ(vector.pop_back(), 1);
    test::expect_parts(thrown<mp::IndexError>([&] { vector.pop_back(); }),
                       {"shared_vector<int>", "empty"});
    EXPECT_THROW(static_cast<void>(vector.front()), mp::IndexError);
    EXPECT_THROW(static_cast<void>(vector.back()), mp::IndexError);
}

TEST(SharedVector, with_an_index_out_of_range_throws_IndexError_that_names_both) {
    const mp::shared_vector<int> vector{1, 2, 3};
    const std::vector<const char*> parts{"shared_vector<int>", "index 3", "size is 3"};
    test::expect_parts(thrown<mp::IndexError>([&] { static_cast<void>(vector.get(3)); }), parts);
    test::expect_parts(thrown<mp::IndexError>([&] { vector.set(3, 0); }), parts);
    test::expect_parts(thrown<mp::IndexError>([&] { vector.update(3, [](int&) {}); }), parts);
    EXPECT_EQ(vector.copy(), (std::vector{1, 2, 3}));
}

TEST(SharedVector, assigns_appends_resizes_and_clears) {
    const mp::shared_vector<int> vector{9};
    vector.assign({1, 2});
    vector.append({3});
    vector.append(std::set{4, 5});
    EXPECT_EQ(vector.copy(), (std::vector{1, 2, 3, 4, 5}));
    vector.append(std::vector<int>());
    vector.resize(2);
    vector.resize(4, 7);
    vector.resize(5);
    EXPECT_EQ(vector.copy(), (std::vector{1, 2, 7, 7, 0}));
    vector.clear();
    EXPECT_TRUE(vector.empty());
    EXPECT_GE(vector.capacity(), 5u);
    vector.shrink_to_fit();
    EXPECT_EQ(vector.capacity(), 0u);
    vector.clear();
    vector.push_back(1);
    EXPECT_EQ(vector.copy(), std::vector{1});
}

TEST(SharedVector, does_not_move_within_its_reserve) {
    const mp::shared_vector<int> vector;
    vector.reserve(1000);
    const auto where = [&] { return vector.read([](std::span<const int> all) { return all.data(); }); };
    const int* const at = where();
    for (int i = 0; i < 1000; ++i) vector.push_back(i);
    EXPECT_EQ(where(), at);
    vector.reserve(10);
    EXPECT_EQ(vector.capacity(), 1000u);
}

struct alignas(64) Aligned {
    int number;
};
TEST(SharedVector, aligns_its_elements) {
    const mp::shared_vector<Aligned> vector{{1}, {2}};
    for (int i = 0; i < 100; ++i) {
        vector.push_back({i});
        vector.with([](std::span<Aligned> all) {
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all.data()) % 64, 0u);
        });
    }
}

TEST(SharedVector, with_gives_elements_that_may_be_written_and_returns_the_result) {
    const mp::shared_vector<int> vector{3, 1, 2};
    EXPECT_EQ(vector.with([](std::span<int> all) {
        std::sort(all.begin(), all.end());
        return all.back();
    }),
              3);
    EXPECT_EQ(vector.copy(), (std::vector{1, 2, 3}));
    EXPECT_EQ(vector.update(1, [](int& element) { return element *= 10; }), 20);
    EXPECT_EQ(vector.get(1), 20);
    const mp::shared_vector<int> empty;
    EXPECT_TRUE(empty.with([](std::span<int> all) { return all.empty(); }));
}

struct Unexpected {};
TEST(SharedVector, is_as_before_when_a_function_throws) {
    const mp::shared_vector<int> vector{1, 2, 3};
    const auto blocks = Heap::program().usage().blocks;
    EXPECT_THROW(vector.with([](std::span<int> all) {
        all[0] = 9;
        throw Unexpected();
    }),
                 Unexpected);
    EXPECT_THROW(vector.update(0,
                               [](int& element) {
                                   element = 9;
                                   throw Unexpected();
                               }),
                 Unexpected);
    EXPECT_THROW(vector.update([](std::vector<int>& all) {
        all.clear();
        throw Unexpected();
    }),
                 Unexpected);
    EXPECT_EQ(vector.copy(), (std::vector{1, 2, 3}));
    EXPECT_EQ(Heap::program().usage().blocks, blocks);
    vector.push_back(4);
    EXPECT_EQ(vector.size(), 4u);
}

TEST(SharedVector, used_by_its_own_function_throws_StateError_and_another_may_be_used) {
    const mp::shared_vector<int> vector{1}, copy = vector, other{2};
    vector.read([&](std::span<const int>) {
        test::expect_parts(thrown<mp::StateError>([&] { copy.push_back(2); }),
                           {"shared_vector<int>", "itself", "afterwards"});
        EXPECT_THROW(static_cast<void>(vector.size()), mp::StateError);
        EXPECT_THROW(vector.with([](std::span<int>) {}), mp::StateError);
        other.update(0, [&](int&) {
            EXPECT_THROW(static_cast<void>(vector.get(0)), mp::StateError);
            EXPECT_THROW(other.clear(), mp::StateError);
        });
    });
    vector.push_back(3);
    EXPECT_EQ(vector.copy(), (std::vector{1, 3}));
}

TEST(SharedVector, of_another_type_is_a_TypeMismatch_that_names_both) {
    const mp::shared_vector<int> vector;
    const mp::detail::Handle handle = vector;
    test::expect_parts(thrown<mp::TypeMismatch>([&] { mp::shared_vector<double>{handle}; }),
                       {"shared_vector<double>", "shared_vector<int>"});
    EXPECT_THROW(mp::shared_string{handle}, mp::TypeMismatch);
    EXPECT_THROW((mp::shared_map<int, int>{handle}), mp::TypeMismatch);
    EXPECT_THROW(mp::shared_vector<int>{mp::detail::Handle(mp::Queue<int>())}, mp::TypeMismatch);
    EXPECT_NO_THROW(mp::shared_vector<int>{handle});
}

TEST(SharedVector, is_one_for_many_threads) {
    const mp::shared_vector<int> vector{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 48; ++i)
            threads.emplace_back([vector] {
                for (int n = 0; n < 50; ++n) {
                    vector.push_back(1);
                    vector.update(0, [](int& count) { ++count; });
                    vector.with([](std::span<int> all) { all[0] += 1; });
                }
            });
    }
    EXPECT_EQ(vector.size(), 1u + 48 * 50);
    EXPECT_EQ(vector.get(0), 2 * 48 * 50);
}

// ---- shared_string

TEST(SharedString, is_written_and_read_in_place) {
    const mp::shared_string text("one");
    text += ", two";
    text.append(", three");
    text.push_back('!');
    text.set(0, 'O');
    EXPECT_EQ(text.str(), "One, two, three!");
    EXPECT_EQ(text.size(), 16u);
    EXPECT_EQ(text.get(15), '!');
    test::expect_parts(thrown<mp::IndexError>([&] { static_cast<void>(text.at(16)); }),
                       {"shared_string", "index 16", "size is 16"});
    text.update([](std::string& all) { all.erase(3); });
    EXPECT_EQ(text.read([](std::string_view all) { return all.size(); }), 3u);
    text.assign("");
    EXPECT_TRUE(text.empty());
    text.assign(std::string(100'000, 'x'));
    EXPECT_EQ(text.str(), std::string(100'000, 'x'));
    text.clear();
    EXPECT_EQ(text.str(), "");
}

TEST(SharedString, compares_and_prints_as_its_text) {
    const mp::shared_string a("a"), also_a("a"), b("b");
    EXPECT_TRUE(a == "a" && a == also_a && a != b && a != "b" && "a" == a);
    EXPECT_TRUE(a < b && a < "b" && std::string("b") > a);
    EXPECT_EQ(fmt::format("{:>3}", a), "  a");
    std::ostringstream out;
    out << a << b;
    EXPECT_EQ(out.str(), "ab");
}

// ---- shared_map

TEST(SharedMap, keeps_gives_and_replaces_values) {
    const mp::shared_map<std::string, std::vector<int>> map;
    EXPECT_TRUE(map.empty());
    map.set("a", {1});
    EXPECT_TRUE(map.insert("b", {2, 2}));
    EXPECT_FALSE(map.insert("b", {3}));
    map.set("a", {4, 5});
    EXPECT_EQ(map.size(), 2u);
    EXPECT_EQ(map.get("a"), (std::vector{4, 5}));
    EXPECT_EQ(map.at("b"), (std::vector{2, 2}));
    EXPECT_EQ(map.get("c"), std::nullopt);
    EXPECT_EQ(map.get("c", {7}), std::vector{7});
    EXPECT_TRUE(map.contains("a"));
    EXPECT_FALSE(map.contains("c"));
    test::expect_parts(thrown<mp::KeyError>([&] { static_cast<void>(map.at("c")); }),
                       {"shared_map<", "no key \"c\""});
}

TEST(SharedMap, erases_and_pops) {
    const mp::shared_map<int, std::string> map;
    for (int i = 0; i < 5; ++i) map.set(i, std::to_string(i));
    EXPECT_TRUE(map.erase(1));
    EXPECT_FALSE(map.erase(1));
    EXPECT_EQ(map.pop(2), "2");
    EXPECT_EQ(map.pop(2, "none"), "none");
    test::expect_parts(thrown<mp::KeyError>([&] { map.pop(2); }), {"shared_map<int", "no key 2"});
    EXPECT_EQ(map.copy(), (std::map<int, std::string>{{0, "0"}, {3, "3"}, {4, "4"}}));
    const auto keys = map.keys();
    const auto values = map.values();
    ASSERT_EQ(keys.size(), 3u);
    for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(values.at(i), std::to_string(keys[i]));
    map.clear();
    EXPECT_TRUE(map.empty());
    EXPECT_TRUE(map.items().empty());
    map.set(1, "again");
    EXPECT_EQ(map.at(1), "again");
}

TEST(SharedMap, agrees_with_a_local_one_over_a_long_time) {
    const mp::shared_map<unsigned, unsigned> map;
    std::map<unsigned, unsigned> expected;
    unsigned random = 1;
    for (int i = 0; i < 50'000; ++i) {
        random = random * 1664525 + 1013904223;
        const unsigned key = random >> 8 & 0x3ff;
        if (random >> 30) {
            map.set(key, random);
            expected[key] = random;
        } else {
            EXPECT_EQ(map.erase(key), expected.erase(key) == 1);
        }
    }
    EXPECT_EQ(map.size(), expected.size());
    EXPECT_EQ(map.copy(), expected);
}

TEST(SharedMap, does_not_grow_when_as_many_are_erased_as_added) {
    const mp::shared_map<int, int> map;
    const auto churn = [&](int from) {
        for (int i = from; i < from + 10'000; ++i) {
            map.set(i, i);
            map.erase(i - 10);
        }
    };
    churn(0);
    const auto before = Heap::program().usage();
    churn(10'000);
    EXPECT_EQ(map.size(), 10u);
    EXPECT_EQ(Heap::program().usage().blocks, before.blocks);
    EXPECT_EQ(Heap::program().usage().used_bytes, before.used_bytes);
}

TEST(SharedMap, updates_a_value_in_one_step) {
    const mp::shared_map<std::string, int> counts;
    for (const char* word : {"a", "b", "a"})
        counts.update(
            word, [](int& count) { ++count; }, 0);
    EXPECT_EQ(counts.copy(), (std::map<std::string, int>{{"a", 2}, {"b", 1}}));
    EXPECT_EQ(counts.update("b", [](int& count) { return count += 4; }), 5);
    EXPECT_THROW(counts.update("c", [](int&) {}), mp::KeyError);
    EXPECT_THROW(counts.update("a",
                               [](int& count) {
                                   count = 99;
                                   throw Unexpected();
                               }),
                 Unexpected);
    EXPECT_EQ(counts.at("a"), 2);
    counts.update("a", [&](int&) {
        EXPECT_THROW(static_cast<void>(counts.size()), mp::StateError);
        EXPECT_THROW(counts.clear(), mp::StateError);
    });
}

TEST(SharedMap, keeps_what_its_values_refer_to) {
    const mp::shared_map<std::string, mp::Queue<int>> queues;
    {
        const mp::Queue<int> queue;
        queue.put(42);
        queues.set("a", queue);
    }
    EXPECT_EQ(queues.at("a").get(), 42);
    queues.at("a").put(43);
    EXPECT_EQ(queues.pop("a").get(), 43);
    EXPECT_TRUE(queues.empty());
}

struct Picky {
    int number = 0;
    template <class A>
    void save(A& archive) const {
        if (number < 0) throw mp::SerializationError("Picky: negative");
        archive(number);
    }
    template <class A>
    void load(A& archive) {
        archive(number);
        if (number == 13) throw Unexpected();
    }
};
TEST(SharedMap, is_as_before_when_a_value_cannot_be_sent_or_read) {
    const mp::shared_map<int, Picky> map;
    map.set(1, {1});
    EXPECT_THROW(map.set(1, {-1}), mp::SerializationError);
    EXPECT_THROW(map.update(1, [](Picky& value) { value.number = -2; }), mp::SerializationError);
    EXPECT_EQ(map.at(1).number, 1);
    map.set(2, {13});
    EXPECT_THROW(static_cast<void>(map.get(2)), Unexpected);
    EXPECT_THROW(static_cast<void>(map.values()), Unexpected);
    EXPECT_EQ(map.keys().size(), 2u);
}

// ---- all of them

TEST(SharedContainers, travel_inside_each_other_and_in_messages) {
    const mp::Queue<mp::shared_map<int, mp::shared_vector<int>>> queue;
    {
        const mp::shared_map<int, mp::shared_vector<int>> map;
        map.set(1, mp::shared_vector{1, 2});
        queue.put(map);
    }
    const auto map = queue.get();
    map.at(1).push_back(3);
    EXPECT_EQ(map.at(1).copy(), (std::vector{1, 2, 3}));
}

TEST(SharedContainers, give_their_memory_back) {
    const auto before = Heap::program().usage().blocks;
    {
        const mp::shared_vector<int> vector{1};
        vector.resize(1'000'000, 1);
        const mp::shared_string text("text");
        const mp::shared_map<int, std::string> map;
        for (int i = 0; i < 1000; ++i) map.set(i, "value");
        map.clear();
        for (int i = 0; i < 1000; ++i) map.set(i, "value");
    }
    // The first object of a process brings the process's own record.
    EXPECT_LE(Heap::program().usage().blocks, before + 1);
}

template <class Container>
void expect_untouched(const Container& container,
                      const std::vector<std::function<void(const Container&)>>& steps) {
    const auto before = container.copy();
    {
        const test::FullHeap full;
        test::expect_parts(full.message, {"shared heap", "PROCESSION_HEAP_LIMIT"});
        const auto blocks = Heap::program().usage().blocks;
        for (const auto& step : steps) {
            EXPECT_THROW(step(container), mp::HeapExhausted);
            EXPECT_TRUE(container.copy() == before);
            EXPECT_EQ(Heap::program().usage().blocks, blocks);
        }
    }
    EXPECT_NO_THROW(steps[0](container));
}

TEST(SharedContainers, are_as_before_when_the_heap_is_exhausted) {
    if (!test::in_program_with_heap_limit("8M")) return;
    const mp::shared_vector<int> vector{1, 2, 3};
    expect_untouched<mp::shared_vector<int>>(
        vector, {[](auto& all) { all.push_back(4); },
                 [](auto& all) {
                     all.append({4, 5});
                 },
                 [](auto& all) { all.resize(4); }, [](auto& all) { all.resize(std::size_t(-1)); },
                 [](auto& all) { all.reserve(4); }, [](auto& all) { all.reserve(std::size_t(-1) / 4); },
                 [](auto& all) { all.assign({4}); },
                 [](auto& all) { all.with([](std::span<int> elements) { elements[0] = 9; }); },
                 [](auto& all) { all.update([](std::vector<int>& elements) { elements.clear(); }); }});
    const mp::shared_map<int, std::string> map;
    for (int i = 0; i < 11; ++i) map.set(i, "value");
    expect_untouched<mp::shared_map<int, std::string>>(
        map, {[](auto& all) { all.set(11, "another"); }, [](auto& all) { all.insert(11, "another"); },
              [](auto& all) { all.set(3, "another"); },
              [](auto& all) { all.update(3, [](std::string& value) { value = "another"; }); }});
    const auto before = map.copy();
    test::FullHeap full;
    // Room for an entry, but not for more slots.
    Heap::program().free(full.blocks.back());
    full.blocks.pop_back();
    EXPECT_THROW(map.set(12, "another"), mp::HeapExhausted);
    EXPECT_EQ(map.copy(), before);
}

}  // namespace

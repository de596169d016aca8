// SPDX-License-Identifier: Apache-2.0

// Several processes use the same containers at once, however they are started.

#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include <algorithm>

#include "support/start_methods.hpp"

namespace {

namespace test = procession::test;

constexpr int workers = 4, steps = 200;

class SharedContainersInProcesses : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, SharedContainersInProcesses, test::all_start_methods(),
                         test::name_of_parameter);

template <class F, class... A>
void run_workers(F target, const A&... arguments) {
    std::vector<mp::Process> processes;
    for (int i = 0; i < workers; ++i) processes.emplace_back(target, i, arguments...);
    for (mp::Process& each : processes) each.start();
    for (mp::Process& each : processes) {
        each.join();
        EXPECT_EQ(each.exitcode(), 0);
    }
}

void push_numbers(int worker, mp::shared_vector<int> vector) {
    for (int i = 0; i < steps; ++i) vector.push_back(steps * worker + i);
}
TEST_P(SharedContainersInProcesses, nothing_that_is_pushed_is_lost) {
    const mp::shared_vector<int> vector;
    run_workers(push_numbers, vector);
    auto numbers = vector.copy();
    ASSERT_EQ(numbers.size(), std::size_t{workers * steps});
    std::sort(numbers.begin(), numbers.end());
    for (int i = 0; i < workers * steps; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], i);
}

void move_about(int worker, mp::shared_vector<std::int64_t> accounts) {
    for (int i = 0; i < steps; ++i) {
        accounts.with([&](std::span<std::int64_t> all) {
            all[static_cast<std::size_t>(i + worker) % all.size()] += i;
            all[static_cast<std::size_t>(i) % all.size()] -= i;
        });
        accounts.update(0, [](std::int64_t& first) { ++first; });
    }
}
TEST_P(SharedContainersInProcesses, updates_in_place_exclude_each_other) {
    const mp::shared_vector<std::int64_t> accounts{0, 0, 0, 0, 0};
    run_workers(move_about, accounts);
    std::int64_t sum = 0;
    for (const auto each : accounts.copy()) sum += each;
    EXPECT_EQ(sum, workers * steps);
}

void write_lines(int worker, mp::shared_string text) {
    for (int i = 0; i < steps; ++i) text += std::string(1, static_cast<char>('a' + worker)) + "-line\n";
}
TEST_P(SharedContainersInProcesses, texts_are_appended_whole) {
    const mp::shared_string text;
    run_workers(write_lines, text);
    const std::string all = text.str();
    ASSERT_EQ(all.size(), std::size_t{workers * steps * 7});
    for (std::size_t at = 0; at < all.size(); at += 7) EXPECT_EQ(all.substr(at + 1, 6), "-line\n");
}

void count_words(int worker, mp::shared_map<std::string, int> counts) {
    for (int i = 0; i < steps; ++i) {
        counts.update(
            "word " + std::to_string(i % 40), [](int& count) { ++count; }, 0);
        counts.set("of " + std::to_string(worker), i);
    }
}
TEST_P(SharedContainersInProcesses, keys_are_counted_together) {
    const mp::shared_map<std::string, int> counts;
    run_workers(count_words, counts);
    EXPECT_EQ(counts.size(), std::size_t{40 + workers});
    for (int i = 0; i < 40; ++i) EXPECT_EQ(counts.at("word " + std::to_string(i)), workers * steps / 40);
}

mp::shared_vector<int> global_vector{1, 2};
mp::shared_string global_text("text");
mp::shared_map<int, std::string> global_map;

void use_globals() {
    global_vector.push_back(3);
    global_text += " and more";
    global_map.set(1, "one");
}
TEST_P(SharedContainersInProcesses, with_static_storage_are_one_for_the_program) {
    mp::Process process(use_globals);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    EXPECT_EQ(global_vector.copy(), (std::vector{1, 2, 3}));
    EXPECT_EQ(global_text, "text and more");
    EXPECT_EQ(global_map.get(1), "one");
    // For the next method, when all run in one process.
    global_vector.pop_back();
    global_text.assign("text");
    global_map.clear();
}

void push(mp::shared_vector<int> vector, mp::Queue<int> started) {
    started.put(1);
    vector.push_back(2);
}
TEST_P(SharedContainersInProcesses, a_process_that_is_started_inside_waits_for_the_end) {
    const mp::shared_vector<int> vector{1};
    const mp::Queue<int> started;
    mp::Process process(push, vector, started);
    vector.with([&](std::span<int> all) {
        process.start();
        EXPECT_EQ(started.get(), 1);
        all[0] = 10;
    });
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    EXPECT_EQ(vector.copy(), (std::vector{10, 2}));
}

}  // namespace

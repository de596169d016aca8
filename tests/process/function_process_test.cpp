// SPDX-License-Identifier: Apache-2.0

// What is sent to be called: Functions and every other kind of callable, for every start method.

#include <procession/mp.hpp>

#include <gtest/gtest.h>

namespace {

class Callables : public testing::TestWithParam<mp::StartMethod> {
  protected:
    void SetUp() override { mp::set_start_method(GetParam(), true); }
    void TearDown() override { EXPECT_TRUE(mp::active_children().empty()); }

    /// Runs a target with a queue as its last argument, and returns what it put there.
    template <class F, class... A>
    int result_of(F&& function, A&&... arguments) {
        mp::Queue<int> out;
        mp::Process process(std::forward<F>(function), std::forward<A>(arguments)..., out);
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), 0);
        return out.try_get().value_or(-1);
    }
};

INSTANTIATE_TEST_SUITE_P(EveryMethod, Callables, testing::ValuesIn(mp::get_all_start_methods()),
                         [](const auto& info) {
                             return info.param == mp::StartMethod::fork    ? "fork"
                                    : info.param == mp::StartMethod::spawn ? "spawn"
                                                                           : "forkserver";
                         });

int square(int x) { return x * x; }
void call_and_put(mp::Function<int(int)> function, mp::Queue<int> out) { out.put(function(5)); }

TEST_P(Callables, may_be_Functions_among_the_arguments) {
    EXPECT_EQ(result_of(call_and_put, mp::Function<int(int)>(square)), 25);
    EXPECT_EQ(result_of(call_and_put, mp::Function<int(int)>([](int x) { return x + 1; })), 6);
    EXPECT_EQ(result_of(call_and_put,
                        mp::Function<int(int)>(mp::bind(
                            [](std::string text, int x) { return static_cast<int>(text.size()) + x; },
                            "three"))),
              10);
}

void report_emptiness(mp::Function<void()> function, mp::Queue<int> out) { out.put(function ? 1 : 0); }
TEST_P(Callables, may_be_empty_Functions) {
    EXPECT_EQ(result_of(report_emptiness, mp::Function<void()>()), 0);
}

TEST_P(Callables, may_be_Functions_as_the_target) {
    mp::Function<void(mp::Queue<int>)> target = mp::bind(call_and_put, mp::Function<int(int)>(square));
    EXPECT_EQ(result_of(target), 25);
    EXPECT_EQ(result_of(target), 25);
}

void serve(mp::Queue<mp::Function<int()>> tasks, mp::Queue<mp::Function<int()>> answers) {
    for (auto& task : tasks) answers.put(mp::bind([](int result) { return result; }, task()));
}
TEST_P(Callables, travel_through_queues_both_ways) {
    mp::Queue<mp::Function<int()>> tasks, answers;
    mp::Process server(serve, tasks, answers);
    server.start();
    tasks.put(mp::bind(square, 6));
    EXPECT_EQ(answers.get()(), 36);
    tasks.put([] { return 1; });
    EXPECT_EQ(answers.get()(), 1);
    tasks.shutdown();
    server.join();
    EXPECT_EQ(server.exitcode(), 0);
}

struct Adder {
    int sum = 0;
    void operator()(int more, mp::Queue<int> out) { out.put(sum += more); }
    void add_twice(int more, mp::Queue<int> out) const { out.put(sum + 2 * more); }
    template <class A>
    void serialize(A& archive) {
        archive(sum);
    }
};
TEST_P(Callables, may_be_objects_with_a_state) { EXPECT_EQ(result_of(Adder{3}, 4), 7); }

TEST_P(Callables, may_be_member_functions) {
    EXPECT_EQ(result_of(&Adder::add_twice, Adder{3}, 4), 11);
    EXPECT_EQ(result_of(&Adder::add_twice, std::make_shared<Adder>(Adder{3}), 4), 11);
    EXPECT_EQ(result_of(mp::bind(&Adder::add_twice, Adder{3}), 4), 11);
}

TEST_P(Callables, may_own_what_can_only_be_moved) {
    const auto take = [](std::unique_ptr<int> value, mp::Queue<int> out) { out.put(*value); };
    EXPECT_EQ(result_of(mp::bind(take, std::make_unique<int>(4))), 4);
    EXPECT_EQ(result_of(take, std::make_unique<int>(5)), 5);
}

TEST_P(Callables, may_be_bound_to_handles) {
    mp::Queue<int> out;
    mp::Process process(mp::bind([](mp::Queue<int>& to, int item) { to.put(item); }, out), 3);
    process.start();
    process.join();
    EXPECT_EQ(out.try_get(), 3);
}

TEST_P(Callables, with_arguments_that_cannot_be_sent_are_for_fork) {
    int value = 7;
    mp::Process process(
        {}, [](int, const int* at) { ::_exit(*at); }, 1, &value);
    if (GetParam() == mp::StartMethod::fork) {
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), 7);
    } else {
        try {
            process.start();
            FAIL();
        } catch (const mp::SerializationError& error) {
            for (const char* part : {"argument 2", "int*", "StartMethod::fork"})
                EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
        }
    }
}

TEST_P(Callables, bound_to_what_cannot_be_sent_are_for_fork) {
    int value = 8;
    mp::Process process({}, mp::bind([](const int* at) { ::_exit(*at); }, &value));
    if (GetParam() == mp::StartMethod::fork) {
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), 8);
    } else {
        EXPECT_THROW(process.start(), mp::SerializationError);
    }
}

}  // namespace

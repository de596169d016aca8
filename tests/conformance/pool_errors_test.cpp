// SPDX-License-Identifier: Apache-2.0

// What comes out of a pool's calls that fail: by their input, their arguments, their tasks, their results.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <ranges>
#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/thrown.hpp"

namespace {

using namespace procession::test;

class PoolErrors : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolErrors, all_start_methods(), name_of_parameter);

int square(int x) { return x * x; }

struct Unsendable {
    template <class Archive>
    void serialize(Archive&) {
        throw std::runtime_error("it is not to be sent");
    }
};
void take(const Unsendable&) {}
Unsendable give(mp::Event go) {
    go.wait();
    return {};
}

// conformance: pool.unserializable_argument
TEST_P(PoolErrors, argument_that_cannot_be_sent_is_the_caller_s_error) {
    const mp::Pool pool(2);
    const std::vector<Unsendable> items(10);
    EXPECT_EQ(thrown<std::runtime_error>([&] { pool.map(take, items); }), "it is not to be sent");
    EXPECT_EQ(thrown<std::runtime_error>([&] { pool.apply(take, items[0]); }), "it is not to be sent");
    const auto later = pool.apply_async(take, items[0]);
    EXPECT_EQ(thrown<std::runtime_error>([&] { later.get(); }), "it is not to be sent");
    EXPECT_EQ(pool.apply(square, 3), 9);
}

// conformance: pool.unserializable_result
TEST_P(PoolErrors, result_that_cannot_be_sent_is_its_task_s_error) {
    const mp::Pool pool(2);
    for (int i = 0; i < 20; ++i) {
        const mp::Event go;
        const auto result = pool.apply_async(give, go);
        std::exception_ptr called_with;
        result.then([](const Unsendable&) {}, [&](std::exception_ptr error) { called_with = error; });
        go.set();
        const std::string text =
            thrown<mp::SerializationError>([&] { static_cast<void>(result.get()); });
        expect_parts(text, {"it is not to be sent", "Unsendable"});
        ASSERT_TRUE(called_with);
        EXPECT_EQ(thrown<mp::SerializationError>([&] { std::rethrow_exception(called_with); }), text);
    }
    EXPECT_EQ(pool.apply(square, 3), 9);
    pool.close();
    EXPECT_TRUE(pool.join());
}

/// What an input throws: no exception that anybody knows.
struct When {
    int item;
};
auto numbers_that_throw_at(int bad, int count) {
    return std::views::iota(0, count) | std::views::transform([bad](int item) {
               if (item == bad) throw When{item};
               return item;
           });
}
struct ThrowsAtBegin {
    std::vector<int>::const_iterator begin() const { throw When{-1}; }
    std::vector<int>::const_iterator end() const { return {}; }
    std::size_t size() const { return 1; }
};

// conformance: pool.map_input_throws
TEST_P(PoolErrors, what_the_input_throws_comes_out_of_map_unchanged) {
    const mp::Pool pool(2);
    const auto thrown_by = [&](auto input) {
        try {
            static_cast<void>(pool.map(square, input, 1));
        } catch (const When& when) {
            return when.item;
        }
        ADD_FAILURE() << "nothing was thrown";
        return -2;
    };
    EXPECT_EQ(thrown_by(numbers_that_throw_at(0, 1)), 0);
    EXPECT_EQ(thrown_by(numbers_that_throw_at(0, 1)), 0);
    EXPECT_EQ(thrown_by(numbers_that_throw_at(3, 10)), 3);
    EXPECT_EQ(thrown_by(ThrowsAtBegin()), -1);
    EXPECT_EQ(pool.map(square, {1, 2}), (std::vector{1, 4}));
    pool.close();
    EXPECT_TRUE(pool.join());
}

// conformance: pool.imap_input_throws
TEST_P(PoolErrors, what_the_input_throws_comes_at_its_place_in_an_imap) {
    const mp::Pool pool(2);
    struct Case {
        int bad, count, chunksize, results;
    };
    for (const Case& each :
         {Case{0, 1, 1, 0}, Case{3, 10, 1, 3}, Case{7, 20, 2, 6}, Case{7, 20, 4, 4}}) {
        auto results = pool.imap(square, numbers_that_throw_at(each.bad, each.count), each.chunksize);
        for (int n = 0; n < each.results; ++n) EXPECT_EQ(results.next(), n * n);
        EXPECT_THROW(static_cast<void>(results.next()), When);
        EXPECT_EQ(results.next(), std::nullopt);
    }
}

// conformance: pool.imap_unordered_input_throws
TEST_P(PoolErrors, what_the_input_throws_comes_out_of_imap_unordered) {
    const mp::Pool pool(2);
    struct Case {
        int bad, count, chunksize;
    };
    for (const Case& each : {Case{0, 1, 1}, Case{3, 10, 1}, Case{7, 20, 2}}) {
        auto results =
            pool.imap_unordered(square, numbers_that_throw_at(each.bad, each.count), each.chunksize);
        std::vector<int> expected;
        for (int n = 0; n < each.count; ++n) expected.push_back(n * n);
        const auto take_all = [&] {
            while (const auto value = results.next())
                EXPECT_EQ(std::erase(expected, *value), 1U) << *value;
        };
        EXPECT_THROW(take_all(), When);
    }
}

void fail_with_runtime_error() { throw std::runtime_error("as it is"); }
void fail_with_range_error() { static_cast<void>(std::vector<int>().at(3)); }
void fail_with_key_error() { throw mp::KeyError("no such key"); }
// conformance: pool.exception_type
TEST_P(PoolErrors, exception_of_a_task_has_its_type) {
    const mp::Pool pool(1);
    EXPECT_EQ(thrown<std::runtime_error>([&] { pool.apply(fail_with_runtime_error); }), "as it is");
    EXPECT_THROW(pool.apply(fail_with_range_error), std::out_of_range);
    EXPECT_EQ(thrown<mp::KeyError>([&] { pool.apply(fail_with_key_error); }), "no such key");
}

/// What an exception says, and then its causes.
std::vector<std::string> chain_of(const std::exception& error) {
    std::vector<std::string> texts{error.what()};
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception& cause) {
        for (std::string& text : chain_of(cause)) texts.push_back(std::move(text));
    }
    return texts;
}
[[gnu::noinline]] void fail_deep_within(int code) {
    throw std::system_error(code, std::generic_category(), "deep within");
}
// conformance: pool.remote_traceback
TEST_P(PoolErrors, exception_of_a_task_has_the_worker_s_traceback_as_its_cause) {
    const mp::Pool pool(1);
    try {
        pool.apply(fail_deep_within, ENOENT);
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
        const auto chain = chain_of(error);
        ASSERT_EQ(chain.size(), 2U);
        EXPECT_EQ(chain[0], "deep within: No such file or directory");
        expect_parts(chain[1], {"Traceback", "fail_deep_within", "pool_errors_test.cpp", "deep within"});
    }
    const auto failing = std::views::iota(0, 1) | std::views::transform([](int n) -> int {
                             if (n == 0) throw std::runtime_error("here");
                             return n;
                         });
    try {
        static_cast<void>(pool.map(square, failing));
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(chain_of(error), std::vector<std::string>{"here"});
    }
}

}  // namespace

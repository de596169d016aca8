// SPDX-License-Identifier: Apache-2.0
#include "managers/array.hpp"

#include <gtest/gtest.h>
#include <procession/detail/python_exceptions.hpp>
#include <procession/error.hpp>

#include <thread>

#include "support/referents.hpp"
#include "support/thrown.hpp"

namespace procession {
namespace {

using Managed = managers::Array;
using namespace procession::test;

template <class T>
Object array(std::vector<T> elements) {
    return Object::array<T>(elements);
}
Made ints(std::initializer_list<Object> elements) {
    return made<Managed>({"i", Object::list(elements)});
}

TEST(ManagedArray, is_an_array_of_its_typecode) {
    const Made it = ints({5, 1});
    EXPECT_EQ(it->to_string(), "array('i', [5, 1])");
    EXPECT_EQ(it->value(), array<int>({5, 1}));
    EXPECT_EQ(call(it, "__len__"), Object(2));
    EXPECT_EQ(call(it, "__getitem__", -1), Object(1));
    call(it, "__setitem__", 0, true);
    EXPECT_EQ(call(it, "__getitem__", 0).to_string(), "1");
    EXPECT_EQ(made<Managed>({"d", Object::tuple({1, 2.5})})->to_string(), "array('d', [1.0, 2.5])");
    EXPECT_EQ(made<Managed>({"h", array<double>({})})->to_string(), "array('h')");
    EXPECT_EQ(made<Managed>({"h", Object::Bytes(4)})->to_string(), "array('h', [0, 0])");
    EXPECT_EQ(made<Managed>({"u", "\u00e9a"}, {{"lock", true}})->to_string(), "array('u', '\u00e9a')");
    EXPECT_EQ(made<Managed>({"Q", Object::list({std::uint64_t(-1)})})->to_string(),
              "array('Q', [18446744073709551615])");
}

TEST(ManagedArray, refuses_what_is_no_element) {
    const auto refused = [](const char* typecode, const Object& element) {
        return thrown<Error>([&] { made<Managed>({typecode, Object::list({element})}); });
    };
    EXPECT_EQ(refused("b", 128), "signed char is greater than maximum");
    EXPECT_EQ(refused("B", -1), "unsigned byte integer is less than minimum");
    EXPECT_EQ(refused("q", std::uint64_t(-1)), "Python int too large to convert to signed long long");
    EXPECT_EQ(refused("Q", -1), "unsigned long long is less than minimum");
    EXPECT_EQ(refused("i", 1.0), "'float' object cannot be interpreted as an integer");
    EXPECT_EQ(refused("f", "a"), "must be real number, not str");
    EXPECT_EQ(refused("u", "ab"), "array item must be a unicode character, not str");
    EXPECT_EQ(refused("z", 1), "bad typecode (must be b, B, u, w, h, H, i, I, l, L, q, Q, f or d)");
    EXPECT_EQ(refused("d", Object::integer(Object::Bytes(200, std::byte{1}))),
              "int too large to convert to float");
    EXPECT_EQ(thrown<TypeMismatch>([] {
                  made<Managed>({5, Object::list()});
              }),
              "array() argument 1 must be a unicode character, not int");
    EXPECT_EQ(thrown<TypeMismatch>([] {
                  made<Managed>({"i", "ab"});
              }),
              "cannot use a str to initialize an array with typecode 'i'");
    EXPECT_EQ(thrown<ValueError>([] {
                  made<Managed>({"i", Object::Bytes(3)});
              }),
              "bytes length not a multiple of item size");
    EXPECT_EQ(thrown<IndexError>([] { call(ints({1}), "__getitem__", 1); }), "array index out of range");
    EXPECT_EQ(thrown<IndexError>([] { call(ints({1}), "__setitem__", 1, 1); }),
              "array assignment index out of range");
}

TEST(ManagedArray, too_large_a_number_is_a_value_error_here_and_an_overflow_error_there) {
    try {
        call(ints({1}), "__setitem__", 0, std::int64_t{1} << 40);
        ADD_FAILURE();
    } catch (const ValueError&) {
        const Object there = detail::to_object(std::current_exception());
        EXPECT_EQ(there.to_string(), "OverflowError('signed integer is greater than maximum')");
        EXPECT_THROW(detail::throw_from(there), ValueError);
    }
}

TEST(ManagedArray, has_slices) {
    const Made it = ints({0, 1, 2, 3, 4});
    EXPECT_EQ(call(it, "__getitem__", slice(1, 3)), array<int>({1, 2}));
    EXPECT_EQ(call(it, "__getitem__", slice({}, {}, -2)), array<int>({4, 2, 0}));
    call(it, "__setitem__", slice(1, 3), array<int>({7, 8, 9}));
    EXPECT_EQ(it->to_string(), "array('i', [0, 7, 8, 9, 3, 4])");
    call(it, "__setitem__", slice({}, {}, 3), array<int>({-1, -2}));
    EXPECT_EQ(it->to_string(), "array('i', [-1, 7, 8, -2, 3, 4])");
    call(it, "__setitem__", slice({}, {}, -2), array<int>({}));
    EXPECT_EQ(it->to_string(), "array('i', [-1, 8, 3])");
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "__setitem__", slice(0, 1), Object::list({1})); }),
              "can only assign array (not \"list\") to array slice");
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "__setitem__", slice(0, 1), array<short>({1})); }),
              "can only assign array of typecode 'i' (not 'h') to array slice");
    EXPECT_EQ(thrown<ValueError>([&] { call(it, "__setitem__", slice({}, {}, 2), array<int>({1})); }),
              "attempt to assign array of size 1 to extended slice of size 2");
}

TEST(ManagedArray, may_be_used_by_many_threads) {
    const Made it = ints({0, 0, 0, 0});
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&it, thread] {
            for (int i = 0; i <= 200; ++i) {
                call(it, "__setitem__", thread, i);
                (void)it->value();
            }
        });
    threads.clear();
    EXPECT_EQ(it->to_string(), "array('i', [200, 200, 200, 200])");
}

}  // namespace
}  // namespace procession

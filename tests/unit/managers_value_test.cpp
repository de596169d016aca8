// SPDX-License-Identifier: Apache-2.0
#include "managers/value.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include "support/referents.hpp"
#include "support/thrown.hpp"

namespace procession {
namespace {

using managers::Value;
using namespace procession::test;

TEST(ManagedValue, is_what_was_set_last) {
    const Made it = made<Value>({"d", 3.14}, {{"lock", false}});
    EXPECT_EQ(it->to_string(), "Value('d', 3.14)");
    EXPECT_EQ(call(it, "get"), Object(3.14));
    call(it, "set", "a text, since the typecode is only kept");
    EXPECT_EQ(call(it, "get"), Object("a text, since the typecode is only kept"));
    EXPECT_EQ(thrown<TypeMismatch>([] { made<Value>({"d"}); }),
              "Value() takes from 2 to 3 arguments (1 given)");
    EXPECT_EQ(thrown<TypeMismatch>([] {
                  made<Value>({"d"}, {{"valeu", 1}});
              }),
              "Value() got an unexpected keyword argument 'valeu'");
}

TEST(ManagedValue, is_an_instance_of_pythons_class) {
    const Object value = made<Value>({"i", 5})->value();
    EXPECT_EQ(value.module(), "multiprocessing.managers");
    EXPECT_EQ(value.qualname(), "Value");
    EXPECT_EQ(value.state(), Object::dict({{"_typecode", "i"}, {"_value", 5}}));
}

TEST(ManagedValue, what_is_dropped_ends_outside_of_its_lock) {
    const Made it = made<Value>({"any", nullptr});
    bool ended = false;
    call(it, "set", value_that_tells([&] {
             call(it, "get");
             ended = true;
         }));
    call(it, "set", 1);
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace procession

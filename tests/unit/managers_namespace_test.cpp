// SPDX-License-Identifier: Apache-2.0
#include "managers/namespace.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include "support/referents.hpp"
#include "support/thrown.hpp"

namespace procession {
namespace {

using managers::Namespace;
using namespace procession::test;

// conformance: proxies.namespace
TEST(ManagedNamespace, has_attributes) {
    const Made it = made<Namespace>({}, {{"x", 1}});
    call(it, "__setattr__", "name", "Bob");
    call(it, "__setattr__", "job", "Builder");
    call(it, "__setattr__", "_hidden", "hidden");
    EXPECT_EQ(call(it, "__getattribute__", "name"), Object("Bob"));
    call(it, "__delattr__", "job");
    EXPECT_EQ(it->to_string(), "Namespace(name='Bob', x=1)");
    for (const char* const method : {"__getattribute__", "__delattr__"})
        EXPECT_EQ(thrown<AttributeError>([&] { call(it, method, "job"); }),
                  "'Namespace' object has no attribute 'job'");
    EXPECT_EQ(thrown<TypeMismatch>([&] { call(it, "__setattr__", 5, 5); }),
              "attribute name must be string, not 'int'");
    EXPECT_EQ(thrown<TypeMismatch>([&] { made<Namespace>({1}); }),
              "Namespace() takes 0 positional arguments but 1 were given");
}

TEST(ManagedNamespace, is_an_instance_of_pythons_class) {
    const Object value = made<Namespace>({}, {{"x", 1}, {"_y", 2}})->value();
    EXPECT_EQ(value.module(), "multiprocessing.managers");
    EXPECT_EQ(value.qualname(), "Namespace");
    EXPECT_EQ(value.state(), Object::dict({{"x", 1}, {"_y", 2}}));
}

TEST(ManagedNamespace, what_is_dropped_ends_outside_of_its_lock) {
    const Made it = made<Namespace>();
    int ended = 0;
    for (int i = 0; i < 2; ++i)
        call(it, "__setattr__", "x", value_that_tells([&] {
                 call(it, "__setattr__", "y", 1);
                 ++ended;
             }));
    call(it, "__delattr__", "x");
    EXPECT_EQ(ended, 2);
}

}  // namespace
}  // namespace procession

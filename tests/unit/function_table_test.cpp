// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/target.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cstdio>

namespace {

TEST(FunctionTable, a_name_that_is_in_no_table_calls_nothing) {
    namespace detail = procession::detail;
    auto name = detail::name_of(detail::entry_of<&detail::invoke<void (*)()>>);
    EXPECT_NO_THROW(static_cast<void>(detail::find_entry(name)));
    name.offset += 8;
    EXPECT_THROW(static_cast<void>(detail::find_entry(name)), mp::StateError);
    EXPECT_THROW(static_cast<void>(detail::find_code(name)), mp::StateError);
    name.build_id = "another build";
    EXPECT_THROW(static_cast<void>(detail::find_entry(name)), mp::StateError);
}
TEST(FunctionTable, does_not_name_functions_of_the_c_library) {
    EXPECT_THROW(static_cast<void>(procession::detail::name_of_code(
                     reinterpret_cast<void*>(static_cast<int (*)(const char*)>(&std::remove)))),
                 mp::StateError);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <string>

namespace procession::test {

inline std::string name_of(StartMethod method) {
    return method == StartMethod::fork ? "fork" : method == StartMethod::spawn ? "spawn" : "forkserver";
}

/// Base of suites whose cases run once for each start method.
class EachStartMethod : public testing::TestWithParam<StartMethod> {
  protected:
    void SetUp() override { set_start_method(GetParam(), true); }
};

/// Has a process do it, which must end well.
template <class F, class... A>
void run(F function, A... arguments) {
    Process process(function, arguments...);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

inline auto all_start_methods() { return testing::ValuesIn(get_all_start_methods()); }
inline std::string name_of_parameter(const testing::TestParamInfo<StartMethod>& info) {
    return name_of(info.param);
}

}  // namespace procession::test

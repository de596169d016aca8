// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace procession::test {

/// Runs `call`, which must throw an E, and returns what that says.
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

}  // namespace procession::test

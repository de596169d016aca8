// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <string.h>

#include <initializer_list>
#include <string>
#include <system_error>
#include <vector>

namespace procession::test {

/// Runs `call`, which the system must refuse with this errno, and returns the message.
template <class Call>
std::string refused(int error, Call call) {
    try {
        call();
    } catch (const std::system_error& thrown) {
        EXPECT_EQ(thrown.code(), std::error_code(error, std::generic_category())) << thrown.what();
        return thrown.what();
    }
    ADD_FAILURE() << "not refused, though " << ::strerrorname_np(error) << " was expected";
    return {};
}

/// A text must hold all of these, in whatever order.
inline void expect_parts(const std::string& text, const std::vector<const char*>& parts) {
    for (const char* part : parts)
        EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in:\n" << text;
}

/// And these one after another.
inline void expect_in_order(const std::string& text, std::initializer_list<std::string> parts) {
    std::size_t at = 0;
    for (const std::string& part : parts) {
        at = text.find(part, at);
        ASSERT_NE(at, text.npos) << part << " is missing, or not after those before it, in:\n" << text;
        at += part.size();
    }
}

}  // namespace procession::test

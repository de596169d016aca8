// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/pickle.hpp>

#include <string>
#include <string_view>

namespace procession::test {

inline Object loads(std::string_view bytes, const pickle::Limits& limits = {}) {
    return pickle::loads(std::as_bytes(std::span(bytes)), limits);
}

inline std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace procession::test

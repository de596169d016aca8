// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <string_view>

namespace procession::inline v0::os {

/// Throws `std::system_error` in the house's order: OBJECT: CALL: ERRNO (text). NEXT.
[[noreturn]] void throw_errno(std::string_view object, std::string_view call, std::string_view next = {},
                              int error = errno);

/// Passes a result on, or throws when it is -1.
template <class T>
T checked(T result, std::string_view object, std::string_view call, std::string_view next = {}) {
    if (result == static_cast<T>(-1)) throw_errno(object, call, next);
    return result;
}

/// Repeats a call that a signal interrupted before it did anything.
template <class Call>
auto retry_on_signal(Call call) {
    auto result = call();
    while (result == -1 && errno == EINTR) result = call();
    return result;
}

}  // namespace procession::inline v0::os

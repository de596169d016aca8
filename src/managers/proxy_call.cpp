// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/proxy_call.hpp>

#include <algorithm>

namespace procession::inline v0::detail {
namespace {

// Python refuses longer ones: threading.TIMEOUT_MAX. Some 292 years.
constexpr double longest = 9.2e9;

Object index_or_none(std::optional<std::ptrdiff_t> index) { return index ? Object(*index) : Object(); }

}  // namespace

Object slice(std::ptrdiff_t from, std::optional<std::ptrdiff_t> to) {
    return Object::instance("builtins", "slice", Object::tuple({from, index_or_none(to), {}}), {},
                            Object::Made::by_call);
}

Object seconds(std::chrono::nanoseconds limit) {
    return std::min(std::chrono::duration<double>(limit).count(), longest);
}

Object seconds_or_none(Timeout limit) { return limit ? seconds(*limit) : Object(); }

}  // namespace procession::inline v0::detail

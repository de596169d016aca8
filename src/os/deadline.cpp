// SPDX-License-Identifier: Apache-2.0
#include "os/deadline.hpp"

#include <algorithm>
#include <limits>

namespace procession::inline v0::os {

Deadline Deadline::after(const Timeout& limit) {
    if (!limit) return never();
    const auto now = Clock::now();
    // A limit beyond the clock's range is one that never comes.
    if (*limit >= Clock::time_point::max() - now) return never();
    return at(now + *limit);
}

Deadline Deadline::sooner(std::chrono::nanoseconds limit) const {
    if (limit == std::chrono::nanoseconds::max()) return *this;
    return at(std::min(point_, Clock::now() + limit));
}

const timespec* Deadline::to_timespec(timespec& storage) const {
    if (is_never()) return nullptr;
    const auto since = point_.time_since_epoch().count();
    storage = {static_cast<time_t>(since / 1'000'000'000), static_cast<long>(since % 1'000'000'000)};
    return &storage;
}

int Deadline::poll_milliseconds() const {
    if (is_never()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(point_ - Clock::now()).count();
    return static_cast<int>(std::clamp<long>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace procession::inline v0::os

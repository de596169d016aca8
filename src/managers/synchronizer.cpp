// SPDX-License-Identifier: Apache-2.0
#include "managers/synchronizer.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

namespace procession::inline v0::managers {

Object Synchronizer::value() const {
    throw TypeMismatch(fmt::format(
        "{}: it cannot be copied out of its manager. Pass its proxy on, and call its methods by that.",
        to_string()));
}

os::Deadline acquire_deadline(const Arguments& arguments) {
    arguments.require(0, {"blocking", "timeout"});
    const Object* const timeout = arguments.find(1, "timeout");
    const bool has_limit = timeout && !timeout->is_none() && *timeout != Object(-1);
    if (arguments.flag_or(0, "blocking", true))
        return has_limit ? arguments.deadline(1, "timeout") : os::Deadline::never();
    if (has_limit)
        throw ValueError(fmt::format(
            "{}: a call that does not wait has no timeout. Leave out one of blocking=False and timeout.",
            arguments.method()));
    return os::Deadline::now();
}

void throw_if_stopped(os::Waited waited, std::string_view what) {
    if (waited == os::Waited::stopped)
        throw CancelledError(fmt::format("{}: the wait was stopped", what));
}

}  // namespace procession::inline v0::managers

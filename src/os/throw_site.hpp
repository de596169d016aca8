// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>

#include "os/stack_trace.hpp"

namespace procession::inline v0::os {

/// Where an exception was thrown that nobody caught, seen while that stack still stood. A rethrow
/// counts as a throw. Empty under another C++ runtime than libstdc++.
struct ThrowSite {
    StackTrace stack;
    std::exception_ptr handled;  ///< what was being handled there, or itself if it was rethrown
};

/// Runs `body` and lets out what it throws, after noting in `site` where that was. Exceptions that
/// `body` catches itself are never looked at.
void note_throw_site(ThrowSite& site, const std::function<void()>& body);

}  // namespace procession::inline v0::os

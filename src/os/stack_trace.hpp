// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace procession::inline v0::os {

/// The calls that a thread was in, as addresses: cheap to capture, named only on request.
class StackTrace {
  public:
    /// The calling thread's, from its innermost call out to the one whose frame is at `outermost`
    /// (__builtin_frame_address), or to the thread's beginning. Allocates nothing. Of more than 128
    /// calls the innermost are kept.
    static StackTrace capture(const void* outermost = nullptr) noexcept;

    bool empty() const { return count_ == 0; }
    /// A line for each call, most recent last: `  File "path", line N, in function`, or
    /// `  module(+0xoffset), in function` where there is no debug information. The library's and
    /// the C++ runtime's own calls at both ends are left out.
    std::string format() const noexcept;

  private:
    std::array<std::uintptr_t, 128> addresses_;
    std::size_t count_ = 0;
};

}  // namespace procession::inline v0::os

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace procession::inline v0::os {

/// The calling thread's number, which no other thread of this process has or had. A forked child goes on
/// with its parent's, so only beside the process's own name is it one thread's.
inline std::uint32_t thread_number() {
    static std::atomic<std::uint32_t> last{0};
    // Initial-exec: no call for the address, as the library is loaded with the program.
    [[gnu::tls_model("initial-exec")]] static thread_local std::uint32_t mine = 0;
    if (mine == 0) mine = last.fetch_add(1, std::memory_order_relaxed) + 1;
    return mine;
}

}  // namespace procession::inline v0::os

// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace procession::inline v0::os {

/// Has the processor fetch the cache line of an address that is to be read soon. Any address will do.
inline void prefetch_to_read(const void* address) noexcept { __builtin_prefetch(address); }

/// The same of one that is to be written, so that the other processors let go of it.
inline void prefetch_to_write(const void* address) noexcept {
#if defined(__x86_64__)
    // What the compiler makes of its own builtin would leave the line with the others. Processors without
    // the instruction (before 2014) ignore it.
    asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
    __builtin_prefetch(address, 1);
#endif
}

}  // namespace procession::inline v0::os

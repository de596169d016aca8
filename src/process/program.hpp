// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/spare.hpp"

namespace procession::inline v0::detail {

/// What the process layer keeps for the whole program, in the heap's header; zero at first.
struct ProgramState {
    heap::LockWord servers_lock;              ///< guards what follows, but for the servers' own doings
    std::atomic<std::uint32_t> preload_size;  ///< 0: nothing is to be preloaded
    std::atomic<std::uint32_t> has_unnamed_blocks;  ///< or may have: there is something to clean up
    std::byte preload[2040];                        ///< the name of the function that loads
    heap::WaitPoint result_published;               ///< of any process's, for those who wait for several
    ServerState servers[8];                         ///< one for each kind of credentials
};
static_assert(sizeof(ProgramState) <= sizeof(heap::FileHeader::program));

inline ProgramState& program_state() {
    return *reinterpret_cast<ProgramState*>(heap::Heap::program().header().program);
}

}  // namespace procession::inline v0::detail

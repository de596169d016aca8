// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "queues/channel.hpp"

namespace procession::inline v0::queues {

/// What a queue keeps in the heap.
struct QueueBody {
    Channel channel;
    std::uint64_t fingerprint;
    std::uint32_t is_joinable;
    heap::WaitPoint all_done;
    char kind[16];
    char type_name[96];
};

}  // namespace procession::inline v0::queues

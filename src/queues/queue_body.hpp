// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "heap/layout.hpp"
#include "queues/stream.hpp"

namespace procession::inline v0::queues {

/// What a queue keeps in the heap.
struct QueueBody {
    std::uint64_t fingerprint;
    std::uint64_t maxsize;
    std::uint32_t is_joinable;
    std::atomic<std::uint32_t> shut_down;
    heap::WaitPoint not_empty;
    heap::WaitPoint watched;  ///< as not_empty, but for those who only look, of which each is to be told
    heap::WaitPoint not_full;
    heap::WaitPoint all_done;
    Stream stream;
    char kind[16];
    char type_name[96];
};
// What all read and nearly nobody writes is in no line that putting or taking writes.
static_assert(offsetof(QueueBody, stream) == heap::cache_line);

}  // namespace procession::inline v0::queues

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "queues/channel.hpp"

// A pipe in the heap is three objects: the pipe itself, and its two ends. Whoever has an end holds that and
// the pipe, be it a process or a message that the end travels in; and each end holds the pipe. When nobody
// holds an end any more, however its holders went, both ways of the pipe have ended.

namespace procession::inline v0::connection {

/// What a pipe keeps in the heap.
struct PipeBody {
    heap::Offset ends[2];
    std::uint32_t is_duplex;  ///< else the first end only receives
    queues::Channel ways[2];  ///< to the first end, to the second one
};

/// What an end is.
struct EndBody {
    heap::Offset pipe;
    std::uint64_t pipe_serial;
    std::uint32_t index;
};

}  // namespace procession::inline v0::connection

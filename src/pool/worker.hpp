// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/handle.hpp>
#include <procession/function.hpp>

#include "heap/object.hpp"

namespace procession::inline v0::pool {

/// A pool's object.
class PoolHandle : public detail::Handle {
  public:
    /// A new one.
    PoolHandle();
    /// The one that a message names.
    explicit PoolHandle(Handle handle) : Handle(std::move(handle)) {}
};

/// What a worker is told at its start.
struct WorkerOrders {
    std::uint32_t seat = 0;
    std::uint64_t most_tasks = 0;   ///< 0: no limit
    std::uint64_t signal_mask = 0;  ///< of signals 1 to 64
    int sharers = 1;                ///< of the processors
};

/// A worker's life.
void work_for(const PoolHandle&, WorkerOrders, const Function<void()>& initializer);

}  // namespace procession::inline v0::pool

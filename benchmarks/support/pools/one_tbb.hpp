// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <cstddef>

namespace procession::benchmark {

/// Threads of oneTBB. As it is meant to be used, the calling thread is one of them.
class OneTbb {
  public:
    explicit OneTbb(int size) : arena_(size) {}

    /// Calls `function(i)` for each i below `count`, one in each task.
    template <class F>
    void for_each(std::size_t count, F function) {
        arena_.execute(
            [&] { tbb::parallel_for(range(count), over(function), tbb::simple_partitioner()); });
    }
    /// The same in tasks as it thinks best.
    template <class F>
    void for_each_in_chunks(std::size_t count, F function) {
        arena_.execute([&] { tbb::parallel_for(range(count), over(function)); });
    }
    /// The same in tasks that are given one by one.
    template <class F>
    void run_each(std::size_t count, F function) {
        arena_.execute([&] {
            tbb::task_group group;
            for (std::size_t i = 0; i < count; ++i) group.run([=] { function(i); });
            group.wait();
        });
    }

  private:
    using Range = tbb::blocked_range<std::size_t>;
    static Range range(std::size_t count) { return {0, count, 1}; }
    template <class F>
    static auto over(F& function) {
        return [&function](const Range& part) {
            for (std::size_t i = part.begin(); i != part.end(); ++i) function(i);
        };
    }

    tbb::task_arena arena_;
};

}  // namespace procession::benchmark

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <span>

#include "pool/pool_body.hpp"

namespace procession::inline v0::pool {

/// What a task is to say.
struct TaskForm {
    std::uint64_t ticket = 0;
    heap::Offset function = 0;
    heap::Offset block = 0;
    std::uint32_t first = 0, end = 1;
    std::uint32_t at_once = 1;
    std::uint32_t item_size = 0;
    std::span<const std::byte> bytes = {};  ///< of one item, where there is no block
};

/// The pool's process's side of a list of tasks: it appends them, and frees what nobody needs any more. For
/// one thread at a time.
class TaskAppender {
  public:
    /// A piece of the list; it stays until all of its tasks are finished.
    struct Segment {
        heap::Offset at;
        std::size_t size;
        std::size_t unfinished = 0;
    };
    struct Appended {
        heap::Offset record;
        Segment* segment;
    };

    /// An empty list, in the pool that lies in `object`, of memory for that use. @throws HeapExhausted
    TaskAppender(heap::Heap&, heap::Offset object, TaskList&, heap::Use);

    /// @throws HeapExhausted  nothing was appended
    Appended append(const TaskForm&);
    /// All items of a task are done. The first segments go when none of theirs is left to do.
    void finish(Segment&);

  private:
    Segment make_segment(std::size_t size) const;
    void grow(std::size_t wanted);

    heap::Heap& heap_;
    const heap::Offset object_;
    TaskList& list_;
    const heap::Use use_;
    std::deque<Segment> segments_;
    heap::Offset at_;  ///< where the next record will be, in the last of them
};

}  // namespace procession::inline v0::pool

// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is to be done once: when its object goes, when it is called, or at the process's end, whichever
// comes first.

#include <functional>
#include <memory>
#include <optional>

namespace procession::inline v0::detail {

/// Movable; of a child that was forked it is nobody's: the parent's are forgotten there.
/// @par Thread safety   safe on different objects; one that runs is not run again
/// @see Python: multiprocessing.util.Finalize
class Finalizer {
  public:
    /// @param exit_priority  at the process's end those of the highest run first, the newest first among
    ///                       equals; without one, it is not run then
    explicit Finalizer(std::function<void()> action, std::optional<int> exit_priority = {});
    Finalizer(Finalizer&&) noexcept = default;
    ~Finalizer() { (*this)(); }

    /// Runs it now, unless it ran before.
    void operator()();

    struct Entry;

  private:
    std::shared_ptr<Entry> entry_;
};

/// Runs those that have an exit priority, of at least `lowest` where that is given.
void run_finalizers(std::optional<int> lowest = {});
void forget_finalizers_after_fork();

/// What a process does before it goes: its finalizers, the end of its daemons, the wait for its
/// children.
void shut_down();
/// Has it done at exit; a child's own way out does it before its exit handlers run.
void shut_down_at_exit();

}  // namespace procession::inline v0::detail

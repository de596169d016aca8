// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a container in the shared heap changes, so that a writer may be killed between any two
// instructions.
//
// 1. A step is a few instructions under the container's lock. It asks for no memory and runs no code
//    of the user's; ONE store commits it. What a dead one left around that store, the recovery settles,
//    before any of the dead one's blocks is freed.
// 2. A section keeps everybody else out for longer, without the lock. What its owner makes meanwhile
//    lies in blocks of its own, and a step of its own puts them in. So there is nothing to undo when it
//    is killed: the blocks go with it, and the next one to come sees that the section's owner is dead.
// 3. A block belongs to whom its owner word names. One on its way in is named by `coming` until it is
//    the container's; one on its way out by `going` until it is somebody's who frees it. The recovery
//    frees nothing: it leaves `going` to the next step.

#include <procession/detail/shared_core.hpp>

#include <array>
#include <optional>

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "os/kill_point.hpp"

namespace procession::inline v0::detail {

using heap::Heap;
using heap::Offset;

/// What the body of every container begins with.
struct Container {
    std::uint64_t fingerprint;
    heap::Recovery recovery;
    heap::LockWord lock;
    std::atomic<std::uint32_t> section;  ///< whose it is; the top bit says that somebody waits
    std::uint32_t padding;
    std::atomic<Offset> content;  ///< the block that all that it holds is reached from
    std::atomic<Offset> coming, going;
    char type_name[96];
};

/// Makes the object of a container, with a body that begins with a Container.
Offset make_container(heap::ObjectType, std::size_t size, heap::Recovery, const SharedType&);
/// @throws TypeMismatch it is a container of another type
void check_container(Offset object, heap::ObjectType, const SharedType&);

inline Container& container_at(const Heap& heap, Offset lock) {
    return *heap.at<Container>(lock - offsetof(Container, lock));
}

/// Settles what `coming` and `going` name, once it is known what the container reaches.
void settle(Heap&, Container&, bool coming_is_reached, bool going_is_reached);

/// A block of this process until it is given away.
class OwnBlock {
  public:
    OwnBlock(Heap& heap, Offset at) : heap_(heap), at_(at) {}
    ~OwnBlock() {
        // In a child that was forked meanwhile it is the parent's.
        if (at_ && heap_.owner(at_).load() == heap_.self()) heap_.free(at_);
    }
    OwnBlock(OwnBlock&&) = delete;
    Offset at() const { return at_; }
    Offset release() { return std::exchange(at_, 0); }

  private:
    Heap& heap_;
    Offset at_;
};

/// The container's lock, while nobody else has a section open. What the step takes out is freed when
/// the lock is released.
class Step {
  public:
    static constexpr std::size_t most_taken = 64;

    explicit Step(Container&);
    /// One within a section of this thread's.
    explicit Step(const Section&);
    ~Step();
    Step(Step&&) = delete;

    Heap& heap() const { return operation_->heap(); }
    heap::ParticipantId self() const { return operation_->self(); }
    std::uint32_t tag() const { return heap::block_tag(object()); }

    /// Puts a block of this process in and takes one out; either may be 0. `commit` is one store.
    template <class Commit>
    void exchange(Offset coming, Offset going, Commit commit) {
        container_.going.store(going);
        PROCESSION_KILL_POINT("step.going_named");
        container_.coming.store(coming);
        PROCESSION_KILL_POINT("step.coming_named");
        commit();
        PROCESSION_KILL_POINT("step.committed");
        if (coming) {
            give(heap(), coming, object());
            PROCESSION_KILL_POINT("step.given");
            container_.coming.store(0);
        }
        PROCESSION_KILL_POINT("step.before_take");
        if (going) take(container_.going);
    }
    /// Makes a block of the container's this process's, and only then forgets its name.
    template <class Name>
    void take(std::atomic<Name>& name) {
        take(name.load(), [&] { name.store(0); });
    }
    template <class Forget>
    void take(Offset block, Forget forget) {
        heap().owner(block).store(self());
        PROCESSION_KILL_POINT("step.taken");
        forget();
        PROCESSION_KILL_POINT("step.forgotten");
        taken_[taken_count_++] = block;
    }
    /// What was taken last is the caller's, who frees it.
    Offset keep() { return taken_[--taken_count_]; }

  private:
    Offset object() const { return object_of(heap(), &container_); }

    Container& container_;
    std::optional<heap::Operation> operation_;
    std::optional<heap::Guard> guard_;
    std::size_t taken_count_ = 0;
    std::array<Offset, most_taken> taken_;
};

}  // namespace procession::inline v0::detail

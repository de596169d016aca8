// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <type_traits>

#include "heap/object.hpp"
#include "os/kill_point.hpp"

namespace procession::inline v0::heap {

/// Entries of an object, each of which belongs to a participant: whoever mourns that finds what the
/// object owes it. As many as are wanted; the first `inline_count` of them lie in the object itself.
///
/// An entry is a class with `std::atomic<ParticipantId> owner`, zero all over while it is free. Zeroed
/// memory is an empty roster. Entries stay where they are as long as the object.
template <class Entry, std::size_t inline_count>
class Roster {
    static_assert(std::is_standard_layout_v<Entry>);

  public:
    /// A free entry, from now on of `owner`. @throws HeapExhausted
    Entry& claim(Heap& heap, Offset object, ParticipantId owner) {
        for (;;) {
            Entry* const found = find(heap, [&](Entry& entry) {
                ParticipantId none = 0;
                return entry.owner.compare_exchange_strong(none, owner);
            });
            if (found) return *found;
            grow(heap, object);
        }
    }

    /// The first entry of which `matches(entry)` is true; null if there is none.
    template <class Matches>
    Entry* find(const Heap& heap, Matches matches) {
        for (Entry& entry : first_)
            if (matches(entry)) return &entry;
        for (Offset at = more_.load(std::memory_order_acquire); at;) {
            auto& more = *heap.at<More>(at);
            for (Entry& entry : more.entries)
                if (matches(entry)) return &entry;
            at = more.next.load(std::memory_order_acquire);
        }
        return nullptr;
    }

    template <class Visit>
    void for_each(const Heap& heap, Visit visit) {
        find(heap, [&](Entry& entry) { return visit(entry), false; });
    }

    /// Buries those whose entries are here and who died.
    void bury_dead(Heap& heap) {
        for_each(heap, [&](Entry& entry) {
            const ParticipantId owner = entry.owner.load(std::memory_order_relaxed);
            if (owner && heap.may_be_dead(owner)) bury(heap, owner);
        });
    }

  private:
    struct More {
        static constexpr std::size_t count = 1000 / sizeof(Entry);
        Entry entries[count];
        std::atomic<Offset> next;
    };

    void grow(Heap& heap, Offset object) {
        const Offset block = heap.allocate(sizeof(More), Use::control);
        auto& more = *heap.at<More>(block);
        std::memset(static_cast<void*>(&more), 0, sizeof more);
        Offset next = more_.load();
        more.next.store(next);
        // From here it goes with the object, so a death before it is linked only makes it wait for that.
        give(heap, block, object);
        PROCESSION_KILL_POINT("roster.given");
        while (!more_.compare_exchange_weak(next, block)) more.next.store(next);
    }

    Entry first_[inline_count];
    std::atomic<Offset> more_;
};

}  // namespace procession::inline v0::heap

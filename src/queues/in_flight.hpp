// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "heap/object.hpp"

namespace procession::inline v0::queues {

/// Messages that were given up under a lock. Their fates are logged at its end, after that of the lock.
class GivenUp {
  public:
    GivenUp() = default;
    ~GivenUp() {
        if (!fates_.empty()) log();
    }
    GivenUp(GivenUp&&) = delete;
    void add(int last_pid, std::uint32_t deaths) { fates_.push_back({last_pid, deaths}); }

  private:
    void log() const noexcept;
    struct Fate {
        int last_pid;
        std::uint32_t deaths;
    };
    std::vector<Fate> fates_;
};

/// The messages of a stream that were taken and are not done yet.
///
/// 1. Each has an entry, whose state names its taker. A taker that dies has it returned: whoever takes
///    next gets it, until it has cost so many their lives that it is given up.
/// 2. Entries are changed under the lock of the stream's take side, but for what a state says of one that
///    is dead (mourn) and what a taker says of its own (end_reading): those are one compare-and-swap.
/// 3. A block stays the stream's until it is done. The one that a state names then frees it, or its
///    mourner does; no other touches such an entry.
class InFlight {
  public:
    struct Entry {
        static constexpr std::uint64_t being_read = 1ull << 32;  ///< its bytes are still looked at
        static constexpr std::uint64_t done = 1ull << 33;
        static constexpr std::uint64_t returned = 1ull << 34;  ///< by its taker's death: it has none
        static constexpr std::uint64_t one_death = 1ull << 40;

        std::atomic<std::uint64_t> state;  ///< the taker, what of these is true, deaths; 0: it is free
        std::atomic<heap::Offset> block;
        std::atomic<std::uint64_t> order;    ///< in which they were taken
        std::atomic<std::uint32_t> thread;   ///< of the taker
        std::atomic<std::int32_t> last_pid;  ///< of the last taker that died

        std::uint32_t deaths() const { return static_cast<std::uint32_t>(state.load() / one_death); }
    };

    /// @param limit  how many takers may die of a message; 0: nothing is to be kept in flight at all
    void set_limit(std::uint32_t limit) { limit_ = limit; }
    std::uint32_t limit() const { return limit_; }
    bool is_used() const { return limit_ != 0; }

    // Under the lock of the take side:

    /// Notes a message that this thread takes, and that is in the stream still. @throws HeapExhausted
    Entry& enter(heap::Heap&, heap::Offset object, heap::Offset block);
    /// Gives up those returned ones that cost too much.
    void settle_returned(heap::Heap&, heap::Offset object, GivenUp&);
    /// The next one that was returned and is not to be given up; null if there is none.
    Entry* next_returned(heap::Heap&, heap::Offset object, GivenUp&);
    /// Notes that this thread takes it.
    void take_returned(heap::Heap&, Entry&);
    /// One that is not done: the oldest of this thread, else of this process, else of anybody; null if
    /// there is none.
    Entry* oldest_unfinished(heap::Heap&, heap::Offset object) const;
    /// Notes that one is done. @returns false if its taker has just died, and it was returned
    bool finish(heap::Heap&, heap::Offset object, Entry&);
    /// Makes whole what a dead holder of the lock left, where the stream's next message is in `next`.
    void recover(heap::Heap&, heap::Offset next);

    // At any time:

    /// This process has read a message's bytes: from now on they may go.
    static void end_reading(heap::Heap&, heap::Offset object, Entry&);
    /// Returns what a dead taker had.
    void mourn(heap::Heap&, heap::Offset object, heap::ParticipantId dead);
    template <class Visit>
    void for_each_taker(const heap::Heap& heap, Visit visit) const {
        for_each(heap, [&](const Entry& entry, std::uint32_t) {
            visit(static_cast<heap::ParticipantId>(entry.state.load(std::memory_order_relaxed)));
        });
    }

    std::uint64_t unfinished() const { return unfinished_.load(std::memory_order_acquire); }
    /// Whether there may be one that was returned.
    bool shows_returned() const { return some_returned_.load(std::memory_order_acquire) != 0; }
    /// How many wait to be taken again.
    std::uint64_t count_returned(const heap::Heap&) const;
    /// How many were given up.
    std::uint32_t lost() const { return lost_.load(); }

  private:
    static constexpr std::uint32_t first_chunk = 16;
    static constexpr std::uint32_t chunks_at_most = 20;

    /// How many entries there are in the first so many chunks.
    static constexpr std::uint32_t entries_in(std::uint32_t chunks) {
        return first_chunk * ((1u << chunks) - 1);
    }
    std::uint32_t capacity() const { return entries_in(chunk_count_.load(std::memory_order_acquire)); }
    Entry& at(const heap::Heap&, std::uint32_t index) const;
    template <class Visit>
    void for_each(const heap::Heap& heap, Visit visit) const {
        for (std::uint32_t chunk = 0, count = chunk_count_.load(std::memory_order_acquire);
             chunk < count; ++chunk) {
            auto* const entries = heap.at<Entry>(chunks_[chunk].load(std::memory_order_acquire));
            for (std::uint32_t i = 0; i < first_chunk << chunk; ++i)
                visit(entries[i], entries_in(chunk) + i);
        }
    }
    Entry& claim(heap::Heap&, heap::Offset object);
    void grow(heap::Heap&, heap::Offset object);
    void give_up(heap::Heap&, heap::Offset object, std::uint32_t index);

    std::uint32_t limit_;
    std::atomic<std::uint32_t> some_returned_;
    std::atomic<std::uint64_t> unfinished_;
    std::atomic<std::uint64_t> next_order_;
    std::atomic<std::uint64_t> giving_up_;  ///< what lost_ will be, and an index + 1
    std::atomic<std::uint32_t> lost_;
    std::atomic<std::uint32_t> next_claim_;
    std::atomic<std::uint32_t> chunk_count_;
    std::uint32_t padding_;
    std::atomic<heap::Offset> chunks_[chunks_at_most];  ///< each twice as long as the one before
};

}  // namespace procession::inline v0::queues

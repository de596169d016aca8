// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "heap/heap.hpp"
#include "heap/lock.hpp"
#include "os/deadline.hpp"
#include "os/thread_number.hpp"

namespace procession::inline v0::synchronize {

/// Who left a lock abandoned: written by the coroner, before the dead one's slot is another's.
struct Obituary {
    std::atomic<heap::ParticipantId> who;  ///< stored last
    std::atomic<std::int32_t> pid;
    std::atomic<std::int32_t> exit_code;  ///< -1: it was killed
    std::atomic<char> name[heap::participant_name_size];
};

/// A lock in shared memory: what the body of every object of ObjectType::lock begins with.
struct LockBody {
    heap::LockWord word;
    std::uint32_t depth;                ///< how often the holder has it; its own to read and write
    std::atomic<std::uint64_t> holder;  ///< of a recursive one: participant and thread; else 0
    std::uint16_t is_recursive;
    std::uint16_t obituary_at;  ///< from here, so that the word and what it guards share a cache line

    std::uint32_t padding;

    Obituary& obituary() {
        return *reinterpret_cast<Obituary*>(reinterpret_cast<std::byte*>(this) + obituary_at);
    }
};
static_assert(sizeof(LockBody) == 24 && sizeof(Obituary) == 140);

/// Makes zeroed memory a lock, whose obituary lies at `obituary`.
void make_lock(LockBody&, bool is_recursive, const Obituary& obituary);

/// The calling thread, as no other of the program is called.
inline std::uint64_t this_thread() {
    return std::uint64_t{heap::Heap::program_self()} << 32 | os::thread_number();
}

/// Whether this thread holds a recursive lock, or this process one that is not.
inline bool is_mine(const LockBody& body) {
    // A dead holder's name is nobody else's, so what it left there is no harm.
    return body.is_recursive ? body.holder.load(std::memory_order_relaxed) == this_thread()
                             : heap::owner_in(body.word.value.load(std::memory_order_relaxed)) ==
                                   heap::Heap::program_self();
}

/// Takes a lock. @returns false when the time ran out @throws OwnerDied, CancelledError
bool acquire(LockBody&, const os::Deadline&, const std::stop_token& = {});
/// Gives up a lock that is_mine(). @returns how often this thread had it
std::uint32_t give_up_wholly(LockBody&);
/// Takes a lock that was given up so. @throws OwnerDied
void take_again(LockBody&, std::uint32_t depth);

}  // namespace procession::inline v0::synchronize

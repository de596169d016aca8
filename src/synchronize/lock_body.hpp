// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "heap/heap.hpp"
#include "heap/lock.hpp"
#include "os/deadline.hpp"
#include "os/thread_number.hpp"
#include "synchronize/obituary.hpp"

namespace procession::inline v0::synchronize {

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
static_assert(sizeof(LockBody) == 24);

/// Makes zeroed memory a lock, whose obituary lies at `obituary`.
void make_lock(LockBody&, bool is_recursive, const Obituary& obituary);

/// A new lock that is no part of another object.
heap::Offset make_lock_object(bool is_recursive);

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
/// Takes it if it is free. @throws OwnerDied
bool try_acquire(LockBody&);
/// Gives it up once. @throws ValueError, StateError
void release(LockBody&);
/// Gives it up once if is_mine(). @throws ValueError, StateError
void release_own(LockBody&);
/// Takes over an abandoned lock. @throws StateError
void recover(LockBody&);
/// As Python prints it.
std::string to_string(const LockBody&);

/// Gives up a lock that is_mine(). @returns how often this thread had it
std::uint32_t give_up_wholly(LockBody&);
/// Takes a lock that was given up so. @throws OwnerDied
void take_again(LockBody&, std::uint32_t depth);

}  // namespace procession::inline v0::synchronize

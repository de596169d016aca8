// SPDX-License-Identifier: Apache-2.0

// Lock and RLock. The word says who holds it, and everybody can tell whether that still lives; it keeps
// a dead holder's name until somebody recovers or releases it. Names of participants are not used again,
// so nothing more is needed to tell an abandoned lock; only how the dead one was called is written down
// by its coroner.

#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/lock.hpp>

#include "heap/object.hpp"
#include "log/log.hpp"
#include "os/at_load.hpp"
#include "os/futex.hpp"
#include "os/kill_point.hpp"
#include "os/thread_number.hpp"
#include "synchronize/lock_body.hpp"

namespace procession::inline v0::synchronize {
namespace {

using heap::Heap;
using heap::owner_in;
using heap::ParticipantId;

struct StandaloneLock {
    LockBody lock;
    Obituary obituary;
};

const char* name_of(const LockBody& body) { return body.is_recursive ? "RLock" : "Lock"; }

void mourn_holder(Heap& heap, heap::Offset object, ParticipantId dead) {
    auto& body = heap::body<LockBody>(heap, object);
    if (owner_in(body.word.value.load()) != dead) return;
    write_obituary(body.obituary(), heap, dead);
    os::futex_wake(body.word.value, INT_MAX);
}

PROCESSION_AT_LOAD void register_mourner() { heap::set_mourner(heap::ObjectType::lock, mourn_holder); }

// Throws if the lock is abandoned; else it went on, and is to be looked at again.
void report_if_abandoned(Heap& heap, LockBody& body) {
    const ParticipantId owner = owner_in(body.word.value.load());
    if (owner == 0 || !heap.is_dead(owner)) return;
    // The others who wait are woken so, and whatever else the dead one had is settled as well.
    bury(heap, owner);
    const auto holder = find_person(heap, body.obituary(), owner);
    if (!holder || owner_in(body.word.value.load()) != owner) return;
    throw OwnerDied(
        fmt::format("{}: its holder, process \"{}\" (pid {}), {} while it held it. What the lock guards "
                    "may be half-written: recover() takes it over, release() frees it.",
                    name_of(body), holder->name, holder->pid, how_it_ended(*holder)),
        holder->pid, holder->name);
}

// This thread holds it now.
inline void take_possession(LockBody& body) {
    if (!body.is_recursive) return;
    body.holder.store(this_thread(), std::memory_order_relaxed);
    body.depth = 1;
}

// @returns who had it
ParticipantId give_up(LockBody& body) {
    const std::uint32_t before = heap::give_up(body.word);
    if (before & heap::waiters_bit) {
        PROCESSION_KILL_POINT("lock.before_wake");
        wake_next(body.word);
    }
    return owner_in(before);
}

// Gives up a lock that is not recursive, if this process holds it.
bool give_up_own(LockBody& body) {
    // Not looked at before: that would fetch the word's cache line twice from whoever tries to take it.
    std::uint32_t mine = Heap::program_self();
    if (body.word.value.compare_exchange_strong(mine, 0, std::memory_order_release)) return true;
    if (owner_in(mine) != Heap::program_self()) return false;
    give_up(body);
    return true;
}

inline bool try_at_once(LockBody& body) {
    std::uint32_t free = 0;
    if (body.word.value.compare_exchange_strong(free, Heap::program_self(), std::memory_order_acquire)) {
        take_possession(body);
        return true;
    }
    if (!body.is_recursive || !is_mine(body)) return false;
    ++body.depth;
    return true;
}

void release_rlock(LockBody& body) {
    if (is_mine(body)) {
        if (--body.depth == 0) give_up_wholly(body);
        return;
    }
    std::uint32_t seen = body.word.value.load();
    if (owner_in(seen) == 0 || !Heap::program().is_dead(owner_in(seen)) ||
        !body.word.value.compare_exchange_strong(seen, 0))
        throw StateError(fmt::format("RLock::release: this thread does not hold it ({})",
                                     owner_in(seen) ? "another does" : "nobody does"));
    wake_next(body.word);
}

}  // namespace

heap::Offset make_lock_object(bool is_recursive) {
    Heap& heap = Heap::program();
    const heap::Offset object = make_object(heap, heap::ObjectType::lock, sizeof(StandaloneLock));
    auto& body = heap::body<StandaloneLock>(heap, object);
    make_lock(body.lock, is_recursive, body.obituary);
    return object;
}

void make_lock(LockBody& body, bool is_recursive, const Obituary& obituary) {
    body.is_recursive = is_recursive;
    body.obituary_at = static_cast<std::uint16_t>(reinterpret_cast<const std::byte*>(&obituary) -
                                                  reinterpret_cast<const std::byte*>(&body));
}

bool acquire(LockBody& body, const os::Deadline& deadline, const std::stop_token& stop) {
    if (try_at_once(body)) return true;
    Heap& heap = Heap::program();
    heap::Operation operation(heap);
    for (;;) {
        switch (take(operation, body.word, deadline, stop)) {
            case heap::Take::taken: take_possession(body); return true;
            case heap::Take::timed_out: return false;
            case heap::Take::stopped:
                throw CancelledError(fmt::format("{}: the wait was stopped", name_of(body)));
            case heap::Take::owner_is_dead: report_if_abandoned(heap, body);
        }
    }
}

std::uint32_t give_up_wholly(LockBody& body) {
    const std::uint32_t depth = body.depth;
    body.holder.store(0, std::memory_order_relaxed);
    give_up(body);
    return depth;
}

void take_again(LockBody& body, std::uint32_t depth) {
    acquire(body, os::Deadline::never());
    if (body.is_recursive) body.depth = depth;
}

bool try_acquire(LockBody& body) {
    if (try_at_once(body)) return true;
    Heap& heap = Heap::program();
    // No system call unless there is reason to.
    const ParticipantId owner = owner_in(body.word.value.load(std::memory_order_relaxed));
    if (owner != 0 && heap.may_be_dead(owner)) report_if_abandoned(heap, body);
    return false;
}

void release(LockBody& body) {
    if (body.is_recursive)
        release_rlock(body);
    else if (give_up(body) == 0)
        throw ValueError("Lock::release: it is not held");
}

void release_own(LockBody& body) {
    if (!body.is_recursive) {
        if (!give_up_own(body))
            throw ValueError("Lock::unlock: this process does not hold it; release() frees another's");
    } else if (is_mine(body)) {
        release_rlock(body);
    } else {
        throw StateError("RLock::unlock: this thread does not hold it; release() frees a dead one's");
    }
}

void recover(LockBody& body) {
    Heap& heap = Heap::program();
    std::uint32_t seen = body.word.value.load();
    // The others are still to be told, and may sleep.
    const std::uint32_t mine = heap.self() | heap::waiters_bit;
    if (owner_in(seen) == 0 || !heap.is_dead(owner_in(seen)) ||
        !body.word.value.compare_exchange_strong(seen, mine, std::memory_order_acquire))
        throw StateError(
            fmt::format("{}::recover: {}. Only a lock whose holder died, which acquire() tells by "
                        "OwnerDied, can be taken over, and by one process only.",
                        name_of(body), owner_in(seen) ? "its holder lives" : "it is free"));
    take_possession(body);
}

std::string to_string(const LockBody& body) {
    const ParticipantId owner = owner_in(body.word.value.load(std::memory_order_relaxed));
    const auto holder = owner ? Heap::program().describe(owner) : std::nullopt;
    return fmt::format("<{}(owner={})>", name_of(body),
                       !holder                ? "None"
                       : holder->name.empty() ? fmt::format("process {}", holder->pid)
                                              : holder->name);
}

}  // namespace procession::inline v0::synchronize

namespace procession::inline v0 {

using synchronize::LockBody;
using synchronize::try_at_once;

namespace {

LockBody& body_of(const detail::Handle& handle) { return *static_cast<LockBody*>(handle.body()); }

void check_kind(heap::Offset object, bool is_recursive) {
    const heap::Heap& heap = heap::Heap::program();
    if (type_of(heap, object) != heap::ObjectType::lock ||
        heap::body<LockBody>(heap, object).is_recursive != is_recursive)
        throw TypeMismatch(fmt::format("{}: this is another kind of object; receive it as that",
                                       is_recursive ? "RLock" : "Lock"));
}

}  // namespace

namespace detail {

LockCore::LockCore(Kind kind)
    : Handle(
          kind == Kind::rlock ? "RLock" : "Lock",
          [=] { return synchronize::make_lock_object(kind == Kind::rlock); },
          [=](std::uint64_t object) { check_kind(object, kind == Kind::rlock); }) {}

LockCore::LockCore(Kind kind, Handle handle) : Handle(std::move(handle)) {
    check_kind(offset(), kind == Kind::rlock);
}

void LockCore::lock() const {
    LockBody& body = body_of(*this);
    if (!try_at_once(body)) synchronize::acquire(body, os::Deadline::never());
}

bool LockCore::try_lock() const { return synchronize::try_acquire(body_of(*this)); }

bool LockCore::acquire_within(Timeout timeout, const std::stop_token& stop) const {
    LockBody& body = body_of(*this);
    return try_at_once(body) || synchronize::acquire(body, os::Deadline::after(timeout), stop);
}

void LockCore::recover() const { synchronize::recover(body_of(*this)); }

std::string LockCore::to_string() const { return synchronize::to_string(body_of(*this)); }

}  // namespace detail

void Lock::release() const { synchronize::release(body_of(*this)); }
void Lock::unlock() const noexcept {
    detail::log_failure([&] { release_own(body_of(*this)); });
}

void RLock::release() const { synchronize::release(body_of(*this)); }
void RLock::unlock() const noexcept {
    detail::log_failure([&] { release_own(body_of(*this)); });
}

}  // namespace procession::inline v0

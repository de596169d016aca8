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
using heap::Person;

struct StandaloneLock {
    LockBody lock;
    Obituary obituary;
};

const char* name_of(const LockBody& body) { return body.is_recursive ? "RLock" : "Lock"; }

void mourn_holder(Heap& heap, heap::Offset object, ParticipantId dead) {
    auto& body = heap::body<LockBody>(heap, object);
    if (owner_in(body.word.value.load()) != dead) return;
    Obituary& obituary = body.obituary();
    if (const auto person = heap.describe(dead)) {
        obituary.who.store(0);
        std::atomic_thread_fence(std::memory_order_release);
        obituary.pid.store(person->pid, std::memory_order_relaxed);
        obituary.exit_code.store(person->exit_code.value_or(-1), std::memory_order_relaxed);
        for (std::size_t i = 0; i <= person->name.size(); ++i)
            obituary.name[i].store(person->name.c_str()[i], std::memory_order_relaxed);
        PROCESSION_KILL_POINT("mourn.holder_written");
        obituary.who.store(dead, std::memory_order_release);
    }
    os::futex_wake(body.word.value, INT_MAX);
}

PROCESSION_AT_LOAD void register_mourner() { heap::set_mourner(heap::ObjectType::lock, mourn_holder); }

// From its slot while that is its own still, else from its obituary. None: the lock went on meanwhile.
std::optional<Person> find_holder(const Heap& heap, LockBody& body, ParticipantId dead) {
    if (const auto person = heap.describe(dead)) return person;
    const Obituary& obituary = body.obituary();
    if (obituary.who.load(std::memory_order_acquire) != dead) return std::nullopt;
    Person person{.pid = obituary.pid.load(std::memory_order_relaxed), .name = {}, .exit_code = {}};
    if (const int code = obituary.exit_code.load(std::memory_order_relaxed); code >= 0)
        person.exit_code = code;
    for (const auto& letter : obituary.name) {
        const char each = letter.load(std::memory_order_relaxed);
        if (each == '\0') break;
        person.name += each;
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (obituary.who.load(std::memory_order_relaxed) != dead) return std::nullopt;
    return person;
}

// Throws if the lock is abandoned; else it went on, and is to be looked at again.
void report_if_abandoned(Heap& heap, LockBody& body) {
    const ParticipantId owner = owner_in(body.word.value.load());
    if (owner == 0 || !heap.is_dead(owner)) return;
    // The others who wait are woken so, and whatever else the dead one had is settled as well.
    bury(heap, owner);
    const auto holder = find_holder(heap, body, owner);
    if (!holder || owner_in(body.word.value.load()) != owner) return;
    throw OwnerDied(
        fmt::format("{}: its holder, process \"{}\" (pid {}), {} while it held it. What the lock guards "
                    "may be half-written: recover() takes it over, release() frees it.",
                    name_of(body), holder->name, holder->pid,
                    holder->exit_code ? fmt::format("ended with exit code {}", *holder->exit_code)
                                      : "was killed"),
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

}  // namespace

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

void give_up_once(LockBody& body) {
    if (--body.depth != 0) return;
    body.holder.store(0, std::memory_order_relaxed);
    give_up(body);
}

void release_lock(LockBody& body) {
    if (give_up(body) == 0) throw ValueError("Lock::release: it is not held");
}

void release_rlock(LockBody& body) {
    if (is_mine(body)) return give_up_once(body);
    std::uint32_t seen = body.word.value.load();
    if (owner_in(seen) == 0 || !Heap::program().is_dead(owner_in(seen)) ||
        !body.word.value.compare_exchange_strong(seen, 0))
        throw StateError(fmt::format("RLock::release: this thread does not hold it ({})",
                                     owner_in(seen) ? "another does" : "nobody does"));
    wake_next(body.word);
}

}  // namespace procession::inline v0::synchronize

namespace procession::inline v0 {

using heap::Heap;
using heap::owner_in;
using synchronize::LockBody;
using synchronize::name_of;
using synchronize::take_possession;
using synchronize::try_at_once;

namespace {

LockBody& body_of(const detail::Handle& handle) { return *static_cast<LockBody*>(handle.body()); }

}  // namespace

// ---------------------------------------------------------------- what both have

namespace detail {
namespace {

std::uint64_t make_lock_object(bool is_recursive) {
    Heap& heap = Heap::program();
    const heap::Offset object =
        make_object(heap, heap::ObjectType::lock, sizeof(synchronize::StandaloneLock));
    auto& body = heap::body<synchronize::StandaloneLock>(heap, object);
    make_lock(body.lock, is_recursive, body.obituary);
    return object;
}

void check_kind(heap::Offset object, bool is_recursive) {
    Heap& heap = Heap::program();
    if (type_of(heap, object) != heap::ObjectType::lock ||
        heap::body<LockBody>(heap, object).is_recursive != is_recursive)
        throw TypeMismatch(fmt::format("{}: this is another kind of object; receive it as that",
                                       is_recursive ? "RLock" : "Lock"));
}

}  // namespace

LockCore::LockCore(Kind kind)
    : Handle(
          kind == Kind::rlock ? "RLock" : "Lock", [=] { return make_lock_object(kind == Kind::rlock); },
          [=](std::uint64_t object) { check_kind(object, kind == Kind::rlock); }) {}

LockCore::LockCore(Kind kind, Handle handle) : Handle(std::move(handle)) {
    check_kind(offset(), kind == Kind::rlock);
}

void LockCore::lock() const {
    LockBody& body = body_of(*this);
    if (!try_at_once(body)) synchronize::acquire(body, os::Deadline::never());
}

bool LockCore::try_lock() const {
    LockBody& body = body_of(*this);
    if (try_at_once(body)) return true;
    Heap& heap = Heap::program();
    // No system call unless there is reason to.
    const heap::ParticipantId owner = owner_in(body.word.value.load(std::memory_order_relaxed));
    if (owner != 0 && heap.may_be_dead(owner)) synchronize::report_if_abandoned(heap, body);
    return false;
}

bool LockCore::acquire_within(Timeout timeout, const std::stop_token& stop) const {
    LockBody& body = body_of(*this);
    return try_at_once(body) || synchronize::acquire(body, os::Deadline::after(timeout), stop);
}

void LockCore::recover() const {
    Heap& heap = Heap::program();
    LockBody& body = body_of(*this);
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

std::string LockCore::to_string() const {
    const LockBody& body = body_of(*this);
    const heap::ParticipantId owner = owner_in(body.word.value.load(std::memory_order_relaxed));
    const auto holder = owner ? Heap::program().describe(owner) : std::nullopt;
    return fmt::format("<{}(owner={})>", name_of(body),
                       !holder                ? "None"
                       : holder->name.empty() ? fmt::format("process {}", holder->pid)
                                              : holder->name);
}

}  // namespace detail

// ---------------------------------------------------------------- what differs

void Lock::release() const { synchronize::release_lock(body_of(*this)); }

void Lock::unlock() const noexcept {
    if (exists() && synchronize::give_up_own(body_of(*this))) return;
    detail::log_error("Lock::unlock: this process does not hold it; release() frees another's as well");
}

void RLock::release() const { synchronize::release_rlock(body_of(*this)); }

void RLock::unlock() const noexcept {
    if (exists() && is_mine(body_of(*this)))
        synchronize::give_up_once(body_of(*this));
    else
        detail::log_error("RLock::unlock: this thread does not hold it; release() frees a dead one's");
}

}  // namespace procession::inline v0

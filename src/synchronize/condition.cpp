// SPDX-License-Identifier: Apache-2.0

// Condition. Each waiter has an entry with a word of its own:
//
// 1. It is entered while the lock is held, and notify() is called with the lock held. So whoever waits
//    before a change is seen by the notify() after it.
// 2. The word is the waiter's ticket until somebody adds the bit `notified`. Both notify() and a waiter that gives
//    up do that by a compare-and-swap: one of them is first, and no notification goes to nobody.
// 3. The entry is freed only when the lock was taken again. So a waiter that dies before took nothing along:
//    its coroner finds it notified and notifies the next. What is repeated there, because a coroner or the
//    waiter was killed in between, ends one wait more than it should, and never one less.
// 4. Whoever dies with the lock held may have been about to notify. So its coroner ends all waits, and so
//    does whoever recovers the lock.

#include <fmt/format.h>
#include <procession/condition.hpp>
#include <procession/error.hpp>

#include <climits>

#include "heap/roster.hpp"
#include "heap/waiting.hpp"
#include "log/log.hpp"
#include "os/at_load.hpp"
#include "os/kill_point.hpp"
#include "synchronize/lock_body.hpp"

namespace procession::inline v0 {
namespace {

using heap::Heap;
using heap::Offset;
using heap::ParticipantId;
using synchronize::LockBody;

// What a waiter's word holds, beside the ticket; 0: it does not wait.
constexpr std::uint32_t notified_bit = 1;
constexpr std::uint32_t ticket_step = 2;
constexpr std::uint32_t ticket_mask = ~(heap::asleep_bit | notified_bit);

struct Waiter {
    std::atomic<ParticipantId> owner;
    std::atomic<std::uint32_t> word;
};

struct ConditionBody {
    Offset lock;  ///< its object, which a block of ours refers to
    std::uint32_t has_own_lock;
    std::atomic<std::uint32_t> last_ticket;
    heap::Roster<Waiter, 24> waiters;
};
static_assert(sizeof(Waiter) == 8 && sizeof(ConditionBody) == 216);

ConditionBody& body_of(const detail::Handle& handle) {
    return *static_cast<ConditionBody*>(handle.body());
}

LockBody& lock_of(const detail::Handle& handle) {
    return heap::body<LockBody>(Heap::program(), body_of(handle).lock);
}

bool is_waiting(std::uint32_t word) { return word != 0 && !(word & notified_bit); }

std::uint32_t next_ticket(ConditionBody& body) {
    for (;;)
        if (const std::uint32_t ticket = (body.last_ticket += ticket_step) & ticket_mask) return ticket;
}

// The living one that has waited longest.
Waiter* find_oldest(const Heap& heap, ConditionBody& body, std::uint32_t& ticket) {
    const std::uint32_t last = body.last_ticket.load();
    Waiter* oldest = nullptr;
    body.waiters.for_each(heap, [&](Waiter& waiter) {
        const std::uint32_t word = waiter.word.load();
        const std::uint32_t its = word & ticket_mask;
        // By age: tickets begin anew some day.
        if (!is_waiting(word) ||
            (oldest && ((last - its) & ticket_mask) < ((last - ticket) & ticket_mask)))
            return;
        const ParticipantId owner = waiter.owner.load();
        if (heap.may_be_dead(owner) && heap.is_dead(owner)) return;
        oldest = &waiter;
        ticket = its;
    });
    return oldest;
}

// @returns false if nobody waits
bool notify_oldest(heap::Operation& operation, ConditionBody& body) {
    std::uint32_t ticket = 0;
    while (Waiter* const oldest = find_oldest(operation.heap(), body, ticket))
        if (heap::give_answer(operation, oldest->word, ticket, ticket | notified_bit)) return true;
    return false;
}

void notify_everybody(heap::Operation& operation, ConditionBody& body) {
    while (notify_oldest(operation, body)) {
    }
}

void set_free(Waiter& waiter) {
    waiter.word.store(0);
    waiter.owner.store(0, std::memory_order_release);
}

void mourn_waiters(Heap& heap, Offset object, ParticipantId dead) {
    auto& body = heap::body<ConditionBody>(heap, object);
    heap::Operation operation(heap);
    // It may have died between a change and its notification: those who wait find the lock abandoned.
    if (heap::owner_in(heap::body<LockBody>(heap, body.lock).word.value.load()) == dead)
        notify_everybody(operation, body);
    body.waiters.for_each(heap, [&](Waiter& waiter) {
        if (waiter.owner.load() != dead) return;
        std::uint32_t word = waiter.word.load() & ~heap::asleep_bit;
        // From here nobody notifies it.
        if (is_waiting(word) && !heap::give_answer(operation, waiter.word, word, 0))
            word |= notified_bit;
        if (word & notified_bit) notify_oldest(operation, body);
        PROCESSION_KILL_POINT("condition.passed_on");
        set_free(waiter);
    });
}

PROCESSION_AT_LOAD void register_mourner() {
    heap::set_mourner(heap::ObjectType::condition, mourn_waiters);
}

// A waiter's entry, from before the lock is given up until it was taken again.
class Place {
  public:
    Place(Heap& heap, Offset object, ConditionBody& body)
        : waiter_(body.waiters.claim(heap, object, heap.self())), ticket_(next_ticket(body)) {
        waiter_.word.store(ticket_);
    }
    ~Place() { set_free(waiter_); }
    Place(Place&&) = delete;

    template <class Look>
    heap::Waited wait(Look look, const os::Deadline& deadline, const std::stop_token& stop) {
        return heap::wait_for_answer(waiter_.word, ticket_, look, deadline, stop);
    }
    /// Waits no longer. @returns false if it was notified
    bool give_up() {
        std::uint32_t waiting = ticket_;
        return waiter_.word.compare_exchange_strong(waiting, 0);
    }

  private:
    Waiter& waiter_;
    std::uint32_t ticket_;
};

Offset make_condition(const detail::LockCore* lock) {
    Heap& heap = Heap::program();
    const auto own =
        lock ? std::nullopt : std::optional(detail::Handle::adopt(synchronize::make_lock_object(true)));
    const Offset lock_object = lock ? lock->offset() : own->offset();
    const Offset object = make_object(heap, heap::ObjectType::condition, sizeof(ConditionBody));
    auto& body = heap::body<ConditionBody>(heap, object);
    body.lock = lock_object;
    body.has_own_lock = own.has_value();
    try {
        give(heap, make_message(heap, 0, std::span(&lock_object, 1), heap::Use::control), object);
    } catch (...) {
        drop(heap, object, heap.self());
        throw;
    }
    return object;
}

void check_type(Offset object) {
    if (type_of(Heap::program(), object) != heap::ObjectType::condition)
        throw TypeMismatch("Condition: this is another kind of object; receive it as that");
}

void check_lock(Offset object, const detail::LockCore* lock) {
    check_type(object);
    const auto& body = heap::body<ConditionBody>(Heap::program(), object);
    if (lock ? body.lock != lock->offset() : !body.has_own_lock)
        throw ValueError(
            "Condition: with static storage it is one condition for the program, which was made with "
            "another lock. Construct it with the same arguments in every process.");
}

void check_held(const LockBody& lock, const char* what) {
    if (is_mine(lock)) return;
    throw StateError(fmt::format(
        "Condition::{}: this {} does not hold its lock; acquire() it first, and keep it until then",
        what, lock.is_recursive ? "thread" : "process"));
}

// @returns whether it was notified
bool wait_until(const Condition& condition, const os::Deadline& deadline, const std::stop_token& stop) {
    Heap& heap = Heap::program();
    ConditionBody& body = body_of(condition);
    LockBody& lock = lock_of(condition);
    check_held(lock, "wait");
    Place place(heap, condition.offset(), body);
    PROCESSION_KILL_POINT("condition.entered");
    const std::uint32_t depth = give_up_wholly(lock);
    PROCESSION_KILL_POINT("condition.released");
    // Whom we wait for may have died: one that was notified before us, or with the lock.
    const auto look = [&] {
        body.waiters.bury_dead(heap);
        const ParticipantId holder = heap::owner_in(lock.word.value.load(std::memory_order_relaxed));
        if (holder && heap.may_be_dead(holder)) bury(heap, holder);
    };
    const auto waited = place.wait(look, deadline, stop);
    const bool notified = waited == heap::Waited::ready || !place.give_up();
    PROCESSION_KILL_POINT("condition.wait_ended");
    take_again(lock, depth);
    PROCESSION_KILL_POINT("condition.lock_taken");
    if (!notified && waited == heap::Waited::stopped)
        throw CancelledError("Condition::wait: the wait was stopped");
    return notified;
}

}  // namespace

Condition::Condition(const detail::LockCore* lock)
    : Handle(
          "Condition", [=] { return make_condition(lock); },
          [=](Offset object) { check_lock(object, lock); }) {}

Condition::Condition(detail::Handle handle) : Handle(handle) { check_type(offset()); }

// ---------------------------------------------------------------- the lock

void Condition::lock() const { synchronize::acquire(lock_of(*this), os::Deadline::never()); }
bool Condition::try_lock() const { return synchronize::try_acquire(lock_of(*this)); }
void Condition::unlock() const noexcept {
    detail::log_failure([&] { release_own(lock_of(*this)); });
}
void Condition::release() const { synchronize::release(lock_of(*this)); }
void Condition::recover() const {
    synchronize::recover(lock_of(*this));
    notify_all();
}

bool Condition::acquire_within(Timeout timeout, const std::stop_token& stop) const {
    return synchronize::acquire(lock_of(*this), os::Deadline::after(timeout), stop);
}

// ---------------------------------------------------------------- waiting and notifying

bool Condition::wait_within(Timeout timeout, const std::stop_token& stop) const {
    return wait_until(*this, os::Deadline::after(timeout), stop);
}

bool Condition::wait_until_true(const std::function<bool()>& predicate, Timeout timeout,
                                const std::stop_token& stop) const {
    const auto deadline = os::Deadline::after(timeout);
    for (;;) {
        if (predicate()) return true;
        if (!wait_until(*this, deadline, stop)) return predicate();
    }
}

void Condition::notify(int n) const {
    check_held(lock_of(*this), "notify");
    heap::Operation operation(Heap::program());
    ConditionBody& body = body_of(*this);
    while (n-- > 0 && notify_oldest(operation, body)) {
    }
}

void Condition::notify_all() const { notify(INT_MAX); }

std::string Condition::to_string() const {
    int waiting = 0;
    body_of(*this).waiters.for_each(Heap::program(), [&](const Waiter& waiter) {
        waiting += is_waiting(waiter.word.load(std::memory_order_relaxed));
    });
    return fmt::format("<Condition({}, {})>", synchronize::to_string(lock_of(*this)), waiting);
}

}  // namespace procession::inline v0

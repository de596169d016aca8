// SPDX-License-Identifier: Apache-2.0

// Semaphore and BoundedSemaphore.
//
// 1. `value` is how many permits are free. With Permits::stay there is nothing else to it.
// 2. Where permits come back, a ledger says who holds how many, under a short owner-aware lock. What it
//    says is the truth: value = total - the sum of all holdings, and whoever takes the lock over from a
//    dead one computes it anew. So each change has one store that commits it, in a holding or the total.
//    A release out of several holdings has one for each: killed between, it has released a part.
// 3. An acquire writes its holding before the value, a release too: a killed acquirer has its permit
//    noted, to come back, and never is more free than there is.
// 4. What a process held that ended by itself is written over to `the_ended`, who is nobody.
// 5. A living process keeps its entry also when it holds nothing. So only a burial leaves an entry to
//    clear, and settle() does that.

#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/semaphore.hpp>

#include <algorithm>
#include <cstddef>

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "heap/roster.hpp"
#include "log/log.hpp"
#include "os/at_load.hpp"
#include "synchronize/wake.hpp"

namespace procession::inline v0 {
namespace {

using detail::SemaphoreKind;
using heap::Heap;
using heap::Offset;
using heap::ParticipantId;

// Slot 0 is no participant's.
constexpr ParticipantId the_ended = 1u << heap::slot_bits;

struct Holding {
    std::atomic<ParticipantId> owner;
    std::atomic<std::uint32_t> count;
};

struct SemaphoreBody {
    std::atomic<std::uint32_t> value;
    heap::WaitPoint released;
    std::uint32_t initial;
    SemaphoreKind kind;
    heap::LockWord ledger_lock;
    std::atomic<std::uint32_t> total;  ///< free and held: what there was at first, and what was added
    heap::Roster<Holding, 8> ledger;
};
static_assert(sizeof(Holding) == 8 && sizeof(SemaphoreBody) == 104);

SemaphoreBody& body_of(const detail::Handle& handle) {
    return *static_cast<SemaphoreBody*>(handle.body());
}

const char* name_of(SemaphoreKind kind) {
    return kind == SemaphoreKind::bounded ? "BoundedSemaphore" : "Semaphore";
}

[[noreturn]] void throw_too_many(const SemaphoreBody& body, std::uint32_t value, std::uint32_t n) {
    throw ValueError(fmt::format(
        "{}(value={})::release({}): more permits would be free than {}. Release only what was acquired.",
        name_of(body.kind), value, n,
        body.kind == SemaphoreKind::bounded ? fmt::format("the {} that there are", body.initial)
                                            : fmt::format("INT_MAX ({})", INT_MAX)));
}

// ---------------------------------------------------------------- a mere count

bool take_one(std::atomic<std::uint32_t>& value) {
    std::uint32_t seen = value.load(std::memory_order_relaxed);
    while (seen > 0)
        if (value.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire)) return true;
    return false;
}

void add(SemaphoreBody& body, std::uint32_t n) {
    std::uint32_t seen = body.value.load(std::memory_order_relaxed);
    do {
        if (n > INT_MAX - seen) throw_too_many(body, seen, n);
    } while (!body.value.compare_exchange_weak(seen, seen + n));
}

// ---------------------------------------------------------------- with a ledger

// Those who wait are woken here: whoever changed the ledger may be dead.
void settle(const Heap& heap, SemaphoreBody& body) {
    std::uint32_t held = 0;
    body.ledger.for_each(heap, [&](Holding& each) {
        held += each.count.load();
        if (each.count.load() == 0 && each.owner.load() == the_ended) each.owner.store(0);
    });
    body.value.store(body.total.load() - held);
    PROCESSION_KILL_POINT("semaphore.settled");
    notify_all(body.released);
}

void recover(Heap& heap, Offset lock) {
    settle(heap, *heap.at<SemaphoreBody>(lock - offsetof(SemaphoreBody, ledger_lock)));
}

Holding* find_holding(const Heap& heap, SemaphoreBody& body, ParticipantId owner) {
    return body.ledger.find(heap, [=](const Holding& each) { return each.owner.load() == owner; });
}

bool take_noted(heap::Operation& operation, SemaphoreBody& body, Offset object) {
    if (body.value.load(std::memory_order_relaxed) == 0) return false;
    Heap& heap = operation.heap();
    const heap::Guard guard(operation, body.ledger_lock, heap::Recovery::semaphore);
    const std::uint32_t value = body.value.load();
    if (value == 0) return false;
    Holding* holding = find_holding(heap, body, operation.self());
    if (!holding) holding = &body.ledger.claim(heap, object, operation.self());
    PROCESSION_KILL_POINT("semaphore.claimed");
    holding->count.store(holding->count.load() + 1);
    PROCESSION_KILL_POINT("semaphore.noted");
    body.value.store(value - 1);
    PROCESSION_KILL_POINT("semaphore.taken");
    return true;
}

// Takes up to `n` permits out of the holdings of those whom `whose` is true of. @returns the rest
template <class Whose>
std::uint32_t take_from(const Heap& heap, SemaphoreBody& body, std::uint32_t n, Whose whose) {
    body.ledger.find(heap, [&](Holding& each) {
        const ParticipantId owner = each.owner.load();
        const std::uint32_t count = each.count.load(), taken = std::min(n, count);
        if (taken == 0 || !whose(owner)) return n == 0;
        each.count.store(count - taken);
        PROCESSION_KILL_POINT("semaphore.given_back");
        n -= taken;
        return n == 0;
    });
    return n;
}

void give_back(heap::Operation& operation, SemaphoreBody& body, std::uint32_t n) {
    const Heap& heap = operation.heap();
    const heap::Guard guard(operation, body.ledger_lock, heap::Recovery::semaphore);
    const std::uint32_t value = body.value.load();
    if (n > INT_MAX - value || (body.kind == SemaphoreKind::bounded && n > body.total.load() - value))
        throw_too_many(body, value, n);
    std::uint32_t rest = n;
    rest = take_from(heap, body, rest, [&](ParticipantId owner) { return owner == operation.self(); });
    rest = take_from(heap, body, rest, [](ParticipantId owner) { return owner == the_ended; });
    rest = take_from(heap, body, rest, [](ParticipantId) { return true; });
    body.total.store(body.total.load() + rest);
    PROCESSION_KILL_POINT("semaphore.all_given_back");
    body.value.store(value + n);
    PROCESSION_KILL_POINT("semaphore.released");
}

// Each step may be repeated: what is left to be done is in the entry.
void mourn(Heap& heap, Offset object, ParticipantId dead) {
    auto& body = heap::body<SemaphoreBody>(heap, object);
    // Its own threads alone could add an entry, so that there is none is for good.
    Holding* const holding = find_holding(heap, body, dead);
    if (!holding) return;
    heap::Operation operation(heap);
    const heap::Guard guard(operation, body.ledger_lock, heap::Recovery::semaphore);
    const std::uint32_t count = holding->count.load(), value = body.value.load();
    const auto person = heap.describe(dead);
    const bool was_killed = person && !person->exit_code;
    const std::uint32_t room = body.initial > value ? body.initial - value : 0;
    const std::uint32_t staying = was_killed ? count - std::min(count, room) : count;
    holding->count.store(staying);
    PROCESSION_KILL_POINT("semaphore.mourned");
    holding->owner.store(the_ended);
    PROCESSION_KILL_POINT("semaphore.written_over");
    settle(heap, body);
}

// Where nobody reaps it, a holder's death is seen by those who lack its permit. No system call unless
// there is reason to.
bool buries_dead_holders(Heap& heap, SemaphoreBody& body) {
    bool any = false;
    body.ledger.for_each(heap, [&](const Holding& each) {
        const ParticipantId owner = each.owner.load(std::memory_order_relaxed);
        if (owner == 0 || owner == the_ended || !heap.may_be_dead(owner)) return;
        bury(heap, owner);
        any = true;
    });
    return any;
}

PROCESSION_AT_LOAD void register_with_the_coroner() {
    heap::set_mourner(heap::ObjectType::semaphore, mourn);
    heap::set_recovery(heap::Recovery::semaphore, recover);
}

// ---------------------------------------------------------------- both

bool take(heap::Operation& operation, SemaphoreBody& body, Offset object) {
    if (body.kind == SemaphoreKind::signal) return take_one(body.value);
    return take_noted(operation, body, object) ||
           (buries_dead_holders(operation.heap(), body) && take_noted(operation, body, object));
}

SemaphoreBody& check_type(Offset object, SemaphoreKind kind) {
    Heap& heap = Heap::program();
    auto& body = heap::body<SemaphoreBody>(heap, object);
    if (type_of(heap, object) != heap::ObjectType::semaphore ||
        (kind == SemaphoreKind::bounded && body.kind != kind))
        throw TypeMismatch(
            fmt::format("{}: this is another kind of object; receive it as that", name_of(kind)));
    return body;
}

Offset make_semaphore(SemaphoreKind kind, int value) {
    if (value < 0)
        throw ValueError(
            fmt::format("{}({}): a semaphore begins with 0 permits or more", name_of(kind), value));
    Heap& heap = Heap::program();
    const Offset object = make_object(heap, heap::ObjectType::semaphore, sizeof(SemaphoreBody));
    auto& body = heap::body<SemaphoreBody>(heap, object);
    body.initial = static_cast<std::uint32_t>(value);
    body.kind = kind;
    body.total.store(body.initial);
    body.value.store(body.initial);
    return object;
}

}  // namespace

Semaphore::Semaphore(SemaphoreKind kind, int value)
    : Handle(
          name_of(kind), [=] { return make_semaphore(kind, value); },
          [=](Offset object) {
              const SemaphoreBody& body = check_type(object, kind);
              if (body.kind != kind || body.initial != static_cast<std::uint32_t>(value))
                  throw ValueError(fmt::format(
                      "{0}({1}): with static storage it is one semaphore for the program, which was "
                      "made as {2}({3}){4}. Construct it with the same arguments in every process.",
                      name_of(kind), value, name_of(body.kind), body.initial,
                      body.kind == SemaphoreKind::limit ? " whose permits come back" : ""));
          }) {}

Semaphore::Semaphore(detail::Handle handle) : Handle(std::move(handle)) {
    check_type(offset(), SemaphoreKind::signal);
}

BoundedSemaphore::BoundedSemaphore(detail::Handle handle) : Semaphore(std::move(handle)) {
    check_type(offset(), SemaphoreKind::bounded);
}

bool Semaphore::try_acquire() const {
    SemaphoreBody& body = body_of(*this);
    if (body.kind == SemaphoreKind::signal) return take_one(body.value);
    heap::Operation operation(Heap::program());
    return take(operation, body, offset());
}

bool Semaphore::acquire_within(Timeout timeout, const std::stop_token& stop) const {
    SemaphoreBody& body = body_of(*this);
    if (body.kind == SemaphoreKind::signal && take_one(body.value)) return true;
    heap::Operation operation(Heap::program());
    const auto ready = [&, object = offset()] { return take(operation, body, object); };
    const auto waited = heap::wait(operation, body.released, ready, os::Deadline::after(timeout), stop);
    if (waited == heap::Waited::stopped)
        throw CancelledError(fmt::format("{}: the wait was stopped", name_of(body.kind)));
    return waited == heap::Waited::ready;
}

void Semaphore::release(int n) const {
    SemaphoreBody& body = body_of(*this);
    if (n < 1)
        throw ValueError(
            fmt::format("{}::release({}): at least 1 permit is released", name_of(body.kind), n));
    const auto permits = static_cast<std::uint32_t>(n);
    if (body.kind == SemaphoreKind::signal) {
        synchronize::change_and_notify(body.released, n, [&] { add(body, permits); });
        return;
    }
    heap::Operation operation(Heap::program());
    operation.owes(body.released);
    give_back(operation, body, permits);
    PROCESSION_KILL_POINT("semaphore.before_wake");
    notify(body.released, n);
}

int Semaphore::get_value() const {
    return static_cast<int>(body_of(*this).value.load(std::memory_order_relaxed));
}

void Semaphore::unlock() const noexcept {
    detail::log_failure([this] { release(); });
}

std::string Semaphore::to_string() const {
    const SemaphoreBody& body = body_of(*this);
    return body.kind == SemaphoreKind::bounded
               ? fmt::format("<BoundedSemaphore(value={}, maxvalue={})>", get_value(), body.initial)
               : fmt::format("<Semaphore(value={})>", get_value());
}

}  // namespace procession::inline v0

// SPDX-License-Identifier: Apache-2.0

// Barrier. Parties come one after another, under a lock:
//
// 1. `state` is the number of the cycle, and how the one before it ended. One store of it ends a cycle:
//    everybody who came in it has that verdict.
// 2. Each of them has an entry with a word of its own, where the verdict is then written. It stays there
//    until it is read, however many cycles have passed by then.
// 3. Who dies holding the lock leaves a state, and perhaps verdicts that are not written yet: those are
//    written by whoever takes the lock over.
// 4. The action runs without the lock. All have come then, so nobody else can come in this cycle.
// 5. Nobody is buried by who holds the lock: his coroner takes it.

#include <fmt/format.h>
#include <procession/barrier.hpp>
#include <procession/error.hpp>

#include <algorithm>
#include <optional>

#include "heap/lock.hpp"
#include "heap/roster.hpp"
#include "heap/waiting.hpp"
#include "os/at_load.hpp"
#include "os/kill_point.hpp"
#include "synchronize/obituary.hpp"

namespace procession::inline v0 {
namespace {

using heap::Heap;
using heap::Offset;
using heap::ParticipantId;
using synchronize::Obituary;

/// How a cycle ended. After those from `aborted` on the barrier is broken.
enum class Verdict : std::uint32_t {
    released,
    reset,
    aborted,
    timed_out,
    stopped,
    action_failed,
    party_died,
    party_did_not_begin
};

/// The number of a cycle, and how the one before it ended.
struct State {
    static constexpr std::uint32_t verdict_bits = 3;
    std::uint32_t value;

    Verdict verdict() const { return static_cast<Verdict>(value & ((1u << verdict_bits) - 1)); }
    std::uint32_t cycle() const { return value >> verdict_bits; }
    bool is_broken() const { return verdict() >= Verdict::aborted; }
    State next(Verdict verdict) const {
        return {(cycle() + 1) << verdict_bits | static_cast<std::uint32_t>(verdict)};
    }
};

// What a waiter's word holds; 0: it has not come.
constexpr std::uint32_t waiting = 1;
constexpr std::uint32_t first_verdict = 2;

struct Waiter {
    std::atomic<ParticipantId> owner;
    std::atomic<std::uint32_t> word;
    std::atomic<std::uint32_t> cycle;
    std::atomic<ParticipantId> dead;  ///< of whom the verdict tells
};

struct Party {
    std::atomic<ParticipantId> owner;
};

struct BarrierBody {
    heap::LockWord lock;
    std::int32_t parties;
    std::int64_t limit;  ///< in nanoseconds; -1: none
    Offset action;       ///< the message that it is in; 0: none
    std::atomic<std::uint32_t> state;
    std::atomic<ParticipantId> dead;  ///< whose death the verdict `party_died` tells of
    heap::WaitPoint turned;           ///< a cycle ended
    heap::Roster<Waiter, 16> waiters;
    heap::Roster<Party, 16> members;
    Obituary obituary;

    State now() const { return {state.load(std::memory_order_acquire)}; }
};
static_assert(sizeof(Waiter) == 16 && sizeof(Party) == 4);

BarrierBody& body_of(const detail::Handle& handle) { return *static_cast<BarrierBody*>(handle.body()); }

bool waits_in(const Waiter& waiter, State state) {
    return heap::is_unanswered(waiter.word, waiting) && waiter.cycle.load() == state.cycle();
}

int count_waiting(const Heap& heap, BarrierBody& body) {
    int count = 0;
    const State state = body.now();
    body.waiters.for_each(heap, [&](const Waiter& waiter) { count += waits_in(waiter, state); });
    return count;
}

// ---------------------------------------------------------------- under the lock

void write_verdicts(heap::Operation& operation, BarrierBody& body) {
    const State state = body.now();
    body.waiters.for_each(operation.heap(), [&](Waiter& waiter) {
        if (!heap::is_unanswered(waiter.word, waiting) || waits_in(waiter, state)) return;
        waiter.dead.store(body.dead.load());
        heap::give_answer(operation, waiter.word, waiting,
                          first_verdict + static_cast<std::uint32_t>(state.verdict()));
    });
    operation.owes(body.turned);
    notify_all(body.turned);
    operation.settled();
}

void end_cycle(heap::Operation& operation, BarrierBody& body, Verdict verdict) {
    body.state.store(body.now().next(verdict).value, std::memory_order_release);
    PROCESSION_KILL_POINT("barrier.cycle_ended");
    write_verdicts(operation, body);
    PROCESSION_KILL_POINT("barrier.verdicts_written");
}

void break_unless_broken(heap::Operation& operation, BarrierBody& body, Verdict verdict) {
    if (!body.now().is_broken()) end_cycle(operation, body, verdict);
}

void recover_barrier(Heap& heap, Offset lock) {
    heap::Operation operation(heap);
    write_verdicts(operation, *heap.at<BarrierBody>(lock));
}

/// Does something to a barrier under its lock.
template <class Action>
void locked(BarrierBody& body, Action action) {
    heap::Operation operation(Heap::program());
    const heap::Guard guard(operation, body.lock, heap::Recovery::barrier);
    action(operation);
}

// ---------------------------------------------------------------- parties

void join(Heap& heap, Offset object) {
    auto& members = heap::body<BarrierBody>(heap, object).members;
    const ParticipantId self = heap.self();
    if (!members.find(heap, [&](const Party& party) { return party.owner.load() == self; }))
        members.claim(heap, object, self);
    PROCESSION_KILL_POINT("barrier.joined");
}

void set_free(Waiter& waiter) {
    waiter.word.store(0);
    waiter.owner.store(0, std::memory_order_release);
}

void mourn_party(Heap& heap, Offset object, ParticipantId dead) {
    auto& body = heap::body<BarrierBody>(heap, object);
    const auto is_its = [&](const auto& entry) { return entry.owner.load() == dead; };
    const bool was_party = body.members.find(heap, is_its);
    if (!was_party && !body.waiters.find(heap, is_its)) return;
    heap::Operation operation(heap);
    const heap::Guard guard(operation, body.lock, heap::Recovery::barrier);
    const State state = body.now();
    const bool waited = body.waiters.find(
        heap, [&](const Waiter& waiter) { return is_its(waiter) && waits_in(waiter, state); });
    const auto person = heap.describe(dead);
    const bool failed = !person || person->exit_code != 0;
    if (was_party && (failed || waited) && !state.is_broken()) {
        write_obituary(body.obituary, heap, dead);
        body.dead.store(dead);
        end_cycle(operation, body, Verdict::party_died);
    }
    PROCESSION_KILL_POINT("barrier.mourned");
    body.waiters.for_each(heap, [&](Waiter& waiter) {
        if (is_its(waiter)) set_free(waiter);
    });
    body.members.for_each(heap, [&](Party& party) {
        if (is_its(party)) party.owner.store(0);
    });
}

PROCESSION_AT_LOAD void register_hooks() {
    heap::set_recovery(heap::Recovery::barrier, recover_barrier);
    heap::set_mourner(heap::ObjectType::barrier, mourn_party);
    heap::set_on_given(heap::ObjectType::barrier, [](Heap& heap, Offset object, bool begun) {
        if (begun) return join(heap, object);
        auto& body = heap::body<BarrierBody>(heap, object);
        locked(body, [&](heap::Operation& operation) {
            break_unless_broken(operation, body, Verdict::party_did_not_begin);
        });
    });
}

// ---------------------------------------------------------------- waiting

std::string reason_of(Verdict verdict, const BarrierBody& body, ParticipantId dead) {
    switch (verdict) {
        case Verdict::aborted: return "abort() was called";
        case Verdict::timed_out: return "a wait for the others ran out of time";
        case Verdict::stopped: return "a wait was stopped by its stop token";
        case Verdict::party_did_not_begin: return "a process that was given it ended as it began";
        case Verdict::action_failed: return "its action threw an exception";
        default: break;
    }
    if (const auto person = find_person(Heap::program(), body.obituary, dead))
        return fmt::format("process \"{}\" (pid {}), one of its parties, {}", person->name, person->pid,
                           synchronize::how_it_ended(*person));
    return "one of its parties died";
}

[[noreturn]] void throw_verdict(Verdict verdict, const BarrierBody& body, ParticipantId dead) {
    if (verdict == Verdict::reset)
        throw BrokenBarrierError(
            fmt::format("Barrier({} parties): reset() was called meanwhile. The next wait() is of a new "
                        "cycle.",
                        body.parties));
    throw BrokenBarrierError(
        fmt::format("Barrier({} parties): it is broken: {}. reset() makes it usable again.",
                    body.parties, reason_of(verdict, body, dead)));
}

/// One that comes: its entry, until it has read its verdict.
class Arrival {
  public:
    Arrival(const detail::Handle& barrier, const os::Deadline& deadline, const std::stop_token& stop)
        : body_(body_of(barrier)),
          deadline_(deadline),
          stop_(stop),
          waiter_(body_.waiters.claim(heap_, barrier.offset(), heap_.self())) {}
    ~Arrival() { set_free(waiter_); }
    Arrival(Arrival&&) = delete;

    /// Takes its place in a cycle. @returns as the how-manieth; the last one is to call finish()
    int come() {
        for (;;) {
            int before = 0;
            State state{};
            ParticipantId dead = 0;
            locked(body_, [&](heap::Operation& operation) {
                state = body_.now();
                dead = body_.dead.load();
                before = count_waiting(heap_, body_);
                if (state.is_broken() || before == body_.parties) return;
                waiter_.cycle.store(state.cycle());
                waiter_.word.store(waiting);
                PROCESSION_KILL_POINT("barrier.came");
                if (is_last(before) && !body_.action) end_cycle(operation, body_, Verdict::released);
            });
            if (state.is_broken()) throw_verdict(state.verdict(), body_, dead);
            if (before < body_.parties) return before;
            await_turn(state);
        }
    }
    bool is_last(int index) const { return index == body_.parties - 1; }

    void run_action() {
        try {
            PROCESSION_KILL_POINT("barrier.action_begins");
            NativeReader reader(message_bytes(heap_, body_.action));
            detail::load_value<Function<void()>>(reader)();
            PROCESSION_KILL_POINT("barrier.action_ended");
        } catch (...) {
            end_own_cycle(Verdict::action_failed);
            throw;
        }
        end_own_cycle(Verdict::released);
    }

    void await_verdict() {
        const auto waited = heap::wait_for_answer(
            waiter_.word, waiting, [&] { body_.members.bury_dead(heap_); }, deadline_, stop_);
        PROCESSION_KILL_POINT("barrier.wait_ended");
        if (waited != heap::Waited::ready && end_own_cycle(verdict_of(waited))) throw_if_stopped(waited);
        const auto verdict = static_cast<Verdict>(waiter_.word.load() - first_verdict);
        if (verdict != Verdict::released) throw_verdict(verdict, body_, waiter_.dead.load());
    }

  private:
    static Verdict verdict_of(heap::Waited waited) {
        return waited == heap::Waited::stopped ? Verdict::stopped : Verdict::timed_out;
    }
    static void throw_if_stopped(heap::Waited waited) {
        if (waited == heap::Waited::stopped)
            throw CancelledError("Barrier::wait: the wait was stopped; the barrier is broken");
    }

    /// @returns false if it had ended already
    bool end_own_cycle(Verdict verdict) {
        bool ended = false;
        locked(body_, [&](heap::Operation& operation) {
            if ((ended = heap::is_unanswered(waiter_.word, waiting)))
                end_cycle(operation, body_, verdict);
        });
        return ended;
    }

    // All have come, and the action of their cycle runs.
    void await_turn(State state) {
        heap::Waited waited;
        {
            heap::Operation operation(heap_);
            waited = wait(
                operation, body_.turned, [&] { return body_.now().value != state.value; }, deadline_,
                stop_);
        }
        if (waited == heap::Waited::ready) return;
        locked(body_, [&](heap::Operation& operation) {
            break_unless_broken(operation, body_, verdict_of(waited));
        });
        throw_if_stopped(waited);
    }

    Heap& heap_ = Heap::program();
    BarrierBody& body_;
    const os::Deadline& deadline_;
    const std::stop_token& stop_;
    Waiter& waiter_;
};

// ---------------------------------------------------------------- making one

std::int64_t to_number(const Timeout& limit) { return limit ? limit->count() : -1; }

Offset make_barrier(int parties, const detail::Buffer& action, const Timeout& limit) {
    Heap& heap = Heap::program();
    const Offset object = make_object(heap, heap::ObjectType::barrier, sizeof(BarrierBody));
    auto& body = heap::body<BarrierBody>(heap, object);
    body.parties = parties;
    body.limit = to_number(limit);
    if (action.bytes().empty()) return object;
    try {
        const Offset message =
            make_message(heap, action.bytes().size(), action.references(), heap::Use::control);
        std::ranges::copy(action.bytes(), message_bytes(heap, message).begin());
        give(heap, body.action = message, object);
    } catch (...) {
        drop(heap, object, heap.self());
        throw;
    }
    return object;
}

void check_type(Offset object) {
    if (type_of(Heap::program(), object) != heap::ObjectType::barrier)
        throw TypeMismatch("Barrier: this is another kind of object; receive it as that");
}

void check_same(Offset object, int parties, const detail::Buffer& action, const Timeout& limit) {
    check_type(object);
    const Heap& heap = Heap::program();
    const auto& body = heap::body<BarrierBody>(heap, object);
    const auto made_with = body.action ? message_bytes(heap, body.action) : std::span<std::byte>();
    if (body.parties != parties || body.limit != to_number(limit) ||
        !std::ranges::equal(made_with, action.bytes()))
        throw ValueError(fmt::format(
            "Barrier({} parties): with static storage it is one barrier for the program, which was made "
            "with {} parties, or another action or limit. Construct it with the same arguments in every "
            "process.",
            parties, body.parties));
}

int checked_parties(int parties) {
    if (parties < 1)
        throw ValueError(fmt::format("Barrier: {} parties; it needs one at least", parties));
    return parties;
}

/// An action as it is sent; nothing if there is none.
struct Written {
    explicit Written(const Function<void()>& action) {
        if (!action) return;
        NativeWriter writer(buffer);
        detail::save_value(writer, action);
    }
    detail::Buffer buffer;
};

}  // namespace

Barrier::Barrier(int parties, Function<void()> action, Timeout limit)
    : Handle(
          "Barrier",
          [&] { return make_barrier(checked_parties(parties), Written(action).buffer, limit); },
          [&](Offset object) { check_same(object, parties, Written(action).buffer, limit); }) {}

Barrier::Barrier(detail::Handle handle) : Handle(handle) { check_type(offset()); }

int Barrier::wait_within(Timeout timeout, const std::stop_token& stop) const {
    Heap& heap = Heap::program();
    BarrierBody& body = body_of(*this);
    if (!timeout && body.limit >= 0) timeout = std::chrono::nanoseconds(body.limit);
    const auto deadline = os::Deadline::after(timeout);
    body.members.bury_dead(heap);
    join(heap, offset());
    Arrival arrival(*this, deadline, stop);
    const int index = arrival.come();
    if (body.action && arrival.is_last(index)) arrival.run_action();
    arrival.await_verdict();
    return index;
}

void Barrier::reset() const {
    Heap& heap = Heap::program();
    BarrierBody& body = body_of(*this);
    locked(body, [&](heap::Operation& operation) {
        body.members.for_each(heap, [&](Party& party) {
            ParticipantId owner = party.owner.load();
            // Its coroner may come later, and finds no party of that name.
            if (owner && heap.may_be_dead(owner) && heap.is_dead(owner)) party.owner.store(0);
        });
        end_cycle(operation, body, Verdict::reset);
    });
}

void Barrier::abort() const {
    BarrierBody& body = body_of(*this);
    locked(body,
           [&](heap::Operation& operation) { break_unless_broken(operation, body, Verdict::aborted); });
}

int Barrier::parties() const { return body_of(*this).parties; }

int Barrier::n_waiting() const {
    body_of(*this).members.bury_dead(Heap::program());
    return count_waiting(Heap::program(), body_of(*this));
}

bool Barrier::broken() const {
    body_of(*this).members.bury_dead(Heap::program());
    return body_of(*this).now().is_broken();
}

std::string Barrier::to_string() const {
    return broken() ? "<Barrier(broken)>"
                    : fmt::format("<Barrier(waiters={}/{})>", n_waiting(), parties());
}

}  // namespace procession::inline v0

// SPDX-License-Identifier: Apache-2.0
#include "pool/claims.hpp"

#include <algorithm>

#include "os/kill_point.hpp"

namespace procession::inline v0::pool {
namespace {

using heap::Heap;
using heap::Offset;

// So often what is least urgent comes first: nothing waits for ever.
constexpr std::uint32_t turns_between = 16;

// What was intended is true from now on. Does no harm when repeated.
void settle(Seat& seat) {
    const Intention& intention = seat.intention;
    seat.claim.record = intention.record;
    seat.claim.first = intention.first;
    seat.range.store(Range{intention.first, intention.end}.word(), std::memory_order_relaxed);
    seat.claim.number = intention.number;
    PROCESSION_KILL_POINT("claim.noted");
    seat.intention.kind.store(Intention::none, std::memory_order_release);
    PROCESSION_KILL_POINT("claim.settled");
}

void intend(Seat& seat, Intention::Kind kind, Offset record, std::uint32_t first, std::uint32_t end) {
    Intention& intention = seat.intention;
    intention.number = seat.claim.number + 1;
    intention.record = record;
    intention.first = first;
    intention.end = end;
    intention.kind.store(kind, std::memory_order_release);
    PROCESSION_KILL_POINT("claim.intended");
}

bool came_true(const Heap& heap, const PoolBody& body, const Intention& intention) {
    if (intention.kind.load() == Intention::take)
        return heap.at<TaskRecord>(intention.record)->next.load() == intention.end;
    const Seat& victim = body.seat(heap, intention.victim);
    return victim.claim.number == intention.victims_number &&
           Range::of(victim.range.load()).end == intention.first;
}

}  // namespace

TaskRecord* first_untaken(const Heap& heap, TaskList& list) {
    for (;;) {
        const Offset at = list.head.load(std::memory_order_relaxed);
        auto* const task = heap.at<TaskRecord>(at);
        const std::uint32_t length = task->length.load(std::memory_order_acquire);
        if (length == 0) return nullptr;
        if (task->ticket == TaskRecord::link)
            list.head.store(task->block, std::memory_order_release);
        else if (task->next.load(std::memory_order_relaxed) == task->end)
            list.head.store(at + length, std::memory_order_release);
        else
            return task;
    }
}

bool Claims::shows_task() const {
    for (const TaskList& list : body_.tasks)
        if (heap_.at<TaskRecord>(list.head.load(std::memory_order_acquire))
                ->length.load(std::memory_order_acquire) != 0)
            return true;
    return false;
}

TaskRecord* Claims::next_task() {
    const bool other_way = ++body_.turns % turns_between == 0;
    for (std::uint32_t i = 0; i < level_count; ++i)
        if (TaskRecord* const task =
                first_untaken(heap_, body_.tasks[other_way ? level_count - 1 - i : i]))
            return task;
    return nullptr;
}

void Claims::take(TaskRecord& task, std::uint32_t count) {
    const std::uint32_t first = task.next.load(std::memory_order_relaxed);
    const std::uint32_t end = first + std::min(count, task.end - first);
    intend(seat_, Intention::take, heap_.offset_of(&task), first, end);
    task.next.store(end, std::memory_order_release);
    PROCESSION_KILL_POINT("claim.taken");
    settle(seat_);
}

bool Claims::steal() {
    const std::uint32_t count = body_.seat_count.load(std::memory_order_acquire);
    const auto left_of = [](const Seat& seat) { return Range::of(seat.range.load()).size(); };
    for (std::uint32_t i = 1; i < count; ++i) {
        const std::uint32_t index = (index_ + i) % count;
        Seat& victim = body_.seat(heap_, index);
        if (left_of(victim) == 0) continue;
        const heap::ObjectGuard guard(heap_, body_.lock, recover);
        if (!steal_from(victim, index)) continue;
        // Another idle one may have looked just before there was something to take back from this one.
        if (left_of(seat_) > 1) notify(body_.has_tasks);
        return true;
    }
    return false;
}

bool Claims::steal_from(Seat& victim, std::uint32_t index) {
    std::uint64_t word = victim.range.load();
    // As long as it has some, their task's record is there.
    if (Range::of(word).size() == 0 || !heap_.at<TaskRecord>(victim.claim.record)->is_shared_out())
        return false;
    seat_.intention.victim = index;
    seat_.intention.victims_number = victim.claim.number;
    for (;;) {
        const Range left = Range::of(word);
        if (left.size() == 0) return false;
        const std::uint32_t middle = left.next + left.size() / 2;
        intend(seat_, Intention::steal, victim.claim.record, middle, left.end);
        if (victim.range.compare_exchange_strong(word, Range{left.next, middle}.word())) break;
        seat_.intention.kind.store(Intention::none);
    }
    PROCESSION_KILL_POINT("claim.stolen");
    settle(seat_);
    return true;
}

void Claims::recover(Heap& heap, Offset lock) {
    // The lock is what the body begins with.
    auto& body = *heap.at<PoolBody>(lock);
    for (std::uint32_t i = 0, count = body.seat_count.load(); i < count; ++i) {
        Seat& seat = body.seat(heap, i);
        if (seat.intention.kind.load() == Intention::none) continue;
        if (came_true(heap, body, seat.intention))
            settle(seat);
        else
            seat.intention.kind.store(Intention::none);
    }
}

}  // namespace procession::inline v0::pool

// SPDX-License-Identifier: Apache-2.0
#include "pool/task_list.hpp"

#include <algorithm>
#include <cstring>

#include "pool/claims.hpp"

namespace procession::inline v0::pool {
namespace {

using heap::Heap;
using heap::Offset;

// Sizes that fill a block of the heap.
constexpr std::size_t first_segment = 2 * 1024 - sizeof(heap::BlockHeader);
constexpr std::size_t largest_segment = 64 * 1024 - sizeof(heap::BlockHeader);

constexpr std::size_t longer_than(std::size_t segment) {
    return std::min(2 * segment + sizeof(heap::BlockHeader), largest_segment);
}

constexpr std::size_t space_for(std::size_t bytes) {
    return (sizeof(TaskRecord) + bytes + alignof(TaskRecord) - 1) & ~(alignof(TaskRecord) - 1);
}

}  // namespace

TaskAppender::TaskAppender(Heap& heap, Offset object, TaskList& list, heap::Use use)
    : heap_(heap), object_(object), list_(list), use_(use) {
    segments_.push_back(make_segment(first_segment));
    at_ = segments_.back().at;
    list_.head.store(at_, std::memory_order_release);
}

TaskAppender::Segment TaskAppender::make_segment(std::size_t size) const {
    const Offset at = heap_.allocate(size, use_);
    std::memset(heap_.at<std::byte>(at), 0, size);
    give(heap_, at, object_);
    return {at, size};
}

void TaskAppender::grow(std::size_t wanted) {
    Segment next = make_segment(std::max(longer_than(segments_.back().size), wanted));
    segments_.push_back(next);
    auto& link = *heap_.at<TaskRecord>(at_);
    link.ticket = TaskRecord::link;
    link.block = next.at;
    link.length.store(sizeof(TaskRecord), std::memory_order_release);
    at_ = next.at;
}

TaskAppender::Appended TaskAppender::append(const TaskForm& form) {
    const std::size_t space = space_for(form.bytes.size());
    // Room for the link to the next segment is always left.
    if (at_ + space + sizeof(TaskRecord) > segments_.back().at + segments_.back().size)
        grow(space + sizeof(TaskRecord));
    const Offset at = at_;
    auto& record = *heap_.at<TaskRecord>(at);
    record.ticket = form.ticket;
    record.function = form.function;
    record.block = form.block;
    record.first = form.first;
    record.end = form.end;
    record.next.store(form.first, std::memory_order_relaxed);
    record.at_once = form.at_once;
    record.item_size = form.block ? form.item_size : static_cast<std::uint32_t>(form.bytes.size());
    if (!form.bytes.empty()) std::memcpy(record.bytes(), form.bytes.data(), form.bytes.size());
    at_ += space;
    segments_.back().unfinished++;
    record.length.store(static_cast<std::uint32_t>(space), std::memory_order_release);
    return {at, &segments_.back()};
}

void TaskAppender::finish(Segment& segment) {
    if (--segment.unfinished != 0) return;
    const auto is_spent = [&] { return segments_.size() > 1 && segments_.front().unfinished == 0; };
    if (!is_spent()) return;
    {
        // The list may begin there still.
        const heap::ObjectGuard guard(heap_, heap::body<PoolBody>(heap_, object_).lock, Claims::recover);
        first_untaken(heap_, list_);
    }
    for (; is_spent(); segments_.pop_front()) heap_.free(segments_.front().at);
}

}  // namespace procession::inline v0::pool

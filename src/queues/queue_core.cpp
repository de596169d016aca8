// SPDX-License-Identifier: Apache-2.0

// The queue of bytes: a chain of segments, each with a fixed number of cells.
//
// 1. Putters work under one lock, getters under another. `tail` counts the items ever put, `head`
//    those ever taken; item n lies in cell n. Storing tail commits a put, storing head a get.
// 2. A cell is used once: segments are made zeroed and are freed when their last item was taken.
// 3. A long message lies in a block. It belongs to the putter until its cell is written, then to the
//    queue, then to the getter; the owner word says which.
// 4. What a putter's death leaves is in the cell at `tail`: nobody will get it, so its block is freed.
//    A segment that it linked is the queue's.
// 5. What a getter's death leaves is in the cell before `head`: a block that is the queue's still was
//    claimed by the dead one, and is freed. Afterwards the cell is emptied, as a living getter does.
// 6. The recovery runs under the dead one's lock, before the coroner frees any of its blocks. So no
//    block that a cell names can have become somebody else's by then.

#include <fmt/format.h>
#include <unistd.h>
#include <procession/queues.hpp>

#include <cstring>
#include <mutex>
#include <unordered_set>

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "heap/waiting.hpp"
#include "os/at_load.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;
using heap::Offset;

enum class Content : std::uint32_t { nothing, bytes, block };

struct Cell {
    std::atomic<Content> content;
    std::uint32_t size;
    union {
        std::byte bytes[TakenMessage::longest_inline];
        Offset block;
    };
};
static_assert(sizeof(Cell) == 120);

struct Segment {
    static constexpr std::uint64_t cells_each = 64;
    std::uint64_t first;  ///< the number of its first item
    std::atomic<Offset> next;
    Cell cells[cells_each];

    bool holds(std::uint64_t item) const { return item < first + cells_each; }
    Cell& cell(std::uint64_t item) { return cells[item - first]; }
};

struct QueueBody {
    std::uint64_t fingerprint;
    std::uint64_t maxsize;
    std::atomic<std::uint32_t> shut_down;
    alignas(heap::cache_line) heap::LockWord put_lock;
    std::atomic<Offset> tail_segment;
    std::atomic<std::uint64_t> tail;
    heap::WaitPoint not_empty;
    alignas(heap::cache_line) heap::LockWord get_lock;
    std::atomic<Offset> head_segment;
    std::atomic<std::uint64_t> head;
    heap::WaitPoint not_full;
    char type_name[96];
};

QueueBody& body_of(const Handle& handle) { return *static_cast<QueueBody*>(handle.body()); }

template <class Member>
QueueBody& body_with(Heap& heap, Offset member, Member QueueBody::*which) {
    const auto distance = reinterpret_cast<std::uintptr_t>(&(static_cast<QueueBody*>(nullptr)->*which));
    return *heap.at<QueueBody>(member - distance);
}

Offset make_segment(Heap& heap, std::uint64_t first) {
    const Offset at = heap.allocate(sizeof(Segment));
    auto* segment = heap.at<Segment>(at);
    segment->first = first;
    segment->next.store(0);
    for (Cell& cell : segment->cells) cell.content.store(Content::nothing, std::memory_order_relaxed);
    return at;
}

Offset make_queue(std::size_t maxsize, std::uint64_t fingerprint, const std::string& type_name) {
    Heap& heap = Heap::program();
    const Offset queue = make_object(heap, heap::ObjectType::queue, sizeof(QueueBody));
    auto& body = heap::body<QueueBody>(heap, queue);
    body.fingerprint = fingerprint;
    body.maxsize = maxsize;
    std::strncpy(body.type_name, type_name.c_str(), sizeof body.type_name - 1);
    const Offset segment = make_segment(heap, 0);
    body.tail_segment.store(segment);
    body.head_segment.store(segment);
    give(heap, segment, queue);
    return queue;
}

void check_type(const QueueBody& body, std::uint64_t fingerprint, const std::string& type_name) {
    if (body.fingerprint != fingerprint)
        throw TypeMismatch(fmt::format("Queue<{}>: this queue is a Queue<{}>; receive it as that.",
                                       type_name, body.type_name));
}

// Frees a block that the queue has and nobody will get; harmless when it was done before.
void discard(Heap& heap, Cell& cell, std::uint32_t queue_tag) {
    if (cell.content.load() == Content::block) {
        std::uint32_t owner = queue_tag;
        const bool ours = heap.owner(cell.block).compare_exchange_strong(owner, heap.self());
        cell.content.store(Content::nothing);
        if (ours) heap.free(cell.block);
    }
    cell.content.store(Content::nothing);
}

void recover_put(Heap& heap, Offset lock) {
    QueueBody& body = body_with(heap, lock, &QueueBody::put_lock);
    const Offset queue = object_of(heap, &body);
    auto* segment = heap.at<Segment>(body.tail_segment.load());
    if (const Offset next = segment->next.load()) {
        give(heap, next, queue);
        body.tail_segment.store(next);
        segment = heap.at<Segment>(next);
    }
    if (segment->holds(body.tail.load()))
        discard(heap, segment->cell(body.tail.load()), heap::block_tag(queue));
}

void recover_get(Heap& heap, Offset lock) {
    QueueBody& body = body_with(heap, lock, &QueueBody::get_lock);
    auto* segment = heap.at<Segment>(body.head_segment.load());
    const std::uint64_t head = body.head.load();
    if (head > segment->first)
        discard(heap, segment->cell(head - 1), heap::block_tag(object_of(heap, &body)));
    // The spent segment may be the dead one's already, and is freed with its blocks.
    if (!segment->holds(head) &&
        heap.owner(body.head_segment.load()).load() != heap::block_tag(object_of(heap, &body)))
        body.head_segment.store(segment->next.load());
}

PROCESSION_AT_LOAD void register_recoveries() {
    heap::set_recovery(heap::Recovery::queue_put, recover_put);
    heap::set_recovery(heap::Recovery::queue_get, recover_get);
}

// A message on its way into a queue: in place, or in a block of this process until it is committed.
struct Outgoing {
    Outgoing(Heap& in, const Buffer& buffer) : heap(in), bytes(buffer.bytes()) {
        if (bytes.size() <= TakenMessage::longest_inline && buffer.references().empty()) return;
        block = make_message(heap, bytes.size(), buffer.references());
        std::memcpy(message_bytes(heap, block).data(), bytes.data(), bytes.size());
    }
    ~Outgoing() {
        if (block) heap.free(block);
    }
    Outgoing(Outgoing&&) = delete;

    Heap& heap;
    std::span<const std::byte> bytes;
    Offset block = 0;
};

bool append(heap::Operation& operation, QueueBody& body, Outgoing& message) {
    Heap& heap = operation.heap();
    if (body.maxsize && body.tail.load() - body.head.load() >= body.maxsize) return false;
    const heap::Guard guard(operation, body.put_lock, heap::Recovery::queue_put);
    const std::uint64_t tail = body.tail.load(std::memory_order_relaxed);
    if (body.maxsize && tail - body.head.load() >= body.maxsize) return false;
    const Offset queue = object_of(heap, &body);
    auto* segment = heap.at<Segment>(body.tail_segment.load());
    if (!segment->holds(tail)) {
        const Offset next = make_segment(heap, tail);
        PROCESSION_KILL_POINT("put.segment_made");
        segment->next.store(next, std::memory_order_release);
        PROCESSION_KILL_POINT("put.segment_linked");
        give(heap, next, queue);
        body.tail_segment.store(next);
        PROCESSION_KILL_POINT("put.segment_added");
        segment = heap.at<Segment>(next);
    }
    Cell& cell = segment->cell(tail);
    cell.size = static_cast<std::uint32_t>(message.bytes.size());
    if (message.block) {
        cell.block = message.block;
        cell.content.store(Content::block);
        PROCESSION_KILL_POINT("put.block_named");
        give(heap, std::exchange(message.block, 0), queue);
        PROCESSION_KILL_POINT("put.block_given");
    } else {
        std::memcpy(cell.bytes, message.bytes.data(), message.bytes.size());
        cell.content.store(Content::bytes, std::memory_order_relaxed);
        PROCESSION_KILL_POINT("put.written");
    }
    body.tail.store(tail + 1, std::memory_order_release);
    PROCESSION_KILL_POINT("put.committed");
    return true;
}

/// The serial numbers of the queues that this process has closed for itself.
struct Closed {
    std::mutex mutex;
    std::unordered_set<std::uint64_t> queues;
    std::atomic<bool> any{false};
};
Closed& closed() {
    static auto* const instance = new Closed;
    return *instance;
}

std::uint64_t serial_of(const Handle& handle) {
    return Heap::program().at<heap::ObjectHeader>(handle.offset())->serial;
}

void check_open(const Handle& handle, const char* what) {
    if (!closed().any.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(closed().mutex);
    if (closed().queues.contains(serial_of(handle)))
        throw ValueError(fmt::format("Queue::{}: the queue is closed in this process", what));
}

}  // namespace

TakenMessage::~TakenMessage() {
    if (block_) Heap::program().free(block_);
}

QueueCore::QueueCore(std::size_t maxsize, std::uint64_t fingerprint, const std::string& type_name)
    : Handle(
          "Queue", [&] { return make_queue(maxsize, fingerprint, type_name); },
          [&](Offset object) {
              const auto& body = heap::body<QueueBody>(Heap::program(), object);
              check_type(body, fingerprint, type_name);
              if (body.maxsize != maxsize)
                  throw ValueError(fmt::format(
                      "Queue<{}>: with static storage it is one queue for the program, which was made "
                      "with maxsize {} and not {}. Construct it with the same arguments in every "
                      "process.",
                      type_name, body.maxsize, maxsize));
          }) {}

QueueCore::QueueCore(Handle handle, std::uint64_t fingerprint, const std::string& type_name)
    : Handle(std::move(handle)) {
    check_type(body_of(*this), fingerprint, type_name);
}

bool QueueCore::put(const Buffer& buffer, Timeout timeout, const std::stop_token& stop) const {
    check_open(*this, "put");
    Heap& heap = Heap::program();
    QueueBody& body = body_of(*this);
    Outgoing message(heap, buffer);
    heap::Operation operation(heap);
    operation.owes(body.not_empty);
    bool done = false;
    const auto ready = [&] {
        return body.shut_down.load() != 0 || (done = append(operation, body, message));
    };
    if (!ready()) {
        const auto waited = wait(operation, body.not_full, ready, os::Deadline::after(timeout), stop);
        if (waited == heap::Waited::stopped) throw CancelledError("Queue::put: the wait was stopped");
        if (waited == heap::Waited::timed_out) return false;
    }
    if (!done) throw ShutDown("Queue::put: the queue was shut down");
    notify(body.not_empty);
    operation.settled();
    return true;
}

bool QueueCore::get(TakenMessage& message, Timeout timeout, const std::stop_token& stop) const {
    check_open(*this, "get");
    Heap& heap = Heap::program();
    QueueBody& body = body_of(*this);
    heap::Operation operation(heap);
    operation.owes(body.not_full);

    const auto take = [&] {
        if (body.head.load(std::memory_order_relaxed) == body.tail.load()) return false;
        const heap::Guard guard(operation, body.get_lock, heap::Recovery::queue_get);
        const std::uint64_t head = body.head.load(std::memory_order_relaxed);
        if (head == body.tail.load()) return false;
        Offset at = body.head_segment.load();
        if (!heap.at<Segment>(at)->holds(head)) {
            const Offset next = heap.at<Segment>(at)->next.load();
            heap.owner(at).store(operation.self());
            PROCESSION_KILL_POINT("get.segment_spent");
            body.head_segment.store(next);
            PROCESSION_KILL_POINT("get.segment_passed");
            heap.free(std::exchange(at, next));
        }
        Cell& cell = heap.at<Segment>(at)->cell(head);
        if (cell.content.load(std::memory_order_relaxed) == Content::block) {
            const Offset block = cell.block;
            PROCESSION_KILL_POINT("get.block_seen");
            body.head.store(head + 1, std::memory_order_release);
            PROCESSION_KILL_POINT("get.block_claimed");
            heap.owner(block).store(operation.self());
            PROCESSION_KILL_POINT("get.block_owned");
            cell.content.store(Content::nothing);
            message.block_ = block;
            message.bytes_ = message_bytes(heap, block);
        } else {
            std::memcpy(message.local_, cell.bytes, cell.size);
            message.bytes_ = {message.local_, cell.size};
            PROCESSION_KILL_POINT("get.copied");
            body.head.store(head + 1, std::memory_order_release);
            PROCESSION_KILL_POINT("get.committed");
        }
        return true;
    };
    bool taken = take();
    if (!taken) {
        const auto ready = [&] { return (taken = take()) || body.shut_down.load(); };
        const auto waited = wait(operation, body.not_empty, ready, os::Deadline::after(timeout), stop);
        if (waited == heap::Waited::stopped) throw CancelledError("Queue::get: the wait was stopped");
        if (waited == heap::Waited::timed_out) return false;
        if (!taken) throw ShutDown("Queue::get: the queue was shut down and is empty");
    }
    if (body.maxsize) notify(body.not_full);
    operation.settled();
    return true;
}

std::size_t QueueCore::size() const {
    const QueueBody& body = body_of(*this);
    // Head first: read the other way round, the difference could be less than nothing.
    const std::uint64_t head = body.head.load();
    return body.tail.load() - head;
}

std::size_t QueueCore::maxsize() const { return body_of(*this).maxsize; }

void QueueCore::close() const {
    const std::lock_guard lock(closed().mutex);
    closed().queues.insert(serial_of(*this));
    closed().any = true;
}

void QueueCore::shutdown(bool immediate) const {
    QueueBody& body = body_of(*this);
    body.shut_down.store(1);
    while (immediate && size() > 0) {
        TakenMessage dropped;
        if (!get(dropped, std::chrono::seconds(0))) break;
    }
    notify_all(body.not_empty);
    notify_all(body.not_full);
}

bool QueueCore::is_shut_down() const { return body_of(*this).shut_down.load() != 0; }

void throw_full(const QueueCore& queue) {
    throw Full(
        fmt::format("Queue::put: full ({} of {} items). Use a longer timeout, or construct it with "
                    "a larger maxsize.",
                    queue.size(), queue.maxsize()));
}

void throw_empty() { throw Empty("Queue::get: nothing arrived in time"); }

}  // namespace procession::inline v0::detail

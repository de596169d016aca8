// SPDX-License-Identifier: Apache-2.0
#include "queues/stream.hpp"

#include <procession/error.hpp>

#include <algorithm>

#include "os/kill_point.hpp"

namespace procession::inline v0::queues {
namespace {

using heap::Heap;
using heap::Offset;

constexpr Offset is_segment = 1;

// Sizes that fill a block of the heap.
constexpr std::size_t first_segment = 2 * 1024 - sizeof(heap::BlockHeader);
constexpr std::size_t usual_segment = 16 * 1024 - sizeof(heap::BlockHeader);
constexpr std::size_t largest_segment = 1024 * 1024 - sizeof(heap::BlockHeader);

constexpr std::size_t longer_than(std::size_t segment) {
    return std::min(2 * segment + sizeof(heap::BlockHeader), largest_segment);
}

constexpr std::size_t shorter_than(std::size_t segment) {
    return (segment - sizeof(heap::BlockHeader)) / 2;
}

struct Segment {
    std::uint64_t size;  ///< all of it
    std::uint64_t first_header;
};

Offset first_record(Offset segment) { return segment + offsetof(Segment, first_header); }

std::size_t space_of(const Header& header) {
    return header.kind() == Header::bytes ? space_for(header.length()) : block_record_size;
}

Offset make_segment(Heap& heap, std::size_t size) {
    const Offset at = heap.allocate(size);
    heap.at<Segment>(at)->size = size;
    heap.at<Segment>(at)->first_header = 0;
    return at;
}

// Near the heap's limit there may be room for a small one only.
Offset make_segment_at_most(Heap& heap, std::size_t size) {
    for (;; size = shorter_than(size)) {
        try {
            return make_segment(heap, size);
        } catch (const HeapExhausted&) {
            if (size <= first_segment) throw;
        }
    }
}

// The order is such that a death in between leaves the link still to be followed.
void enter(const Heap& heap, PutSide& side, Offset segment) {
    side.segment.store(segment, std::memory_order_relaxed);
    side.end.store(segment + heap.at<Segment>(segment)->size, std::memory_order_release);
    side.at.store(first_record(segment), std::memory_order_release);
}

void link(const Heap& heap, PutSide& side, Offset segment) {
    const Offset at = side.at.load(std::memory_order_relaxed);
    named_at(heap, at).store(segment, std::memory_order_relaxed);
    header_at(heap, at).store(Header(Header::next, 0, 0).word(), std::memory_order_release);
}

// ---------------------------------------------------------------- what a death leaves

// Frees a block that is the stream's and that nobody will get.
void discard(Heap& heap, std::atomic<Offset>& note, Offset object) {
    const Offset block = note.load();
    const bool ours = take_back(heap, block, object);
    note.store(0);
    if (ours) heap.free(block);
}

}  // namespace

void Putter::recover(Heap& heap, Offset lock) {
    auto& side = *heap.at<PutSide>(lock);
    const bool committed = read(heap, side.at.load()).kind() != Header::nothing;
    if (const Offset giving = side.giving.load(); giving & is_segment) {
        give(heap, giving & ~is_segment, side.object);
        if (!committed) link(heap, side, giving & ~is_segment);
        side.giving.store(0);
    } else if (giving && !committed) {
        discard(heap, side.giving, side.object);
    }
    side.giving.store(0);
    // What was put is in the records; the rest follows from them.
    for (;;) {
        const Offset at = side.at.load();
        const Header header = read(heap, at);
        if (header.kind() == Header::nothing) return;
        if (header.kind() == Header::next) {
            enter(heap, side, named_at(heap, at).load());
            continue;
        }
        if (header.kind() == Header::block) side.block_bytes.store(block_bytes_at(heap, at).load());
        const std::uint64_t count = side.count.load();
        if (header.number() == static_cast<std::uint32_t>(count)) side.count.store(count + 1);
        side.at.store(at + space_of(header));
    }
}

void Taker::recover(Heap& heap, Offset lock) {
    auto& side = *heap.at<TakeSide>(lock);
    const auto& place = place_of(side);
    const Offset at = place.at.load();
    if (const Offset taking = side.taking.load()) {
        const bool taken = read(heap, at).kind() != Header::block || named_at(heap, at).load() != taking;
        if (taken) {
            side.block_bytes.store(
                block_bytes_at(heap, side.places[1 - side.turn.load()].at.load()).load());
            discard(heap, side.taking, side.object);
        } else {
            side.taking.store(0);
        }
    }
    const std::uint64_t count = place.count.load();
    side.count.store(count);
    // It had the segment to free it: that goes with it, and takers go on in the next.
    if (heap.owner(place.segment.load()).load() != heap::block_tag(side.object)) {
        const Offset next = named_at(heap, at).load();
        side.move_to(first_record(next), next, count);
    }
    if (!side.in_flight.is_used()) return;
    const Offset next = place_of(side).at.load();
    side.in_flight.recover(heap,
                           read(heap, next).kind() == Header::block ? named_at(heap, next).load() : 0);
}

void make_stream(Heap& heap, Stream& stream, Offset object, std::uint32_t deaths_at_most) {
    const Offset segment = make_segment(heap, first_segment);
    stream.put.object = stream.take.object = object;
    stream.take.in_flight.set_limit(deaths_at_most);
    enter(heap, stream.put, segment);
    stream.take.places[0].at.store(first_record(segment));
    stream.take.places[0].segment.store(segment);
    give(heap, segment, object);
}

void mourn_stream(Heap& heap, Stream& stream, heap::ParticipantId dead) {
    heap::ObjectGuard::recover_if_of(heap, stream.put.lock, Putter::recover, dead);
    heap::ObjectGuard::recover_if_of(heap, stream.take.lock, Taker::recover, dead);
    stream.take.in_flight.mourn(heap, stream.take.object, dead);
}

bool bury_dead_takers(Heap& heap, const Stream& stream) {
    bool any = false;
    const auto bury_if_dead = [&](heap::ParticipantId taker) {
        if (!taker || !heap.may_be_dead(taker)) return;
        bury(heap, taker);
        any = true;
    };
    bury_if_dead(heap::owner_in(stream.take.lock.value.load(std::memory_order_relaxed)));
    if (stream.take.in_flight.unfinished() != 0)
        stream.take.in_flight.for_each_taker(heap, bury_if_dead);
    return any;
}

std::uint64_t size_of(const Heap& heap, const Stream& stream) {
    // First what was taken: read the other way round, the difference could be less than nothing.
    const std::uint64_t taken = stream.take.count.load(std::memory_order_acquire);
    const std::uint64_t put = stream.put.count.load(std::memory_order_acquire);
    // A message can be taken before its putter has counted it.
    return put - std::min(put, taken) + stream.take.in_flight.count_returned(heap);
}

// ---------------------------------------------------------------- putting

void Putter::put_block(Offset message) {
    PutSide& side = stream_.put;
    make_room(block_record_size);
    const Offset at = side.at.load(std::memory_order_relaxed);
    const std::uint64_t bytes =
        side.block_bytes.load(std::memory_order_relaxed) + message_bytes(heap_, message).size();
    named_at(heap_, at).store(message, std::memory_order_relaxed);
    block_bytes_at(heap_, at).store(bytes, std::memory_order_relaxed);
    side.giving.store(message, std::memory_order_release);
    PROCESSION_KILL_POINT("put.block_noted");
    give(heap_, message, side.object);
    PROCESSION_KILL_POINT("put.block_given");
    commit(Header(Header::block, 0, side.count.load(std::memory_order_relaxed)), at + block_record_size);
}

void Putter::grow() {
    PutSide& side = stream_.put;
    // While takers keep up, a few small ones go round and stay in the processor's cache; a long queue
    // has large ones.
    const bool keep_up = place_of(stream_.take).segment.load(std::memory_order_relaxed) ==
                         side.segment.load(std::memory_order_relaxed);
    const std::size_t wanted = keep_up ? usual_segment : longer_than(side.grown.load());
    const Offset segment = make_segment_at_most(heap_, wanted);
    side.grown.store(heap_.at<Segment>(segment)->size);
    side.giving.store(segment | is_segment, std::memory_order_release);
    PROCESSION_KILL_POINT("put.segment_noted");
    give(heap_, segment, side.object);
    PROCESSION_KILL_POINT("put.segment_given");
    link(heap_, side, segment);
    PROCESSION_KILL_POINT("put.segment_linked");
    side.giving.store(0, std::memory_order_release);
    PROCESSION_KILL_POINT("put.segment_settled");
    enter(heap_, side, segment);
}

// ---------------------------------------------------------------- taking

Taker::Next Taker::peek_beyond_bytes() {
    InFlight& in_flight = side_.in_flight;
    if (in_flight.shows_returned())
        if (auto* const entry = in_flight.next_returned(heap_, side_.object, given_up_))
            return {nullptr, 0, entry->block.load(), entry};
    for (;;) {
        const auto& place = place_of(side_);
        const Offset at = place.at.load(std::memory_order_relaxed);
        const Header header = read(heap_, at);
        switch (header.kind()) {
            case Header::nothing: return {};
            case Header::bytes: return {heap_.at<std::byte>(at + header_size), header.length()};
            case Header::block: return {nullptr, 0, named_at(heap_, at).load(std::memory_order_relaxed)};
            case Header::next: break;
        }
        const Offset spent = place.segment.load(std::memory_order_relaxed);
        const Offset next = named_at(heap_, at).load(std::memory_order_relaxed);
        heap_.owner(spent).store(heap_.self());
        PROCESSION_KILL_POINT("take.segment_spent");
        side_.move_to(first_record(next), next, place.count.load(std::memory_order_relaxed));
        PROCESSION_KILL_POINT("take.segment_passed");
        heap_.free(spent);
    }
}

InFlight::Entry* Taker::take_block(const Next& message) {
    if (message.entry) {
        side_.in_flight.take_returned(heap_, *message.entry);
        return message.entry;
    }
    const auto& place = place_of(side_);
    const Offset at = place.at.load(std::memory_order_relaxed);
    const Offset segment = place.segment.load(std::memory_order_relaxed);
    const std::uint64_t count = place.count.load(std::memory_order_relaxed) + 1;
    if (side_.in_flight.is_used()) {
        InFlight::Entry& entry = side_.in_flight.enter(heap_, side_.object, message.block);
        side_.move_to(at + block_record_size, segment, count);
        return &entry;
    }
    const std::uint64_t bytes = block_bytes_at(heap_, at).load(std::memory_order_relaxed);
    side_.taking.store(message.block, std::memory_order_release);
    PROCESSION_KILL_POINT("take.block_noted");
    side_.move_to(at + block_record_size, segment, count);
    PROCESSION_KILL_POINT("take.block_claimed");
    heap_.owner(message.block).store(heap_.self());
    PROCESSION_KILL_POINT("take.block_owned");
    side_.block_bytes.store(bytes, std::memory_order_release);
    side_.taking.store(0, std::memory_order_release);
    return nullptr;
}

bool Taker::finish_one() {
    while (auto* const entry = side_.in_flight.oldest_unfinished(heap_, side_.object))
        if (finish(*entry)) return true;
    return false;
}

bool Taker::finish(InFlight::Entry& entry) { return side_.in_flight.finish(heap_, side_.object, entry); }

bool Taker::all_are_done() {
    if (side_.in_flight.shows_returned())
        side_.in_flight.settle_returned(heap_, side_.object, given_up_);
    return side_.in_flight.unfinished() == 0 && !peek();
}

}  // namespace procession::inline v0::queues

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "os/kill_point.hpp"
#include "os/prefetch.hpp"
#include "queues/in_flight.hpp"
#include "queues/pace.hpp"

namespace procession::inline v0::queues {

// A stream of messages in shared memory: one after another in a chain of segments, put under one lock
// and taken under another.
//
// 1. A message is a record: a header, then its bytes, or the block of the heap that it lies in. The
//    header comes last, in one store: that is the put. Before that store the next header was cleared, so
//    a taker that has read one record finds either the next one or nothing.
// 2. Where a segment has no more room, a record says where the next one begins.
// 3. Takers keep their place in two copies, of which `turn` says the one that counts: a take writes the
//    other one and then turns, which is one store.
// 4. A block belongs to its putter, then to the stream's object, then to its taker, by its owner word.
//    While it goes from one to the other, `giving` or `taking` names it: so whoever takes a dead one's
//    lock over knows what to do with it. Its record says how long all blocks until here were, so that what
//    is ahead can be limited. Segments are blocks as well.
// 5. That recovery runs under the dead one's lock, before the coroner frees any of its blocks.
// 6. Where messages are to be accounted for, all of them lie in blocks, which stay the stream's: a taker
//    is entered among those that have one in flight (in_flight.hpp).

/// What a record's header says: how long the message is, how it lies there, and its number.
class Header {
  public:
    enum Kind : std::uint64_t { nothing, bytes, block, next };

    Header(Kind kind, std::uint64_t length, std::uint64_t number)
        : word_(number << 32 | length << 2 | kind) {}
    explicit Header(std::uint64_t word) : word_(word) {}

    std::uint64_t word() const { return word_; }
    Kind kind() const { return static_cast<Kind>(word_ & 3); }
    std::uint32_t length() const { return static_cast<std::uint32_t>(word_) >> 2; }
    std::uint32_t number() const { return static_cast<std::uint32_t>(word_ >> 32); }

  private:
    std::uint64_t word_;
};

/// The side where messages are put.
struct PutSide {
    heap::LockWord lock;
    std::uint32_t padding;
    heap::Offset object;                ///< that the stream lies in
    std::atomic<heap::Offset> at;       ///< where the next header will be
    std::atomic<heap::Offset> segment;  ///< that it is in
    std::atomic<heap::Offset> end;      ///< of that
    std::atomic<heap::Offset>
        giving;  ///< what is on its way into the stream, a segment with 1 beside it
    std::atomic<std::uint64_t> count;        ///< of the messages ever put
    std::atomic<std::uint64_t> block_bytes;  ///< of those of them that lie in blocks
    std::atomic<std::uint64_t> grown;        ///< the size of the last segment that was added
    /// How much was taken when last looked: looking at the takers' own counts costs these as well.
    std::atomic<std::uint64_t> taken, taken_block_bytes;
    Pace pace;
};

/// The side where they are taken.
struct TakeSide {
    struct Place {
        std::atomic<heap::Offset> at;       ///< of the next message's header
        std::atomic<heap::Offset> segment;  ///< that it lies in
        std::atomic<std::uint64_t> count;   ///< of the messages taken before it
    };
    heap::LockWord lock;
    std::atomic<std::uint32_t> turn;  ///< which of the places counts
    heap::Offset object;
    Place places[2];
    alignas(heap::cache_line) std::atomic<std::uint64_t> count;  ///< as the place has it; for the others
    std::atomic<heap::Offset> taking;        ///< the block that is on its way to a taker
    std::atomic<std::uint64_t> block_bytes;  ///< that were taken
    Pace pace;
    InFlight in_flight;

    void move_to(heap::Offset at, heap::Offset segment, std::uint64_t count);
};

struct Stream {
    alignas(heap::cache_line) PutSide put;
    alignas(heap::cache_line) TakeSide take;
};
static_assert(offsetof(TakeSide, count) == heap::cache_line);

/// Makes zeroed memory, which lies in an object, an empty stream.
/// @param deaths_at_most  of takers of a message, before it is given up; 0: what was taken is gone
void make_stream(heap::Heap&, Stream&, heap::Offset object, std::uint32_t deaths_at_most);
/// Has a dead participant's half-done steps undone or finished: what the object's mourner is to call.
void mourn_stream(heap::Heap&, Stream&, heap::ParticipantId dead);

/// Buries those who died while they took something, or had it in flight: they hide what is there, or make
/// it seem that there is no room. (One that died while it put something is no harm to takers, and putters
/// find it at the lock.) @returns whether there were any
bool bury_dead_takers(heap::Heap&, const Stream&);

/// How many messages there are to be taken. Others may be putting and taking meanwhile.
std::uint64_t size_of(const heap::Heap&, const Stream&);
/// Whether there may be a message, without the lock. That there is none is true but where a taker is killed
/// at the very moment.
bool shows_message(const heap::Heap&, const Stream&);

/// Whether there is one where the next is taken from, without the lock: then nobody had taken it yet.
bool has_message_in_place(const heap::Heap&, const Stream&);

/// Puts messages, as long as it lives: the others wait.
class Putter {
  public:
    Putter(heap::Heap&, Stream&);
    /// Whether there are less than so many messages; takers may be at work.
    bool has_room(std::uint64_t maxsize) const;
    /// Whether those of them that lie in blocks have less than so many bytes.
    bool has_room_for_block(std::uint64_t most_bytes) const;
    /// Where `size` bytes are to be written, at most what a segment has room for; they are put by commit().
    /// @throws HeapExhausted
    std::byte* reserve(std::size_t size);
    void commit(std::size_t size);
    /// Puts a message that lies in a block of this process. @throws HeapExhausted
    void put_block(heap::Offset message);

  private:
    friend void mourn_stream(heap::Heap&, Stream&, heap::ParticipantId);
    static void recover(heap::Heap&, heap::Offset lock);
    void make_room(std::size_t space);
    void grow();
    void commit(const Header&, heap::Offset next);

    heap::Heap& heap_;
    Stream& stream_;
    heap::ObjectGuard guard_;
};

/// Takes messages, as long as it lives: the others wait.
class Taker {
  public:
    Taker(heap::Heap&, Stream&);

    /// The next message: its bytes, or the block of a long one; neither if there is none.
    struct Next {
        const std::byte* bytes = nullptr;
        std::size_t length = 0;
        heap::Offset block = 0;
        InFlight::Entry* entry = nullptr;  ///< of one that was returned
        explicit operator bool() const { return bytes || block; }
    };
    Next peek();
    /// Takes what peek() has shown. Bytes must have been copied before. A block is this process's then,
    /// or its entry is that is returned.
    InFlight::Entry* take(const Next&);

    /// Notes that a message is done: the oldest that this thread took, else this process, else anybody.
    /// @returns false if none is in flight
    bool finish_one();
    /// The same of one. @returns false if it is in flight no more: its taker has just died
    bool finish(InFlight::Entry&);
    /// Whether there is neither a message nor one in flight.
    bool all_are_done();

  private:
    friend void mourn_stream(heap::Heap&, Stream&, heap::ParticipantId);
    static void recover(heap::Heap&, heap::Offset lock);
    Next peek_beyond_bytes();
    InFlight::Entry* take_block(const Next&);

    heap::Heap& heap_;
    TakeSide& side_;
    GivenUp given_up_;  // before the guard: it is logged after that has ended
    heap::ObjectGuard guard_;
};

// ---------------------------------------------------------------- the way of most messages

// What a record names: a block, or the next segment.
inline std::atomic<heap::Offset>& named_at(const heap::Heap& heap, heap::Offset at) {
    return *heap.at<std::atomic<heap::Offset>>(at + sizeof(std::uint64_t));
}
// How long all blocks are, until the one that a record names.
inline std::atomic<std::uint64_t>& block_bytes_at(const heap::Heap& heap, heap::Offset at) {
    return *heap.at<std::atomic<std::uint64_t>>(at + 2 * sizeof(std::uint64_t));
}
inline std::atomic<std::uint64_t>& header_at(const heap::Heap& heap, heap::Offset at) {
    return *heap.at<std::atomic<std::uint64_t>>(at);
}
inline Header read(const heap::Heap& heap, heap::Offset at) {
    return Header(header_at(heap, at).load(std::memory_order_acquire));
}

inline constexpr std::size_t header_size = sizeof(std::uint64_t);
// What a segment has room for in any case: the record that leads to the next one.
inline constexpr std::size_t link_size = header_size + sizeof(heap::Offset);
// The record of a message that lies in a block.
inline constexpr std::size_t block_record_size = link_size + sizeof(std::uint64_t);

constexpr std::size_t space_for(std::size_t bytes) {
    return header_size + ((bytes + header_size - 1) & ~(header_size - 1));
}

inline const TakeSide::Place& place_of(const TakeSide& side) {
    return side.places[side.turn.load(std::memory_order_acquire)];
}

inline bool shows_message(const heap::Heap& heap, const Stream& stream) {
    const TakeSide& side = stream.take;
    const std::uint64_t taken = side.count.load(std::memory_order_acquire);
    if (read(heap, place_of(side).at.load(std::memory_order_acquire)).kind() != Header::nothing ||
        side.in_flight.shows_returned())
        return true;
    // Others may have taken what was there, and hidden what is there now.
    return side.count.load(std::memory_order_relaxed) != taken;
}

inline bool has_message_in_place(const heap::Heap& heap, const Stream& stream) {
    const TakeSide& side = stream.take;
    const heap::Offset at = place_of(side).at.load(std::memory_order_acquire);
    const Header::Kind kind = read(heap, at).kind();
    return (kind == Header::bytes || kind == Header::block) &&
           place_of(side).at.load(std::memory_order_acquire) == at;
}

inline Putter::Putter(heap::Heap& heap, Stream& stream)
    : heap_(heap), stream_(stream), guard_(heap, stream.put.lock, recover) {}

inline bool is_less_ahead(const std::atomic<std::uint64_t>& put,
                          std::atomic<std::uint64_t>& taken_when_looked,
                          const std::atomic<std::uint64_t>& taken, std::uint64_t limit) {
    const std::uint64_t all = put.load(std::memory_order_relaxed);
    if (all - taken_when_looked.load(std::memory_order_relaxed) < limit) return true;
    const std::uint64_t now = taken.load(std::memory_order_acquire);
    taken_when_looked.store(now, std::memory_order_relaxed);
    return all - now < limit;
}

inline bool Putter::has_room(std::uint64_t maxsize) const {
    PutSide& side = stream_.put;
    return is_less_ahead(side.count, side.taken, stream_.take.count, maxsize);
}

inline bool Putter::has_room_for_block(std::uint64_t most_bytes) const {
    PutSide& side = stream_.put;
    return is_less_ahead(side.block_bytes, side.taken_block_bytes, stream_.take.block_bytes, most_bytes);
}

inline void Putter::make_room(std::size_t space) {
    const heap::Offset at = stream_.put.at.load(std::memory_order_relaxed);
    if (at + space + link_size > stream_.put.end.load(std::memory_order_relaxed)) grow();
}

inline std::byte* Putter::reserve(std::size_t size) {
    make_room(space_for(size));
    return heap_.at<std::byte>(stream_.put.at.load(std::memory_order_relaxed) + header_size);
}

inline void Putter::commit(std::size_t size) {
    PROCESSION_KILL_POINT("put.written");
    const heap::Offset next = stream_.put.at.load(std::memory_order_relaxed) + space_for(size);
    // The lines that come next, before they are written: takers had them last.
    os::prefetch_to_write(heap_.at<std::byte>(next + 2 * heap::cache_line));
    commit(Header(Header::bytes, size, stream_.put.count.load(std::memory_order_relaxed)), next);
}

inline void Putter::commit(const Header& header, heap::Offset next) {
    PutSide& side = stream_.put;
    const heap::Offset at = side.at.load(std::memory_order_relaxed);
    header_at(heap_, next).store(0, std::memory_order_relaxed);
    header_at(heap_, at).store(header.word(), std::memory_order_release);
    PROCESSION_KILL_POINT("put.committed");
    if (header.kind() == Header::block) {
        side.block_bytes.store(block_bytes_at(heap_, at).load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
        PROCESSION_KILL_POINT("put.weighed");
        side.giving.store(0, std::memory_order_release);
    }
    PROCESSION_KILL_POINT("put.settled");
    side.count.store(side.count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    PROCESSION_KILL_POINT("put.counted");
    side.at.store(next, std::memory_order_release);
}

inline Taker::Taker(heap::Heap& heap, Stream& stream)
    : heap_(heap), side_(stream.take), guard_(heap, stream.take.lock, recover) {}

inline Taker::Next Taker::peek() {
    const heap::Offset at = place_of(side_).at.load(std::memory_order_relaxed);
    const Header header = read(heap_, at);
    if (header.kind() == Header::bytes) return {heap_.at<std::byte>(at + header_size), header.length()};
    return peek_beyond_bytes();
}

inline InFlight::Entry* Taker::take(const Next& message) {
    if (!message.bytes) return take_block(message);
    const auto& place = place_of(side_);
    PROCESSION_KILL_POINT("take.copied");
    os::prefetch_to_read(message.bytes + 2 * heap::cache_line);
    side_.move_to(place.at.load(std::memory_order_relaxed) + space_for(message.length),
                  place.segment.load(std::memory_order_relaxed),
                  place.count.load(std::memory_order_relaxed) + 1);
    return nullptr;
}

inline void TakeSide::move_to(heap::Offset at, heap::Offset segment, std::uint64_t count) {
    const std::uint32_t other = 1 - turn.load(std::memory_order_relaxed);
    places[other].at.store(at, std::memory_order_relaxed);
    places[other].segment.store(segment, std::memory_order_relaxed);
    places[other].count.store(count, std::memory_order_relaxed);
    PROCESSION_KILL_POINT("take.place_written");
    turn.store(other, std::memory_order_release);
    PROCESSION_KILL_POINT("take.turned");
    this->count.store(count, std::memory_order_release);
}

}  // namespace procession::inline v0::queues

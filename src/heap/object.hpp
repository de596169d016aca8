// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "heap/heap.hpp"

namespace procession::inline v0::heap {

enum class ObjectType : std::uint32_t {
    plain,
    process,
    queue,
    lock,
    semaphore,
    condition,
    event,
    barrier,
    bytes,
    table,
    shared_memory,
    pipe,
    pipe_end,
    parked_descriptor,
    pool,
    manager,
    proxy,
    result,
    count
};

/// Whether a forked child is to hold what its parent holds: not what belongs to one process.
constexpr bool is_inherited(ObjectType type) { return type != ObjectType::pipe_end; }

/// What every shared object begins with. References are facts, not counts: an entry for each
/// participant that holds the object and each message that carries it. Setting or clearing one twice
/// does no harm, and the dead one's are known by its name.
struct ObjectHeader {
    static constexpr std::uint32_t inline_holders = 21;

    std::uint64_t serial;                ///< never the same for two objects of a heap
    std::atomic<std::uint64_t> version;  ///< counts the holders that came; odd: being destroyed
    ObjectType type;
    std::uint32_t entry;                     ///< its place in the object table
    std::atomic<std::uint32_t> owns_blocks;  ///< blocks carry its tag, and go with it
    std::atomic<std::uint32_t> holders[inline_holders];
    std::atomic<Offset> more_holders;  ///< a block of further entries
};
static_assert(sizeof(ObjectHeader) == 120);

/// Makes an object of `size` zeroed bytes after its header, held by this process.
Offset make_object(Heap&, ObjectType, std::size_t size);

ObjectType type_of(const Heap&, Offset object);

/// What follows the header.
template <class T>
T& body(const Heap& heap, Offset object) {
    // Objects begin 16 bytes into a cache line; the body begins with the third line.
    return *heap.at<T>(object - sizeof(BlockHeader) + 3 * cache_line);
}

/// The object that a body belongs to.
inline Offset object_of(const Heap& heap, const void* body) {
    return heap.offset_of(body) - 3 * cache_line + sizeof(BlockHeader);
}

/// Gives a block of this process to an object that it holds: it goes with the object, or by free().
void give(Heap&, Offset block, Offset object);
/// Makes such a block this process's again. @returns false: it is not the object's any more
bool take_back(Heap&, Offset block, Offset object);

/// Notes a holder: a participant, or block_tag of a message. The caller knows that the object lives:
/// another holder of whose it knows stands until this returns.
void hold(Heap&, Offset object, std::uint32_t holder);
/// Clears a holder; the object goes with its last one.
void drop(Heap&, Offset object, std::uint32_t holder);
/// Whether the object is still the one with this serial number.
bool is_alive(const Heap&, Offset object, std::uint64_t serial);
/// Notes a holder where nobody is known to hold the object meanwhile. @returns false: it is gone
bool hold_if_alive(Heap&, Offset object, std::uint64_t serial, ParticipantId holder);
/// A participant other than this process that lives and holds the object; 0: none is seen. Dead ones that
/// are met are buried; where none is seen, all of them: one may have been killed while it let go of the
/// object, or hold what a message lies in that holds it. The object may be gone.
ParticipantId living_holder(Heap&, Offset object);

/// What is to be done before an object of a type goes, when nobody holds it any more. Must do no harm when
/// repeated.
using OnDestroy = void (*)(Heap&, Offset object);
void set_on_destroy(ObjectType, OnDestroy);

/// What is to be done to an object of a type when a participant has died, whether or not that held it:
/// what the object knows of the dead one is settled. Must do no harm when repeated.
using Mourn = void (*)(Heap&, Offset object, ParticipantId dead);
void set_mourner(ObjectType, Mourn);

/// Has all objects settle what they know of a dead participant.
void mourn(Heap&, ParticipantId);

/// What is to be done to an object of a type when a process is given it at its start: by that process,
/// before whoever starts it goes on; or by the latter, if it ended before it could (`begun` is false).
using OnGiven = void (*)(Heap&, Offset object, bool begun);
void set_on_given(ObjectType, OnGiven);
/// Does so to these objects.
void note_given(Heap&, std::span<const Offset> objects, bool begun);
/// Whether there is one among them to which anything is to be done.
bool takes_note_of_given(const Heap&, std::span<const Offset> objects);

/// Drops what a dead participant held, and finishes what it was making or destroying.
void drop_references_of(Heap&, ParticipantId);

/// A block of `size` bytes that carries references to objects: they live as long as it is not freed.
Offset make_message(Heap&, std::size_t size, std::span<const Offset> objects, Use = Use::message);
/// Makes a block of this process, with `size` bytes written, a message: the same, without a copy where
/// the block has room for the references.
Offset seal_message(Heap&, Offset block, std::size_t size, std::span<const Offset> objects);
/// The objects that a message refers to.
std::span<const Offset> message_references(const Heap&, Offset message);
/// The bytes of a message.
std::span<std::byte> message_bytes(const Heap&, Offset message);
/// Drops a block's references; they are dropped before it is freed in any case.
void release_references(Heap&, Offset block);

}  // namespace procession::inline v0::heap

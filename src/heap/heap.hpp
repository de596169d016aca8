// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "heap/layout.hpp"
#include "os/descriptor.hpp"
#include "os/memory.hpp"

namespace procession::inline v0::heap {

/// What a block is for: messages may not use the last sixteenth, so that participants can still
/// join, start, report and clean up when a queue has filled the heap.
enum class Use { message, control };

struct HeapUse {
    std::uint64_t used_bytes;  ///< in units of 64 KiB, what programs and slabs occupy
    std::uint64_t limit_bytes;
    std::uint64_t blocks;  ///< blocks in use, objects and messages
};

/// A participant as messages speak of it.
struct Person {
    int pid;
    std::string name;              ///< may be empty
    std::optional<int> exit_code;  ///< once it has ended by itself, not by a signal
};

/// The shared memory of one program: a sealed memfd, mapped once.
///
/// Memory is kept by owner words (blocks.cpp): a word for each block says whose it is, and one
/// compare-and-swap of it is the allocation. So a killed process leaks nothing, and nothing needs a
/// free list or a log. All functions may be called from several threads and processes at once.
class Heap {
  public:
    /// The program's heap: the one that a parent handed on, else a new one.
    static Heap& program();
    /// A new heap's file. `limit` in bytes.
    static os::Descriptor create(std::uint64_t limit);
    /// What PROCESSION_HEAP_LIMIT says, else half of the smaller of memory and cgroup limit.
    static std::uint64_t default_limit();

    /// Maps a heap's file, and keeps the descriptor.
    explicit Heap(os::Descriptor file);
    ~Heap();

    int descriptor() const { return file_.get(); }
    std::byte* base() const { return mapping_.base(); }
    FileHeader& header() const { return *at<FileHeader>(0); }
    Slot& slot(ParticipantId id) const;
    template <class T>
    T* at(Offset offset) const {
        return reinterpret_cast<T*>(base() + offset);
    }
    Offset offset_of(const void* address) const {
        return static_cast<Offset>(static_cast<const std::byte*>(address) - base());
    }
    /// Whether [offset, offset + size) can be a block's: what other processes wrote is looked at so.
    bool valid(Offset offset, std::uint64_t size) const {
        return offset >= data_at && offset < arena_size && size <= arena_size - offset;
    }

    /// This process's participant; it joins at its first call, also after a fork.
    ParticipantId self();
    /// The same of the program's heap, in as few instructions as can be.
    static ParticipantId program_self();
    /// Whether a participant is gone. The kernel's word, not a guess.
    bool is_dead(ParticipantId) const;
    /// Whether that is worth asking the kernel: a look at memory, and no proof.
    bool may_be_dead(ParticipantId) const;

    /// Names a participant, for messages about it.
    void set_name(ParticipantId, std::string_view name);
    /// Notes that this process ends by itself, as the last thing that it does.
    void note_own_end(int exit_code);
    /// Who a participant is or was; none once its slot is another's.
    std::optional<Person> describe(ParticipantId) const;

    /// Whether there is any other participant that lives.
    bool has_others() const;
    /// From now on this process counts as gone: for its very end, when it only looks on.
    void leave() const;

    /// Memory for `size` bytes, 16-byte aligned, owned by this process.
    /// @throws HeapExhausted naming the limit and how to raise it
    Offset allocate(std::size_t size, Use = Use::message);
    /// Gives a block back: its references first, then the memory.
    void free(Offset);
    /// Memory of whole objects: only ever used for these, so that a stale look at one is no harm.
    Offset allocate_object(std::size_t size);
    /// The word that says whose a block is.
    std::atomic<std::uint32_t>& owner(Offset) const;
    HeapUse usage() const;

    struct Identity;
    Identity& identity() const { return *identity_; }

  private:
    ParticipantId join();
    Offset allocate_class(std::size_t bytes, std::uint32_t first_class, Use);

    os::Descriptor file_;
    os::Mapping mapping_;
    Identity* identity_;
};

/// Who this process is in a heap. In a page that is zero again after a fork, so that a child finds
/// nobody here, and the locks open.
struct Heap::Identity {
    std::atomic<ParticipantId> id;
    std::atomic<std::uint32_t> joining;
    std::atomic<std::uint32_t> busy;  ///< which of the slot's activities are in use
};

// Of the program's heap; until there is one, somebody who is nobody.
inline constinit Heap::Identity nobody{};
inline constinit std::atomic<Heap::Identity*> program_identity{&nobody};

inline ParticipantId Heap::program_self() {
    const ParticipantId id =
        program_identity.load(std::memory_order_relaxed)->id.load(std::memory_order_acquire);
    return id ? id : program().self();
}

/// The owner word of what belongs to an object, and the holder entry of a message in a block.
constexpr std::uint32_t block_tag(Offset offset) {
    return 0x80000000u | static_cast<std::uint32_t>(offset >> 6);
}

constexpr bool is_block_tag(std::uint32_t holder) { return (holder & 0x80000000u) != 0; }

/// What every block begins with.
struct BlockHeader {
    std::atomic<std::uint32_t> references;  ///< how many offsets of objects its data ends with
    std::uint32_t unused;                   ///< of a message: bytes between the data and those
    std::uint64_t size;                     ///< of its data and all that
};
static_assert(sizeof(BlockHeader) == 16);

/// What the environment says to a fresh run of the program that is to be one of its processes, until
/// the library has taken over there; null elsewhere.
const char* child_mark();

/// Called when this process has joined, before anything else happens in its name.
void set_on_join(void (*hook)(Heap&));

/// Frees every block that carries this owner word, and releases what they refer to.
void free_blocks_of(Heap&, std::uint32_t owner);

/// Cleans up after a participant if it is dead: wakes whom it owed, recovers its locks, drops its
/// references, frees its blocks, then its slot. Does nothing when somebody else is at it. May be
/// killed anywhere: the next caller finishes.
void bury(Heap&, ParticipantId);
/// Buries whoever died, unless this process has just looked for them: a look at every participant.
void bury_the_dead(Heap&);
/// Called then, for those who died before they took part.
void set_on_look_for_dead(void (*hook)());

}  // namespace procession::inline v0::heap

// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where everything lies in the heap's file. docs/layout.md says it in words.

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace procession::inline v0::heap {

/// A place in the heap, counted from its start; 0 is none. The same in every process.
using Offset = std::uint64_t;
/// A process's life in a heap: slot (13 bits) and generation (18 bits); 0 is none. Never reused
/// within 262,144 processes of one slot.
using ParticipantId = std::uint32_t;

inline constexpr std::size_t cache_line = 64;
inline constexpr std::uint64_t unit_size = 64 * 1024;
inline constexpr std::uint32_t slot_bits = 13;
inline constexpr std::uint32_t slot_count = 1u << slot_bits;
inline constexpr std::uint32_t generation_mask = (1u << 18) - 1;

/// A lock whose word names its owner: a participant, or 0; the top bit says that somebody waits.
struct LockWord {
    std::atomic<std::uint32_t> value{0};
};

/// Something to wait for: whether anybody does (0: nobody), and a count of the wake-ups.
struct WaitPoint {
    std::atomic<std::uint32_t> waiters{0};
    std::atomic<std::uint32_t> sequence{0};
};

/// A participant's note of what one of its threads is about to do, for whoever cleans up after it.
struct Activity {
    /// Beside an offset: not of a WaitPoint but of a word that is changed before its sleepers are woken.
    static constexpr Offset is_word = 1;

    std::atomic<Offset> waits_on;         ///< cleared only after what it waited for was taken
    std::atomic<Offset> owes;             ///< what it may still have to wake
    std::atomic<Offset> holds;            ///< a LockWord that it has, or is about to take
    std::atomic<std::uint32_t> recovery;  ///< which Recovery that lock needs
    std::uint32_t padding;
};

inline constexpr std::uint32_t activity_count = 32;
inline constexpr std::size_t participant_name_size = 128;

/// One participant. Its life is the record lock on byte [arena size + slot] of the file; the mutex is a
/// hint (life.hpp).
struct Slot {
    std::atomic<ParticipantId> id;  ///< 0: free; stored last when it is taken
    std::atomic<std::uint32_t> generation;
    std::atomic<std::int32_t> pid;
    std::atomic<std::uint32_t> ended;  ///< it ended by itself, and was not killed: 1 + its exit code
    union {
        pthread_mutex_t life;  ///< robust; its first word is the kernel's to flag
        std::uint64_t reserved[6];
    };
    std::atomic<char> name[participant_name_size];  ///< for messages about it
    Activity activities[activity_count];
};

inline constexpr std::uint32_t class_count = 64;         ///< sizes of blocks
inline constexpr std::uint32_t object_class_count = 32;  ///< the same for objects, up to 8 KiB

struct FileHeader {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t padding;
    std::uint64_t size;                    ///< of the arena
    std::uint64_t limit_units;             ///< how many units may be in use
    std::atomic<std::uint32_t> next_slot;  ///< where the next participant looks first
    LockWord coroner_lock;
    alignas(cache_line) LockWord arena_lock;  ///< guards the five below and the unit table's runs
    std::atomic<std::uint32_t> used_units;
    std::atomic<std::uint32_t> end_unit;    ///< no unit at or above it was ever used
    std::atomic<std::uint32_t> warm_units;  ///< free units that still have their pages, about
    std::atomic<std::uint32_t> first_free;  ///< no free unit lies below it
    std::atomic<Offset> slabs[2 * class_count + object_class_count];  ///< newest of each: of
                                                                      ///< messages, objects, control
    alignas(cache_line) LockWord directory_lock;
    std::atomic<std::uint32_t> object_end;  ///< no entry at or above it was ever used
    std::atomic<std::uint64_t> next_serial;
    alignas(cache_line) std::byte program[16 * 1024];  ///< the process layer's, zero at first
};

/// A handle with static storage: which variable of which module it is, and its object.
struct DirectoryEntry {
    std::atomic<std::uint64_t> module;
    std::atomic<std::uint64_t> variable;
    std::atomic<Offset> object;
    std::uint64_t padding;
};

inline constexpr std::uint64_t magic = 0x3150414548434f52;  // "ROCHEAP1"
inline constexpr std::uint32_t layout_version = 1;
inline constexpr std::uint64_t arena_size = 64ull << 30;
inline constexpr std::uint32_t unit_count = arena_size / unit_size;
inline constexpr std::uint32_t object_count = 1u << 20;
inline constexpr std::uint32_t directory_count = 4096;

inline constexpr Offset slots_at = unit_size;
inline constexpr Offset units_at = slots_at + slot_count * sizeof(Slot);
inline constexpr Offset objects_at = units_at + unit_count * sizeof(std::uint32_t);
inline constexpr Offset directory_at = objects_at + object_count * sizeof(Offset);
inline constexpr Offset data_at =
    (directory_at + directory_count * sizeof(DirectoryEntry) + unit_size - 1) & ~(unit_size - 1);
inline constexpr std::uint32_t first_data_unit = data_at / unit_size;

static_assert(sizeof(Activity) == 32);
static_assert(sizeof(Slot) == 64 + participant_name_size + 32 * activity_count);
static_assert(sizeof(FileHeader) <= unit_size);
static_assert(std::is_standard_layout_v<FileHeader> && std::is_standard_layout_v<Slot>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace procession::inline v0::heap

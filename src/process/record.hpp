// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/context.hpp>
#include <procession/detail/handle.hpp>

#include <atomic>
#include <cstdint>
#include <string>

#include "heap/object.hpp"
#include "os/pidfd.hpp"

namespace procession::inline v0::detail {

// What the program's processes know of one of them: an object of the heap, held by the process itself,
// by those that have a handle to it, and by whoever will see it end.

enum Stage : std::uint32_t {
    made,   ///< its creator is at it: if that dies now, the process never was
    begun,  ///< it holds its record, whoever dies
    ended,  ///< `code` is known
};

struct ProcessRecord {
    static constexpr std::size_t longest_name = 127;

    std::atomic<std::uint32_t> stage;
    std::atomic<std::int32_t> pid;
    std::atomic<heap::ParticipantId> participant;  ///< says of `pid` whether it is still that process
    std::atomic<heap::ParticipantId> reaper;       ///< the fork server that made it, and will see it end
    std::atomic<heap::Offset> parent;              ///< the record of the process that started it
    std::atomic<heap::Offset> launch;        ///< its launch message, as long as that is the record's
    std::atomic<std::uint32_t> handed_over;  ///< 1: a forked one has what was left to it
    std::atomic<std::int32_t> code;  ///< as it says at its very end, then as its real parent sees it
    std::atomic<std::uint64_t> peak_rss;     ///< bytes; said as `code` is; 0: not known
    std::atomic<std::uint64_t> spawner_rss;  ///< of a spawned one: see note_peak()
    std::atomic<std::uint32_t> children;     ///< processes that it has named
    std::atomic<std::uint32_t> daemon;
    std::atomic<std::uint32_t> name_sequence;  ///< odd while the name is being written
    char name[longest_name + 1];
    char identity[longest_name + 1];  ///< "2:1": the first child of the second
};

/// A new record.
Handle make_record(const std::string& name, const std::string& identity, bool daemon);
ProcessRecord& record_of(const Handle&);
ProcessRecord& record_at(heap::Offset);

std::string name_of(const ProcessRecord&);
/// @throws ValueError the name is too long
void set_name(ProcessRecord&, const std::string&);

/// From now on this process is the one that the record speaks of.
void become(ProcessRecord&);

/// Frees a process's launch message, unless that was done before.
void free_launch(heap::Offset record);
/// Whether that is still there.
bool has_launch(const ProcessRecord&);

/// Notes how a process ended, and tells those who wait for it.
void note_end(ProcessRecord&, int code);
/// The same once it is gone: buries it, too.
void record_end(ProcessRecord&, int code);
void record_end(ProcessRecord&, const os::WaitStatus&);
/// In the process itself: notes how much memory it has had at most.
void note_peak(ProcessRecord&);
/// In one that was spawned, at its beginning: the kernel reckons it what its parent had, since it ran on
/// the parent's memory until its exec.
void note_spawner_peak(ProcessRecord&);
/// This process's record; made at the first call in the program's first process.
const Handle& current_record();
void set_current_record(Handle);

}  // namespace procession::inline v0::detail

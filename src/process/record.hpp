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
    made,     ///< its creator is at it: if that dies now, the process never was
    claimed,  ///< its creator knows it and has let it run
    ended,    ///< `code` is known
};

struct ProcessRecord {
    static constexpr std::size_t longest_name = 127;
    static constexpr std::int32_t no_code = INT32_MIN;

    std::atomic<std::uint32_t> stage;
    std::atomic<std::int32_t> pid;
    std::atomic<std::uint64_t> start_time;
    std::atomic<heap::ParticipantId> creator;
    std::atomic<heap::ParticipantId> participant;
    std::atomic<heap::ParticipantId> reaper;  ///< the fork server that made it, and will see it end
    std::atomic<heap::Offset> parent;       ///< the record of the process that started it
    std::atomic<std::int32_t> code;         ///< as its real parent saw it
    std::atomic<std::int32_t> own_code;     ///< as it wrote itself on its way out
    std::atomic<std::uint32_t> children;    ///< processes that it has named
    std::atomic<std::uint32_t> daemon;
    std::atomic<std::uint32_t> name_sequence;  ///< odd while the name is being written
    char name[longest_name + 1];
    char identity[longest_name + 1];        ///< "2:1": the first child of the second
};

/// A new record, with this process as creator.
Handle make_record(const std::string& name, const std::string& identity, bool daemon);
ProcessRecord& record_of(const Handle&);
ProcessRecord& record_at(heap::Offset);

std::string name_of(const ProcessRecord&);
/// @throws ValueError the name is too long
void set_name(ProcessRecord&, const std::string&);

/// Notes how a process ended, tells those who wait for it, and buries it.
void record_end(ProcessRecord&, int code);
/// This process's record; made at the first call in the program's first process.
const Handle& current_record();
void set_current_record(Handle);

}  // namespace procession::inline v0::detail

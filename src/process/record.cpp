// SPDX-License-Identifier: Apache-2.0
#include "process/record.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <atomic>
#include <climits>
#include <cstring>

#include "heap/object.hpp"
#include "log/log.hpp"
#include "os/at_load.hpp"
#include "os/futex.hpp"
#include "os/process_memory.hpp"

namespace procession::inline v0::detail {
namespace {

// Never destroyed, like the heap that it lies in; no lock, which a fork could find taken. The one
// before is kept, since it is a forked child's parent.
struct Current {
    Handle record;
    const Current* before;
};
std::atomic<const Current*> current{nullptr};

[[maybe_unused]] const bool log_lines_are_named =
    (set_log_name_source([] { return name_of(record_of(current_record())); }), true);

std::uint64_t bytes_of(const rusage& usage) {
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

std::uint64_t own_peak() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return bytes_of(usage);
}

// One that died while it read its arguments leaves what they refer to.
PROCESSION_AT_LOAD void register_mourner() {
    heap::set_mourner(heap::ObjectType::process,
                      [](heap::Heap&, heap::Offset record, heap::ParticipantId dead) {
                          const ProcessRecord& its = record_at(record);
                          if (its.participant.load() == dead && its.stage.load() != Stage::made)
                              free_launch(record);
                      });
}

}  // namespace

ProcessRecord& record_at(heap::Offset offset) {
    return heap::body<ProcessRecord>(heap::Heap::program(), offset);
}
ProcessRecord& record_of(const Handle& handle) { return *static_cast<ProcessRecord*>(handle.body()); }

Handle make_record(const std::string& name, const std::string& identity, bool daemon) {
    heap::Heap& heap = heap::Heap::program();
    if (identity.size() > ProcessRecord::longest_name)
        throw ValueError("Process: its ancestors are too many");
    Handle handle = Handle::adopt(make_object(heap, heap::ObjectType::process, sizeof(ProcessRecord)));
    ProcessRecord& record = record_of(handle);
    record.daemon = daemon;
    std::memcpy(record.identity, identity.data(), identity.size());
    set_name(record, name);
    return handle;
}

std::string name_of(const ProcessRecord& record) {
    for (;;) {
        const std::uint32_t before = record.name_sequence.load(std::memory_order_acquire);
        char name[ProcessRecord::longest_name + 1];
        for (std::size_t i = 0; i < sizeof name; ++i)
            name[i] = std::atomic_ref(const_cast<char&>(record.name[i])).load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        name[ProcessRecord::longest_name] = '\0';
        // A writer that was killed in the middle leaves it odd: then the half name is the name.
        if (before % 2 || record.name_sequence.load(std::memory_order_relaxed) == before) return name;
    }
}

void set_name(ProcessRecord& record, const std::string& name) {
    if (name.size() > ProcessRecord::longest_name)
        throw ValueError(fmt::format("Process(\"{}\"): the name is longer than {} bytes", name,
                                     ProcessRecord::longest_name));
    record.name_sequence.fetch_add(1);
    for (std::size_t i = 0; i <= name.size(); ++i)
        std::atomic_ref(record.name[i]).store(name.c_str()[i], std::memory_order_relaxed);
    record.name_sequence.fetch_add(1, std::memory_order_release);
    if (const heap::ParticipantId participant = record.participant.load())
        heap::Heap::program().set_name(participant, name);
}

void become(ProcessRecord& record) {
    heap::Heap& heap = heap::Heap::program();
    record.pid = ::getpid();
    record.participant = heap.self();
    heap.set_name(heap.self(), name_of(record));
}

void free_launch(heap::Offset record) {
    heap::Heap& heap = heap::Heap::program();
    const heap::Offset launch = record_at(record).launch.load();
    if (launch && take_back(heap, launch, record)) heap.free(launch);
}

bool has_launch(const ProcessRecord& record) {
    const heap::Heap& heap = heap::Heap::program();
    const heap::Offset launch = record.launch.load();
    return launch && heap.owner(launch).load() == heap::block_tag(object_of(heap, &record));
}

void note_end(ProcessRecord& record, int code) {
    record.code.store(code);
    if (record.stage.exchange(Stage::ended) != Stage::ended) os::futex_wake(record.stage, INT_MAX);
}

void record_end(ProcessRecord& record, int code) {
    note_end(record, code);
    heap::Heap& heap = heap::Heap::program();
    if (const heap::ParticipantId participant = record.participant.load()) bury(heap, participant);
    // One that ended before it had read its arguments leaves what they refer to.
    free_launch(object_of(heap, &record));
}

void record_end(ProcessRecord& record, const os::WaitStatus& status) {
    const std::uint64_t peak = bytes_of(status.usage);
    if (peak > record.spawner_rss.load()) record.peak_rss = peak;
    record_end(record, status.code);
}

void note_peak(ProcessRecord& record) {
    const std::uint64_t peak = own_peak();
    record.peak_rss =
        peak > record.spawner_rss.load() ? peak : os::peak_resident_of(::getpid()).value_or(0);
}

void note_spawner_peak(ProcessRecord& record) { record.spawner_rss = own_peak(); }

const Handle& current_record() {
    if (const Current* const known = current.load(std::memory_order_acquire)) return known->record;
    Handle handle = make_record("MainProcess", "", false);
    ProcessRecord& record = record_of(handle);
    become(record);
    record.stage = Stage::begun;
    const Current* known = nullptr;
    const auto* const made = new Current{std::move(handle), nullptr};
    if (current.compare_exchange_strong(known, made)) return made->record;
    delete made;
    return known->record;
}

void set_current_record(Handle handle) {
    const auto* const made = new Current{std::move(handle), current.load(std::memory_order_acquire)};
    current.store(made, std::memory_order_release);
}

}  // namespace procession::inline v0::detail

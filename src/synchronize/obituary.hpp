// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "heap/heap.hpp"

namespace procession::inline v0::synchronize {

/// Who a dead participant was that an object tells of: written by its coroner, before its slot is another's.
struct Obituary {
    std::atomic<heap::ParticipantId> who;  ///< stored last
    std::atomic<std::int32_t> pid;
    std::atomic<std::int32_t> exit_code;  ///< -1: it was killed
    std::atomic<char> name[heap::participant_name_size];
};
static_assert(sizeof(Obituary) == 140);

void write_obituary(Obituary&, const heap::Heap&, heap::ParticipantId dead);
/// From its slot while that is its own still, else from its obituary; none if that is another's now.
std::optional<heap::Person> find_person(const heap::Heap&, const Obituary&, heap::ParticipantId dead);

/// `was killed`, or with which exit code it ended.
std::string how_it_ended(const heap::Person&);

}  // namespace procession::inline v0::synchronize

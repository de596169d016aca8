// SPDX-License-Identifier: Apache-2.0
#include "synchronize/obituary.hpp"

#include <fmt/format.h>

#include "os/kill_point.hpp"

namespace procession::inline v0::synchronize {

using heap::Heap;
using heap::ParticipantId;
using heap::Person;

void write_obituary(Obituary& obituary, const Heap& heap, ParticipantId dead) {
    const auto person = heap.describe(dead);
    if (!person) return;
    obituary.who.store(0);
    std::atomic_thread_fence(std::memory_order_release);
    obituary.pid.store(person->pid, std::memory_order_relaxed);
    obituary.exit_code.store(person->exit_code.value_or(-1), std::memory_order_relaxed);
    for (std::size_t i = 0; i <= person->name.size(); ++i)
        obituary.name[i].store(person->name.c_str()[i], std::memory_order_relaxed);
    PROCESSION_KILL_POINT("obituary.written");
    obituary.who.store(dead, std::memory_order_release);
}

std::optional<Person> find_person(const Heap& heap, const Obituary& obituary, ParticipantId dead) {
    if (const auto person = heap.describe(dead)) return person;
    if (obituary.who.load(std::memory_order_acquire) != dead) return std::nullopt;
    Person person{.pid = obituary.pid.load(std::memory_order_relaxed), .name = {}, .exit_code = {}};
    if (const int code = obituary.exit_code.load(std::memory_order_relaxed); code >= 0)
        person.exit_code = code;
    for (const auto& letter : obituary.name) {
        const char each = letter.load(std::memory_order_relaxed);
        if (each == '\0') break;
        person.name += each;
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (obituary.who.load(std::memory_order_relaxed) != dead) return std::nullopt;
    return person;
}

std::string how_it_ended(const Person& person) {
    return person.exit_code ? fmt::format("ended with exit code {}", *person.exit_code) : "was killed";
}

}  // namespace procession::inline v0::synchronize

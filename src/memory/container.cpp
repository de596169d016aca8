// SPDX-License-Identifier: Apache-2.0
#include "memory/container.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <climits>
#include <cstring>

#include "heap/life.hpp"
#include "os/futex.hpp"
#include "os/spin.hpp"

namespace procession::inline v0::detail {
namespace {

/// The sections that this thread is in; each knows the one around it.
thread_local const Section* innermost = nullptr;

void leave(std::atomic<std::uint32_t>& section) {
    if (section.exchange(0) & heap::waiters_bit) {
        PROCESSION_KILL_POINT("section.before_wake");
        os::futex_wake(section, INT_MAX);
    }
}

/// Waits until the word says something else than that this living owner is in the section.
void wait_outside(heap::Operation& operation, std::atomic<std::uint32_t>& section, std::uint32_t seen,
                  heap::OwnedWordSleep& sleep) {
    for (int i = 0; i < os::spin_limit(); ++i) {
        if (section.load(std::memory_order_relaxed) != seen) return;
        os::pause();
    }
    const std::uint32_t wanted = seen | heap::waiters_bit;
    if (seen != wanted && !section.compare_exchange_strong(seen, wanted)) return;
    PROCESSION_KILL_POINT("section.before_sleep");
    operation.sleep([&] {
        sleep(section, wanted, operation.heap().slot(heap::owner_in(wanted)), os::Deadline::never());
    });
}

}  // namespace

Offset make_container(heap::ObjectType kind, std::size_t size, heap::Recovery recovery,
                      const SharedType& type) {
    Heap& heap = Heap::program();
    const Offset object = make_object(heap, kind, size);
    auto& container = heap::body<Container>(heap, object);
    container.fingerprint = type.fingerprint;
    container.recovery = recovery;
    std::strncpy(container.type_name, type.name.c_str(), sizeof container.type_name - 1);
    return object;
}

void check_container(Offset object, heap::ObjectType kind, const SharedType& type) {
    const Heap& heap = Heap::program();
    if (heap.at<heap::ObjectHeader>(object)->type != kind)
        throw TypeMismatch(
            fmt::format("{}: the handle's object is something else; receive it as that.", type.name));
    const auto& container = heap::body<Container>(heap, object);
    if (container.fingerprint != type.fingerprint)
        throw TypeMismatch(
            fmt::format("{}: this is a {}; receive it as that.", type.name, container.type_name));
}

void settle(Heap& heap, Container& container, bool coming_is_reached, bool going_is_reached) {
    const Offset object = object_of(heap, &container);
    if (const Offset coming = container.coming.load()) {
        if (coming_is_reached) give(heap, coming, object);
        PROCESSION_KILL_POINT("settle.given");
        container.coming.store(0);
    }
    const Offset going = container.going.load();
    if (going && (going_is_reached || heap.owner(going).load() != heap::block_tag(object)))
        container.going.store(0);
}

Step::Step(Container& container) : container_(container) {
    Section::refuse_within(container);
    operation_.emplace(Heap::program());
    heap::OwnedWordSleep sleep{std::stop_token()};
    for (;;) {
        guard_.emplace(*operation_, container.lock, container.recovery);
        const std::uint32_t seen = container.section.load(std::memory_order_acquire);
        if (seen == 0) break;
        if (heap().is_dead(heap::owner_in(seen))) {
            leave(container.section);
            break;
        }
        guard_.reset();
        wait_outside(*operation_, container.section, seen, sleep);
    }
    if (container.going.load(std::memory_order_relaxed)) take(container.going);
}

Step::Step(const Section& section) : container_(section.container_) {
    if (Heap::program().self() != section.participant_)
        throw StateError(
            fmt::format("{}: a forked child has left the function in which it was forked; "
                        "the container is its parent's until that returns there.",
                        container_.type_name));
    operation_.emplace(Heap::program());
    guard_.emplace(*operation_, container_.lock, container_.recovery);
}

Step::~Step() {
    guard_.reset();
    // Freeing asks for an entry of its own, which must not be all that other threads wait for.
    Heap& in = heap();
    operation_.reset();
    while (taken_count_) in.free(keep());
}

Section::Section(Container& container) : container_(container), outer_(innermost) {
    const Step step(container);
    participant_ = step.self();
    container.section.store(participant_);
    innermost = this;
    PROCESSION_KILL_POINT("section.entered");
}

Section::~Section() {
    innermost = outer_;
    PROCESSION_KILL_POINT("section.before_leave");
    // In a child that was forked in here it is the parent's.
    if (Heap::program().self() == participant_) leave(container_.section);
}

void Section::refuse_within(const Container& container) {
    for (const Section* each = innermost; each; each = each->outer_)
        if (&each->container_ == &container && each->participant_ == Heap::program().self())
            throw StateError(
                fmt::format("{}: called by a function that has this very container to itself, so the "
                            "call would wait "
                            "for ever. Use what the function was given, or make the call afterwards.",
                            container.type_name));
}

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0

// Event. One word that counts its changes: odd while it is set. So a waiter that saw it even knows of
// any set() since, also of one that was cleared again before it woke.

#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/event.hpp>

#include "heap/object.hpp"
#include "synchronize/wake.hpp"

namespace procession::inline v0 {

using heap::Heap;

namespace {

struct EventBody {
    std::atomic<std::uint32_t> changes;
    heap::WaitPoint is_set;
};
static_assert(sizeof(EventBody) == 12);

EventBody& body_of(const detail::Handle& handle) { return *static_cast<EventBody*>(handle.body()); }

bool is_odd(std::uint32_t changes) { return changes & 1; }

void make_odd(std::atomic<std::uint32_t>& changes, bool odd) {
    std::uint32_t seen = changes.load(std::memory_order_relaxed);
    while (is_odd(seen) != odd && !changes.compare_exchange_weak(seen, seen + 1)) {
    }
}

void check_type(heap::Offset object) {
    if (type_of(Heap::program(), object) != heap::ObjectType::event)
        throw TypeMismatch("Event: this is another kind of object; receive it as that");
}

}  // namespace

Event::Event()
    : Handle(
          "Event",
          [] { return make_object(Heap::program(), heap::ObjectType::event, sizeof(EventBody)); },
          check_type) {}

Event::Event(detail::Handle handle) : Handle(std::move(handle)) { check_type(offset()); }

bool Event::is_set() const { return is_odd(body_of(*this).changes.load(std::memory_order_acquire)); }

// Whoever finds it set still wakes: the one that set it may have been killed before it did.
void Event::set() const {
    EventBody& body = body_of(*this);
    synchronize::change_and_notify(body.is_set, INT_MAX, [&] { make_odd(body.changes, true); });
}

void Event::clear() const { make_odd(body_of(*this).changes, false); }

bool Event::wait_within(Timeout timeout, const std::stop_token& stop) const {
    EventBody& body = body_of(*this);
    const std::uint32_t before = body.changes.load(std::memory_order_acquire);
    if (is_odd(before)) return true;
    heap::Operation operation(Heap::program());
    const auto ready = [&] { return body.changes.load(std::memory_order_acquire) != before; };
    const auto waited = heap::wait(operation, body.is_set, ready, os::Deadline::after(timeout), stop);
    if (waited == heap::Waited::stopped) throw CancelledError("Event: the wait was stopped");
    return waited == heap::Waited::ready;
}

std::string Event::to_string() const {
    return fmt::format("<Event at {} {}>", body(), is_set() ? "set" : "unset");
}

}  // namespace procession::inline v0

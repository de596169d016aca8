// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <pthread.h>
#include <procession/detail/handle.hpp>
#include <procession/error.hpp>

#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "heap/directory.hpp"
#include "heap/object.hpp"
#include "os/at_load.hpp"

namespace procession::inline v0::detail {

namespace {

void lose(LocalObject& object, std::string why) {
    object.body = nullptr;
    object.lost = std::move(why);
}

// Never destroyed: handles with static storage end after everything else.
struct Registry {
    std::mutex mutex;
    std::unordered_map<heap::Offset, std::pair<LocalObject*, std::weak_ptr<LocalObject>>> objects;
};

Registry& registry() {
    static Registry* const instance = [] {
        heap::set_on_join([](heap::Heap& heap) {
            if (&heap != &heap::Heap::program()) return;
            Registry& known = registry();
            // Let go after the mutex: the last handle may end in another thread meanwhile.
            std::vector<std::shared_ptr<LocalObject>> kept;
            const std::lock_guard lock(known.mutex);
            // A child that was forked has its parent's handles, and is no holder yet.
            for (auto next = known.objects.begin(); next != known.objects.end();) {
                const auto entry = next++;
                const heap::Offset offset = entry->first;
                auto object = entry->second.second.lock();
                if (!object) continue;
                if (!is_inherited(type_of(heap, offset))) {
                    object->held = false;
                } else if (is_alive(heap, offset, object->serial)) {
                    hold(heap, offset, heap.identity().id.load());
                } else {
                    lose(*object,
                         "handle: its object was destroyed before this forked process used it. Start "
                         "processes with procession::Process, which passes handles on safely.");
                    // Another object may come to lie there.
                    known.objects.erase(entry);
                }
                kept.push_back(std::move(object));
            }
        });
        // A fork by another thread must not catch the registry half changed, or locked.
        ::pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                         [] { registry().mutex.unlock(); });
        return new Registry;
    }();
    return *instance;
}

// Made before there are threads: a fork in the middle of a lazy one would hang the child for ever.
PROCESSION_AT_LOAD void make_registry() { registry(); }

/// Whether static initialisers run here, of a fresh run that is to be one of the program's processes.
bool awaits_takeover() {
    static std::atomic<bool> over{false};
    if (over.load(std::memory_order_relaxed)) return false;
    if (heap::child_mark()) return true;
    over.store(true, std::memory_order_relaxed);
    return false;
}

/// @param hold_it  has this process hold the object, whether it does already or not. @returns false: it is gone
template <class HoldIt>
std::shared_ptr<LocalObject> local_object(heap::Offset offset, const HoldIt& hold_it) {
    heap::Heap& heap = heap::Heap::program();
    if (!heap.valid(offset, sizeof(heap::ObjectHeader)))
        throw SerializationError("handle: the offset lies outside the heap; the message is damaged");
    Registry& known = registry();
    const heap::ParticipantId me = heap.self();
    const std::lock_guard lock(known.mutex);
    if (const auto entry = known.objects.find(offset); entry != known.objects.end())
        if (auto live = entry->second.second.lock()) {
            if (live->held.load() || hold_it(heap, me)) {
                live->held = true;
                return live;
            }
            return nullptr;
        }
    if (!hold_it(heap, me)) return nullptr;
    auto& [object, weak] = known.objects[offset];
    auto made = std::make_shared<LocalObject>();
    made->offset = offset;
    made->serial = heap.at<heap::ObjectHeader>(offset)->serial;
    made->body = &heap::body<std::byte>(heap, offset);
    object = made.get();
    weak = made;
    return made;
}

/// One that this process has made, and so holds.
std::shared_ptr<LocalObject> adopted(heap::Offset offset) {
    return local_object(offset, [](heap::Heap&, heap::ParticipantId) { return true; });
}

}  // namespace

Companion::~Companion() = default;

LocalObject::~LocalObject() {
    // Before the mutex: it may have a thread to wait for.
    delete companion.load();
    Registry& known = registry();
    heap::Heap& heap = heap::Heap::program();
    // A forked child that never touched the heap holds nothing that it could drop.
    const heap::ParticipantId me = heap.identity().id.load();
    // Dropped under the mutex: another thread that receives the object at this moment would find the
    // entry gone but this process still a holder, and keep a handle to what is dropped next.
    const std::lock_guard lock(known.mutex);
    const auto entry = known.objects.find(offset);
    // Another thread may have received the object again meanwhile: then it is held for that one.
    if (entry == known.objects.end() || entry->second.first != this) return;
    known.objects.erase(entry);
    if (me && body) heap::drop(heap, offset, me);
}

Handle Handle::attach(std::uint64_t offset) {
    return Handle(local_object(offset, [&](heap::Heap& heap, heap::ParticipantId me) {
        heap::hold(heap, offset, me);
        return true;
    }));
}
Handle Handle::adopt(std::uint64_t offset) { return Handle(adopted(offset)); }
std::optional<Handle> Handle::attach_if_alive(std::uint64_t offset, std::uint64_t serial) {
    auto object = local_object(offset, [&](heap::Heap& heap, heap::ParticipantId me) {
        return hold_if_alive(heap, offset, serial, me);
    });
    // What this process has there may be another one.
    if (!object || object->serial != serial) return std::nullopt;
    return Handle(std::move(object));
}

Handle::Handle(std::string_view type, const std::function<std::uint64_t()>& make,
               const std::function<void(std::uint64_t)>& check)
    : object_([&] {
          if (const auto name = heap::static_name(this)) {
              const auto [offset, made] = find_or_make_static(heap::Heap::program(), *name, make);
              if (!made) check(offset);
              return made ? adopted(offset) : attach(offset).object_;
          }
          if (!awaits_takeover()) return adopted(make());
          // It can't be known which of the parent's it would be, and another one would be silently
          // wrong.
          auto none = std::make_shared<LocalObject>();
          lose(*none,
               fmt::format("{}: it was made by static initialisation and is no variable with static "
                           "storage itself, so this process cannot tell which of its parent's it is. "
                           "Make it a global or a static, or in main, and pass it as an argument.",
                           type));
          return none;
      }()) {}

Handle::Handle(std::string_view type) : object_(std::make_shared<LocalObject>()) {
    lose(*object_, fmt::format("{}: there is none yet. Assign one to it, or receive into it.", type));
}

bool Handle::hold() const {
    heap::Heap& heap = heap::Heap::program();
    const heap::ParticipantId me = heap.self();
    const std::lock_guard lock(registry().mutex);
    if (!object_->held.load()) object_->held = hold_if_alive(heap, offset(), object_->serial, me);
    return object_->held.load();
}

std::optional<Handle> Handle::find_local(std::uint64_t offset) {
    Registry& known = registry();
    const std::lock_guard lock(known.mutex);
    const auto entry = known.objects.find(offset);
    auto object = entry == known.objects.end() ? nullptr : entry->second.second.lock();
    return object ? std::optional(Handle(std::move(object))) : std::nullopt;
}

Companion& Handle::companion_or(std::unique_ptr<Companion> made) const {
    Companion* there = nullptr;
    return object_->companion.compare_exchange_strong(there, made.get()) ? *made.release() : *there;
}

void Handle::throw_lost() const { throw StateError(object_->lost); }

}  // namespace procession::inline v0::detail

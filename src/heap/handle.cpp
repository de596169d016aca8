// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/handle.hpp>
#include <procession/error.hpp>
#include <pthread.h>

#include <mutex>
#include <unordered_map>
#include <vector>

#include "heap/object.hpp"

namespace procession::inline v0::detail {

/// What this process knows of one shared object; all its handles share it.
struct LocalObject {
    LocalObject(heap::Offset at, std::uint64_t number) : offset(at), serial(number) {}
    ~LocalObject();
    heap::Offset offset;
    std::uint64_t serial;
    bool lost = false;  ///< destroyed before this process, a fork of a holder, could hold it too
};

namespace {

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
            for (auto& [offset, entry] : known.objects) {
                auto object = entry.second.lock();
                if (!object) continue;
                object->lost = !is_alive(heap, offset, object->serial);
                if (!object->lost) hold(heap, offset, heap.identity().id.load());
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
[[maybe_unused]] const Registry& made_at_start = registry();

std::shared_ptr<LocalObject> find_or_make(heap::Offset offset, bool adopted) {
    heap::Heap& heap = heap::Heap::program();
    if (!heap.valid(offset, sizeof(heap::ObjectHeader)))
        throw SerializationError("handle: the offset lies outside the heap; the message is damaged");
    Registry& known = registry();
    const heap::ParticipantId me = heap.self();
    const std::lock_guard lock(known.mutex);
    auto& [object, weak] = known.objects[offset];
    if (auto live = weak.lock()) return live;
    if (!adopted) hold(heap, offset, me);
    auto made = std::make_shared<LocalObject>(offset, heap.at<heap::ObjectHeader>(offset)->serial);
    object = made.get();
    weak = made;
    return made;
}

}  // namespace

LocalObject::~LocalObject() {
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
    if (me && !lost) heap::drop(heap, offset, me);
}

Handle Handle::attach(std::uint64_t offset) { return Handle(find_or_make(offset, false)); }
Handle Handle::adopt(std::uint64_t offset) { return Handle(find_or_make(offset, true)); }

std::uint64_t Handle::offset() const {
    if (object_->lost)
        throw StateError("handle: its object was destroyed before this forked process used it. Start "
                         "processes with procession::Process, which passes handles on safely.");
    return object_->offset;
}

}  // namespace procession::inline v0::detail

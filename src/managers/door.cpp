// SPDX-License-Identifier: Apache-2.0
#include "managers/door.hpp"

#include <procession/error.hpp>

#include <atomic>
#include <bit>
#include <mutex>

#include "heap/waiting.hpp"
#include "os/at_load.hpp"
#include "os/kill_point.hpp"

namespace procession::inline v0::managers {
namespace {

using heap::Heap;
using heap::Offset;

constexpr std::uint32_t most_blocks = 256;

/// Places, and which of their references are gone.
struct Places {
    static constexpr std::uint32_t count = 16384, bits_of_word = 64;
    std::atomic<std::uint64_t> bits[count / bits_of_word];
    /// The serial number of the object that was the reference. What is finished for one that was killed as it
    /// told so may come when the place is another's: it has a lower one.
    std::atomic<std::uint64_t> serials[count];

    void note(std::uint32_t place, std::uint64_t serial) {
        auto& noted = serials[place];
        for (std::uint64_t seen = noted.load();
             seen < serial && !noted.compare_exchange_weak(seen, serial);) {
        }
        bits[place / bits_of_word].fetch_or(std::uint64_t{1} << place % bits_of_word);
    }
};

struct DoorBody {
    std::atomic<heap::ParticipantId> server;
    std::atomic<std::uint32_t> closed;
    heap::WaitPoint released;
    std::atomic<std::uint32_t> blocks;  ///< how many there are of those below
    std::uint32_t used;                 ///< the server's: places that were ever taken
    std::atomic<Offset> places[most_blocks];

    Places& block(const Heap& heap, std::uint32_t index) const {
        return *heap.at<Places>(places[index].load(std::memory_order_acquire));
    }
};

DoorBody& body_of(const detail::Handle& door) { return *static_cast<DoorBody*>(door.body()); }

/// Places that are free again; the server's alone.
struct FreePlaces : detail::Companion {
    std::mutex mutex;
    std::vector<std::uint32_t> places;
};

FreePlaces& free_places_of(const Door& door) {
    if (auto* const made = door.companion()) return static_cast<FreePlaces&>(*made);
    return static_cast<FreePlaces&>(door.companion_or(std::make_unique<FreePlaces>()));
}

PROCESSION_AT_LOAD void register_mourner() {
    heap::set_mourner(heap::ObjectType::manager, [](Heap& heap, Offset door, heap::ParticipantId) {
        // It may have noted something and not have told.
        notify_all(heap::body<DoorBody>(heap, door).released);
    });
}

}  // namespace

Door Door::open() {
    Heap& heap = Heap::program();
    Door door(Handle::adopt(make_object(heap, heap::ObjectType::manager, sizeof(DoorBody))));
    body_of(door).server = heap.self();
    return door;
}

std::uint32_t Door::take_place() const {
    Heap& heap = Heap::program();
    DoorBody& body = body_of(*this);
    FreePlaces& free = free_places_of(*this);
    const std::lock_guard lock(free.mutex);
    if (!free.places.empty()) {
        const std::uint32_t place = free.places.back();
        free.places.pop_back();
        return place;
    }
    if (body.used == body.blocks.load() * Places::count) {
        if (body.blocks.load() == most_blocks)
            throw HeapExhausted("Manager: there are too many proxies. Drop some.");
        const Offset block = heap.allocate(sizeof(Places));
        new (heap.at<Places>(block)) Places{};
        give(heap, block, offset());
        body.places[body.blocks.load()] = block;
        body.blocks.fetch_add(1);
    }
    return body.used++;
}

void Door::give_back_place(std::uint32_t place) const {
    FreePlaces& free = free_places_of(*this);
    const std::lock_guard lock(free.mutex);
    free.places.push_back(place);
}

std::vector<Door::Released> Door::wait_for_released(const std::stop_token& stop) const {
    Heap& heap = Heap::program();
    DoorBody& body = body_of(*this);
    std::vector<Released> released;
    const auto any = [&] {
        for (std::uint32_t block = 0; block < body.blocks.load(); ++block) {
            Places& places = body.block(heap, block);
            for (std::uint32_t word = 0; word < std::size(places.bits); ++word) {
                if (places.bits[word].load(std::memory_order_relaxed) == 0) continue;
                for (std::uint64_t set = places.bits[word].exchange(0); set != 0; set &= set - 1) {
                    const std::uint32_t place =
                        word * Places::bits_of_word + static_cast<std::uint32_t>(std::countr_zero(set));
                    released.push_back({block * Places::count + place, places.serials[place].load()});
                }
            }
        }
        return !released.empty();
    };
    heap::Patience patience = heap::Patience::without_timer();
    patience.looks = 0;
    wait(heap::NoNote(), body.released, any, os::Deadline::never(), stop, patience);
    return released;
}

void Door::close() const { body_of(*this).closed = 1; }

bool Door::is_open() const {
    const DoorBody& body = body_of(*this);
    return body.closed.load() == 0 && !Heap::program().is_dead(body.server.load());
}

Door::Bell Door::bell(std::uint32_t place, heap::Offset object) const {
    Heap& heap = Heap::program();
    heap::hold(heap, offset(), heap::block_tag(object));
    return {offset(), heap.at<heap::ObjectHeader>(offset())->serial, place};
}

void Door::ring(Heap& heap, const Bell& bell, Offset object) {
    const std::uint32_t holder = heap::block_tag(object);
    if (bell.door == 0 || !hold_if_alive(heap, bell.door, bell.serial, holder)) return;
    auto& body = heap::body<DoorBody>(heap, bell.door);
    body.block(heap, bell.place / Places::count)
        .note(bell.place % Places::count, heap.at<heap::ObjectHeader>(object)->serial);
    PROCESSION_KILL_POINT("door.noted");
    notify_all(body.released);
    drop(heap, bell.door, holder);
}

}  // namespace procession::inline v0::managers

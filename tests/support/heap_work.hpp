// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "heap/object.hpp"

namespace procession::test {

/// Everything that a process does with memory: small and large blocks, objects, messages with
/// references.
inline void work(heap::Heap& heap) {
    std::vector<heap::Offset> blocks;
    for (const std::size_t size : {8, 100, 1000, 5000, 40'000, 300'000, 2'000'000})
        for (int i = 0; i < 3; ++i) blocks.push_back(heap.allocate(size));
    std::array<heap::Offset, 2> objects;
    for (heap::Offset& object : objects) object = make_object(heap, heap::ObjectType::plain, 64);
    const heap::Offset message = make_message(heap, 500, objects);
    for (const heap::Offset object : objects) drop(heap, object, heap.self());
    for (const heap::Offset block : blocks) heap.free(block);
    heap.free(message);
}

inline void bury_everybody(heap::Heap& heap) {
    for (std::uint32_t i = 1; i < heap::slot_count; ++i)
        if (const auto id = heap.slot(i).id.load()) bury(heap, id);
}

}  // namespace procession::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/error.hpp>

#include <string>
#include <vector>

#include "heap/heap.hpp"

namespace procession::test {

/// As long as it lives there is no room for anything.
struct FullHeap {
    /// @param use  with Use::control, not even for what messages are kept in
    explicit FullHeap(heap::Use use = heap::Use::message) {
        for (std::size_t size = 4 << 20; size >= 8; size = size * 7 / 8) fill(size, use);
    }
    ~FullHeap() {
        for (const auto block : blocks) heap::Heap::program().free(block);
    }
    void fill(std::size_t size, heap::Use use) {
        try {
            for (;;) blocks.push_back(heap::Heap::program().allocate(size, use));
        } catch (const HeapExhausted& error) {
            message = error.what();
        }
    }
    std::vector<std::uint64_t> blocks;
    std::string message;
};

}  // namespace procession::test

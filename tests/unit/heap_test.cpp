// SPDX-License-Identifier: Apache-2.0
#include "heap/heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

namespace procession::heap {
namespace {

/// Many blocks of all sizes, up to fifty at once, each with a mark all over.
void allocate_and_free(Heap& heap, std::mt19937& random) {
    const std::uint64_t before = heap.usage().blocks;
    std::map<Offset, std::pair<std::size_t, unsigned char>> kept;
    const auto give_back = [&](auto block) {
        const auto [size, mark] = block->second;
        const auto* bytes = heap.at<unsigned char>(block->first);
        ASSERT_TRUE(std::all_of(bytes, bytes + size, [mark = mark](auto each) { return each == mark; }));
        heap.free(block->first);
        kept.erase(block);
    };
    for (int i = 0; i < 5000; ++i) {
        // As many small ones as large ones.
        const std::size_t size = 1 + (random() >> (12 + random() % 20));
        const Offset at = heap.allocate(size);
        const auto next = kept.lower_bound(at);
        ASSERT_TRUE(next == kept.end() || at + size <= next->first);
        ASSERT_TRUE(next == kept.begin() ||
                    std::prev(next)->first + std::prev(next)->second.first <= at);
        const auto mark = static_cast<unsigned char>(random());
        std::memset(heap.at<std::byte>(at), mark, size);
        kept.emplace(at, std::pair(size, mark));
        ASSERT_EQ(heap.usage().blocks - before, kept.size());
        if (kept.size() > 50)
            give_back(std::next(kept.begin(), static_cast<long>(random() % kept.size())));
    }
    while (!kept.empty()) give_back(kept.begin());
    EXPECT_EQ(heap.usage().blocks, before);
}

// conformance: heap.invariants
TEST(Heap, blocks_never_overlap_and_everything_is_given_back) {
    Heap heap(Heap::create(256 << 20));
    heap.self();
    std::mt19937 random(42);
    allocate_and_free(heap, random);
    // What is kept ready of each size is enough for the same again.
    const std::uint64_t kept_ready = heap.usage().used_bytes;
    EXPECT_LT(kept_ready, 16u << 20);
    for (int i = 0; i < 3; ++i) allocate_and_free(heap, random);
    EXPECT_LE(heap.usage().used_bytes, kept_ready + (4u << 20));
}

}  // namespace
}  // namespace procession::heap

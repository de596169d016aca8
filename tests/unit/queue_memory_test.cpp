// SPDX-License-Identifier: Apache-2.0

// What a long queue costs, and that it gives everything back.

#include <procession/queues.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <procession/mp.hpp>

#include <numeric>

#include "heap/heap.hpp"
#include "os/error.hpp"

namespace {

using procession::heap::Heap;
using procession::heap::HeapUse;
namespace os = procession::os;

/// What the heap's pages take of the machine's memory.
std::uint64_t resident_bytes() {
    struct stat file {};
    os::checked(::fstat(Heap::program().descriptor(), &file), "heap", "fstat");
    return static_cast<std::uint64_t>(file.st_blocks) * 512;
}

void put_numbers(const mp::Queue<std::int64_t>& queue, std::int64_t count) {
    constexpr std::int64_t batch = 10'000;
    std::vector<std::int64_t> numbers(batch);
    for (std::int64_t begin = 0; begin < count; begin += batch) {
        std::iota(numbers.begin(), numbers.end(), begin);
        queue.put_many(numbers);
    }
}

void get_numbers(const mp::Queue<std::int64_t>& queue, std::int64_t count) {
    for (std::int64_t next = 0; next < count;)
        for (const std::int64_t number : queue.get_many(10'000)) ASSERT_EQ(number, next++);
    EXPECT_TRUE(queue.empty());
}

TEST(QueueMemory, is_thirty_two_bytes_at_most_for_a_number_and_goes_back) {
    // More than what is kept at hand of pages that nothing lies in.
    constexpr std::int64_t count = 6'000'000;
    constexpr std::uint64_t kept_pages = 64 << 20, last_segment = 1 << 20;
    // Blocks of less than a segment's largest size stay for others of their size.
    constexpr std::uint64_t kept_blocks = 2 << 20;
    const mp::Queue<std::int64_t> queue;
    const HeapUse before = Heap::program().usage();
    for (int round = 0; round < 2; ++round) {
        put_numbers(queue, count);
        EXPECT_LE(Heap::program().usage().used_bytes - before.used_bytes, 32 * count);
        EXPECT_GT(resident_bytes(), kept_pages);
        get_numbers(queue, count);
        const HeapUse after = Heap::program().usage();
        EXPECT_EQ(after.blocks, before.blocks);
        EXPECT_LE(after.used_bytes, before.used_bytes + kept_blocks + last_segment);
        EXPECT_LE(resident_bytes(), after.used_bytes + kept_pages);
    }
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>
#include <sched.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <new>

#include "support/channels/message.hpp"
#include "support/shared.hpp"

namespace procession::benchmark {

/// A bounded ring with a sequence word in each slot (Dmitry Vyukov's scheme) that never sleeps, knows one
/// size and survives nobody: the limit of what many to many can do with one copy in and one copy out.
class SpinningRing {
  public:
    explicit SpinningRing(std::size_t size)
        : capacity_(std::bit_ceil(capacity(size))),
          slot_size_((sizeof(Slot) + size + 63) / 64 * 64),
          ends_(new (shared_memory(sizeof(Ends) + capacity_ * slot_size_)) Ends) {
        for (std::uint64_t i = 0; i < capacity_; ++i) slot(i).sequence = i;
    }

    void send(const Message& message) {
        const std::uint64_t position = claim(ends_->put, 0);
        std::memcpy(slot(position).bytes(), message.data(), message.size());
        slot(position).sequence.store(position + 1, std::memory_order_release);
    }
    void receive(Message& message) {
        const std::uint64_t position = claim(ends_->get, 1);
        std::memcpy(message.data(), slot(position).bytes(), message.size());
        slot(position).sequence.store(position + capacity_, std::memory_order_release);
    }

  private:
    struct Ends {
        alignas(64) std::atomic<std::uint64_t> put{0};
        alignas(64) std::atomic<std::uint64_t> get{0};
    };
    struct Slot {
        std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
        std::atomic<std::uint64_t> sequence;
    };

    Slot& slot(std::uint64_t position) const {
        auto* const slots = reinterpret_cast<std::byte*>(ends_ + 1);
        return *reinterpret_cast<Slot*>(slots + position % capacity_ * slot_size_);
    }

    /// The next position of an end whose slot is `ahead` of it.
    std::uint64_t claim(std::atomic<std::uint64_t>& end, std::uint64_t ahead) const {
        std::uint64_t position = end.load(std::memory_order_relaxed);
        for (int spins = 0;;) {
            const auto distance = static_cast<std::int64_t>(
                slot(position).sequence.load(std::memory_order_acquire) - position - ahead);
            if (distance == 0) {
                if (end.compare_exchange_weak(position, position + 1, std::memory_order_relaxed))
                    return position;
                continue;
            }
            if (distance < 0) ++spins < 256 ? _mm_pause() : static_cast<void>(::sched_yield());
            position = end.load(std::memory_order_relaxed);
        }
    }

    std::size_t capacity_, slot_size_;
    Ends* ends_;
};

}  // namespace procession::benchmark

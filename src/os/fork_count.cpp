// SPDX-License-Identifier: Apache-2.0
#include "os/fork_count.hpp"

#include <pthread.h>

#include <atomic>

#include "os/at_load.hpp"

namespace procession::inline v0::os {
namespace {

std::atomic<std::uint16_t> forks{0};

PROCESSION_AT_LOAD void count_forks() {
    ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
}

}  // namespace

std::uint16_t fork_count() { return forks.load(std::memory_order_relaxed); }

}  // namespace procession::inline v0::os

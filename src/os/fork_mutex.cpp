// SPDX-License-Identifier: Apache-2.0
#include "os/fork_mutex.hpp"

#include <pthread.h>

#include <atomic>

namespace procession::inline v0::os {

struct ForkMutexes {
    static inline std::atomic<ForkMutex*> newest{nullptr};
    /// Those made while the fork is under way are nobody's yet.
    static inline ForkMutex* newest_at_fork = nullptr;

    static void lock() {
        newest_at_fork = newest.load();
        for (ForkMutex* each = newest_at_fork; each; each = each->made_before_) each->std::mutex::lock();
    }
    static void unlock() {
        for (ForkMutex* each = newest_at_fork; each; each = each->made_before_)
            each->std::mutex::unlock();
    }
    static void add(ForkMutex* mutex) {
        static const int registered = ::pthread_atfork(lock, unlock, unlock);
        static_cast<void>(registered);
        mutex->made_before_ = newest.load();
        while (!newest.compare_exchange_weak(mutex->made_before_, mutex)) {
        }
    }
};

ForkMutex::ForkMutex() { ForkMutexes::add(this); }

}  // namespace procession::inline v0::os

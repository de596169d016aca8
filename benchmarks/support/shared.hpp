// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <new>
#include <system_error>

namespace procession::benchmark {

/// Memory that this process and those that it forks share. It is never given back.
inline void* shared_memory(std::size_t size) {
    void* const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    return memory;
}

/// An object that this process and those that it forks share. It is never destroyed.
template <class T>
class Shared {
  public:
    Shared() : object_(new (shared_memory(sizeof(T))) T) {}
    T& operator*() const { return *object_; }
    T* operator->() const { return object_; }

  private:
    T* object_;
};

}  // namespace procession::benchmark

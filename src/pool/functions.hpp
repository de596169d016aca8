// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/job.hpp>
#include <procession/detail/task.hpp>

#include <map>
#include <memory>
#include <unordered_map>

#include "heap/object.hpp"

// How a function gets to the workers: its name and its state are written once, to a block of the pool's; tasks
// name the block. A worker reads it when it first meets it.

namespace procession::inline v0::pool {

/// A function as the user wrote it, for messages: by its code, if it is a plain one and has a symbol.
std::string name_of_function(const void* code, std::string (*type_name)());

/// A function that was written down. It is freed when no task and nobody else needs it.
struct KnownFunction : boost::intrusive_ref_counter<KnownFunction, boost::thread_safe_counter> {
    KnownFunction(heap::Offset place, std::string (*type)(), const void* address)
        : block(place), type_name(type), code(address) {}
    ~KnownFunction();

    /// As the user wrote it, for messages.
    std::string name() const;

    std::atomic<heap::Offset> block;  ///< 0: the pool is gone
    std::string (*const type_name)();
    const void* const code;  ///< of a plain function
};

/// The functions that a pool's process has written down. For one thread at a time.
class Functions {
  public:
    Functions(heap::Heap& heap, heap::Offset object) : heap_(heap), object_(object) {}
    ~Functions();

    detail::Ref<KnownFunction> use(const detail::TaskFunction&);

  private:
    detail::Ref<KnownFunction> write_down(const detail::TaskFunction&);

    struct Key {
        const void* entry;
        std::array<std::uintptr_t, 2> code;
        auto operator<=>(const Key&) const = default;
    };
    heap::Heap& heap_;
    const heap::Offset object_;
    std::uint64_t next_serial_ = 1;
    std::map<Key, detail::Ref<KnownFunction>> stateless_;  ///< these stay: a program has so many
    std::vector<detail::Ref<KnownFunction>> with_state_;   ///< until nobody else has them
};

/// The functions that a worker has met.
class FunctionCache {
  public:
    struct Entry {
        std::uint64_t serial = 0;
        std::unique_ptr<detail::TaskRunner> runner;
        double item_nanoseconds = 0;  ///< how long a call takes; 0: nobody knows
    };
    explicit FunctionCache(heap::Heap& heap) : heap_(heap) {}
    /// @throws  what reading it throws
    Entry& find(heap::Offset block);
    /// How long a call takes, if that is known.
    double item_nanoseconds(heap::Offset block) const;

  private:
    static constexpr std::size_t most = 1024;
    heap::Heap& heap_;
    std::unordered_map<heap::Offset, Entry> entries_;
    heap::Offset last_ = 0;  ///< the block that was asked for last, and what it is
    Entry* last_entry_ = nullptr;
};

}  // namespace procession::inline v0::pool

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/connection.hpp>
#include <procession/queues.hpp>

#include <cstdint>
#include <stop_token>
#include <vector>

#include "heap/object.hpp"

// How processes of the server's own program come to it, and how it learns that their references are gone: through
// the heap. A reference of theirs is a proxy's object in the heap, which every proxy and every message with one
// holds; when nobody does any more, however the last one went, that is noted here, and the server lets go.

namespace procession::inline v0::managers {

class Door : public detail::Handle {
  public:
    /// None.
    Door() : Handle("Manager") {}
    /// The one that a message names.
    explicit Door(Handle handle) : Handle(std::move(handle)) {}
    /// This process's own: it is the server.
    static Door open();

    // ---- the server

    /// For one more reference: where it will be noted that it is gone, which is nobody else's place.
    std::uint32_t take_place() const;
    void give_back_place(std::uint32_t place) const;
    struct Released {
        std::uint32_t place;
        std::uint64_t serial;  ///< of the object that is gone; a place's former one is to be ignored
    };
    /// Waits until references are gone. @returns none when a stop was requested
    std::vector<Released> wait_for_released(const std::stop_token& stop) const;
    /// Nobody is served any more.
    void close() const;

    // ---- its clients

    bool is_valid() const { return exists(); }
    /// Whether the server serves.
    bool is_open() const;

    /// What is to be told once an object of the heap goes.
    struct Bell {
        heap::Offset door;
        std::uint64_t serial;
        std::uint32_t place;
    };
    /// That object holds the door from now on.
    Bell bell(std::uint32_t place, heap::Offset object) const;
    /// Once more does no harm.
    static void ring(heap::Heap& heap, const Bell& bell, heap::Offset object);

  private:
    using Handle::Handle;
};

}  // namespace procession::inline v0::managers

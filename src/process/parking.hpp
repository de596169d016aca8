// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/handle.hpp>
#include <procession/serialize.hpp>

#include <cstdint>
#include <string>
#include <unordered_map>

#include "heap/object.hpp"
#include "os/descriptor.hpp"

// A descriptor cannot lie in shared memory. One that is in a message is parked with the fork server, and the
// message has a ticket: an object of the heap, which goes with the message like all that a message refers to.
// Whoever receives it redeems the ticket. The server closes what nobody has a ticket for any more; if it is
// killed, tickets are worth nothing.

namespace procession::inline v0::detail {

/// A descriptor that can be in messages.
class ParkedDescriptor {
  public:
    /// Parks a copy. @throws std::system_error, StateError  there is no server, and none can be started
    explicit ParkedDescriptor(int fd);
    /// The one that a message has.
    explicit ParkedDescriptor(ByteReader&);

    void write(Buffer&) const;
    /// A copy of the descriptor; none when the server was killed.
    os::Descriptor redeem() const;

  private:
    Handle ticket_;
};

/// What a fork server has of it.
class ParkingLot {
  public:
    ParkingLot();

    /// Under which it gets its orders.
    const std::string& address() const { return address_; }
    /// Readable when there are any.
    int fd() const { return mailbox_.get(); }
    void answer_orders();

    /// Closes what nobody has a ticket for any more.
    void close_abandoned();
    /// In how many milliseconds that is to be done again; -1: nothing is parked.
    int patience() const { return parked_.empty() ? -1 : patience_; }
    bool is_empty() const { return parked_.empty(); }
    /// In a child of the server: it has none of that.
    void leave();

  private:
    struct Parked {
        std::uint64_t serial;
        os::Descriptor descriptor;
    };
    os::Descriptor mailbox_;
    std::string address_;
    std::unordered_map<heap::Offset, Parked> parked_;
    int patience_ = shortest_patience;

    static constexpr int shortest_patience = 1, longest_patience = 250;
};

}  // namespace procession::inline v0::detail

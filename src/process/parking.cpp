// SPDX-License-Identifier: Apache-2.0
#include "process/parking.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include "log/log.hpp"
#include "os/futex.hpp"
#include "os/self.hpp"
#include "os/socket.hpp"
#include "process/fork_server.hpp"
#include "process/program.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;
using heap::Offset;

struct Ticket {
    std::atomic<heap::ParticipantId> server;  ///< that has it
    std::uint32_t server_index;
    std::atomic<std::uint32_t> is_parked;
};

Ticket& ticket_of(const Handle& handle) { return *static_cast<Ticket*>(handle.body()); }

/// What is asked of a server.
struct Order {
    enum Kind : std::uint64_t {
        park,   ///< the descriptor that comes along
        redeem  ///< through the socket that comes along
    };
    Kind kind;
    Offset ticket;
    std::uint64_t serial;
};

void send_order(const ServerState& server, Order::Kind kind, const Handle& ticket, int fd) {
    const std::uint64_t serial = Heap::program().at<heap::ObjectHeader>(ticket.offset())->serial;
    const Order order{kind, ticket.offset(), serial};
    const std::string_view address(server.parking, ::strnlen(server.parking, sizeof server.parking));
    os::post(address, std::as_bytes(std::span(&order, 1)), {&fd, 1});
}

}  // namespace

// ---------------------------------------------------------------- in any process

ParkedDescriptor::ParkedDescriptor(int fd)
    : ticket_(Handle::adopt(
          make_object(Heap::program(), heap::ObjectType::parked_descriptor, sizeof(Ticket)))) {
    Ticket& ticket = ticket_of(ticket_);
    while (ticket.is_parked.load() == 0) {
        ServerState& server = fork_server_for(os::credentials_fingerprint());
        const heap::ParticipantId participant = server.participant.load();
        ticket.server_index = static_cast<std::uint32_t>(&server - program_state().servers);
        ticket.server = participant;
        try {
            send_order(server, Order::park, ticket_, fd);
        } catch (const std::system_error& error) {
            if (!Heap::program().is_dead(participant)) throw;
        }
        while (ticket.is_parked.load() == 0 && !Heap::program().is_dead(participant))
            os::futex_wait(ticket.is_parked, 0,
                           os::Deadline::never().sooner(std::chrono::milliseconds(20)));
    }
}

ParkedDescriptor::ParkedDescriptor(ByteReader& reader)
    : ticket_([&] {
          Offset ticket = 0;
          reader.read(&ticket, sizeof ticket);
          return Handle::attach(ticket);
      }()) {
    if (type_of(Heap::program(), ticket_.offset()) != heap::ObjectType::parked_descriptor)
        throw SerializationError("descriptor: this is no ticket for one; the message is damaged");
}

void ParkedDescriptor::write(Buffer& buffer) const {
    const Offset ticket = ticket_.offset();
    buffer.write(&ticket, sizeof ticket);
    buffer.refer(ticket);
}

os::Descriptor ParkedDescriptor::redeem() const {
    const Ticket& ticket = ticket_of(ticket_);
    const ServerState& server =
        program_state().servers[ticket.server_index % std::size(program_state().servers)];
    auto [mine, its] = os::make_socketpair();
    try {
        if (server.participant.load() != ticket.server.load()) return os::Descriptor();
        send_order(server, Order::redeem, ticket_, its.get());
    } catch (const std::system_error&) {
        if (Heap::program().is_dead(ticket.server.load())) return os::Descriptor();
        throw;
    }
    its.reset();
    // Ends as well when the server is killed: it has the only other end then.
    std::byte any;
    auto answer = os::receive_message(mine.get(), {&any, 1}, 1);
    return answer.descriptors.empty() ? os::Descriptor() : std::move(answer.descriptors.front());
}

// ---------------------------------------------------------------- in the server

ParkingLot::ParkingLot() { std::tie(mailbox_, address_) = os::make_mailbox(); }

void ParkingLot::answer_orders() {
    Heap& heap = Heap::program();
    Order order;
    while (auto mail = os::take_mail(mailbox_.get(), std::as_writable_bytes(std::span(&order, 1)), 1)) {
        auto& [received, sender] = *mail;
        const bool is_order = received.size == sizeof order && received.descriptors.size() == 1 &&
                              sender == ::geteuid() &&
                              heap.valid(order.ticket, sizeof(heap::ObjectHeader));
        if (!is_order) continue;
        os::Descriptor& passed = received.descriptors.front();
        if (order.kind == Order::park && is_alive(heap, order.ticket, order.serial)) {
            auto& ticket = heap::body<Ticket>(heap, order.ticket);
            parked_[order.ticket] = {order.serial, std::move(passed)};
            ticket.is_parked = 1;
            os::futex_wake(ticket.is_parked, INT_MAX);
        } else if (order.kind == Order::redeem) {
            const auto parked = parked_.find(order.ticket);
            if (parked == parked_.end() || parked->second.serial != order.serial) continue;
            const int fd = parked->second.descriptor.get();
            const std::byte any{};
            // It may have died meanwhile.
            try {
                os::send_message(passed.get(), {&any, 1}, {&fd, 1});
            } catch (const std::system_error& error) {
                log_debug("fork server: a descriptor was not taken: {}", error.what());
            }
        }
        // Most tickets are not needed any more when they were redeemed.
        patience_ = shortest_patience;
    }
}

void ParkingLot::close_abandoned() {
    const Heap& heap = Heap::program();
    std::erase_if(parked_,
                  [&](const auto& each) { return !is_alive(heap, each.first, each.second.serial); });
    patience_ = std::min(2 * patience_, longest_patience);
}

void ParkingLot::leave() {
    parked_.clear();
    mailbox_.reset();
}

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

// A fork server keeps a few children ready: spares. A process that starts another takes one by itself,
// with one compare-and-swap in the heap, writes down what it is to become and wakes it: the server is
// not asked, and its fork is not waited for.
//
// A spare's entry has a state: a phase, and the participant whose move it was.
//
//   none ──server──▶ preparing ──spare──▶ ready ──claimant──▶ claimed ──claimant──▶ ordered ──spare──▶ taken
//     ▲                                     ▲                  │    └──server──▶ lost                    │
//     │                                     └──gives it back───┘                  │                      │
//     └───────────────server─────────────────────────────────────────claimant─────┴──────────server──────┘
//
// (Where a spare ends before it has an order, the server moves its entry to none; or to lost while it
// is claimed, since the claimant is writing there.)
//
// 1. Each move is one compare-and-swap or store of the state; what it publishes was written before.
// 2. `ordered` is the start: before it, the claimant's death sends the spare home (it ends); after it,
//    the spare becomes that process, whoever dies.
// 3. The claimant holds the record for the spare before `ordered`; the spare, which holds it then, holds
//    it for the server before `taken`. So at each moment whoever will write to it holds it.
// 4. A spare that finds any state but its own, or an order or a claim of somebody alive that is for it, ends.
// 5. An entry is the server's to use again when nobody can move it any more: see reusable().
// 6. When a server is told to go, those that are ready are sent home. Whoever makes or finds one ready after
//    that sends it home itself; its entry may be another server's before its own has reaped it.

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "heap/lock.hpp"
#include "process/launch.hpp"

namespace procession::inline v0::detail {

enum class Phase : std::uint32_t { none, preparing, ready, claimed, ordered, taken, lost };

struct Spare {
    std::atomic<std::uint64_t> state;
    heap::WaitPoint changed;
    std::atomic<heap::ParticipantId> participant;
    std::atomic<heap::ParticipantId> server;
    std::atomic<std::int32_t> pid;
    char address[8];  ///< of the socket at which it takes descriptors
    LaunchOrder order;

    static constexpr std::uint64_t pack(Phase phase, heap::ParticipantId mover) {
        return std::uint64_t{mover} << 32 | static_cast<std::uint32_t>(phase);
    }
    static constexpr Phase phase_of(std::uint64_t state) {
        return static_cast<Phase>(static_cast<std::uint32_t>(state));
    }
    static constexpr heap::ParticipantId mover_of(std::uint64_t state) {
        return static_cast<heap::ParticipantId>(state >> 32);
    }
    bool move(std::uint64_t from, Phase to, heap::ParticipantId mover) {
        return state.compare_exchange_strong(from, pack(to, mover));
    }
};

/// A fork server, as all processes of the program see it.
struct ServerState {
    static constexpr std::size_t spare_count = 8;
    static constexpr std::ptrdiff_t spares_wanted = 4, spares_low = 2;

    std::atomic<std::uint64_t> credentials;                ///< its fingerprint; what it makes is like it
    std::array<std::atomic<rlim_t>, RLIM_NLIMITS> limits;  ///< os::HardLimits of what it makes
    std::atomic<heap::ParticipantId> participant;          ///< 0: none, or one that is to go
    std::atomic<std::uint32_t> failures;                   ///< forks that failed; a waiter sees it grow
    std::atomic<std::int32_t> error;                       ///< why the last one did
    heap::WaitPoint changed;                               ///< a spare is ready, or a fork has failed
    char parking[8];                                       ///< where it gets descriptors to be parked
    char trouble[256];                                     ///< why it could not begin
    Spare spares[spare_count];
};

/// A spare that this process has claimed: given back at the end unless it got an order.
class ClaimedSpare {
  public:
    /// Waits for one; starts the fork server where there is none.
    /// @throws std::system_error  the server cannot fork
    /// @throws StateError         the server cannot be started
    ClaimedSpare();
    ~ClaimedSpare() { give_back(); }
    ClaimedSpare(ClaimedSpare&&) = delete;

    /// Lets it become the process that the order says; none when it was killed before that.
    std::optional<Launched> order(LaunchOrder, int stderr_fd);

  private:
    bool try_claim(ServerState&);
    void wait_for_claim(ServerState&);
    void give_back();
    void send_descriptors(LaunchOrder&, int stderr_fd) const;

    heap::Operation operation_;
    ServerState* server_ = nullptr;
    Spare* spare_ = nullptr;
    os::Descriptor pidfd_;
};

/// Does what can be done before there is an order. @returns the socket for descriptors, and its address
std::pair<os::Descriptor, std::string> prepare(ServerState&, const os::Inherited& now);
/// In a new child of the fork server: waits to be told what to become, and becomes it.
/// `bell` is rung when the server is to look at the entry; `now` is how this process is.
[[noreturn]] void be_spare(ServerState&, Spare&, heap::ParticipantId server, int bell,
                           const os::Inherited& now);

/// Whether nobody but the server can move this entry any more.
bool reusable(const heap::Heap&, const Spare&);
/// Sends the spares home that nobody has claimed.
void dismiss_spares(ServerState&);

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "managers/caller.hpp"
#include "managers/references.hpp"
#include "os/descriptor.hpp"

namespace procession::inline v0::managers {

/// What a server knows of a client: a process that has said which it is, or that the kernel vouches for; else a
/// connection.
class ClientRecord {
  public:
    /// How it is known which client it is.
    enum class Known {
        by_connection,  ///< it is not: the connection is all that there is
        by_kernel,      ///< a process of this host: it is there as long as that
        by_itself,      ///< it has said so: it is there as long as it has connections
        by_program,     ///< the same, and it is a process of the server's own program
    };
    ClientRecord(std::uint64_t number, std::string key, Known known, int pid);
    ClientRecord(ClientRecord&&) = delete;

    std::uint64_t number() const { return number_; }
    const std::string& key() const { return key_; }
    int pid() const { return pid_; }
    /// Readable once its process has ended; -1: its connections tell.
    int pidfd() const { return pidfd_.get(); }

    /// Whether it is there still when it has no connection.
    bool stays_without_connections() const {
        return known_ == Known::by_kernel && pidfd() >= 0 && !has_ended_.load();
    }
    /// Its process has ended.
    void note_end() { has_ended_ = true; }

    /// References that go with the client. @param most  @throws ValueError  it would have more
    void refer(std::string_view ident, std::size_t most);
    /// Gives some back. @returns how many of these were its own
    std::uint64_t let_go(std::string_view ident, std::uint64_t by);
    /// That referent is to be told when the client is gone.
    void remember(const std::shared_ptr<Referent>& referent);

    /// A connection of it has ended without a goodbye.
    void note_loss();
    /// Its process has said that it ends.
    void note_goodbye();
    /// It is gone: its references are given back, and those that are to be are told.
    void depart(const Caller& caller, References& references);

  private:
    Departure how_it_left() const;

    const std::uint64_t number_;
    const std::string key_;
    const Known known_;
    const int pid_;
    const os::Descriptor pidfd_;
    std::atomic<bool> has_ended_{false};
    std::mutex mutex_;  ///< guards what follows
    std::unordered_map<std::string, std::uint64_t> references_;
    std::size_t reference_count_ = 0;
    std::unordered_map<Referent*, std::weak_ptr<Referent>> minding_;
    bool has_lost_ = false, said_goodbye_ = false;
};

}  // namespace procession::inline v0::managers

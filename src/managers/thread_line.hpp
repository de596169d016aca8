// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "managers/line.hpp"
#include "managers/protocol.hpp"

namespace procession::inline v0::managers {

class ServerLink;

/// A connection to a server that one thread uses at a time. It is its process's own: in a forked child it is closed.
class ThreadLine {
  public:
    explicit ThreadLine(Line its);
    ThreadLine(ThreadLine&&) = delete;
    ~ThreadLine();

    /// @throws ValueError  the server would refuse it, and give the connection up; nothing is sent
    void send(const Call& call);
    /// As send(), if it can be.
    void say_goodbye() noexcept;

    Line line;
    LineMessage message;  ///< that is sent or read; its memory, and the next one's, is used again
    std::uint64_t max_message = default_max_message;
    std::uint64_t calls = 0;  ///< since the thread has said who it is
    bool is_taken = false;    ///< something has come: the server has the other end
    bool is_broken = false;

  private:
    Encoded outgoing_;
};

/// The calling thread's connections, by the numbers of their links, which no two have. They are left to others when it
/// ends.
class ThreadLines {
  public:
    struct Entry {
        std::weak_ptr<ServerLink> link;
        std::shared_ptr<ThreadLine> line;
    };

    /// None at the thread's very end: what is destroyed then, or with static storage, may still call.
    static ThreadLines* current();
    /// What a server calls it by.
    static std::string name();

    std::unordered_map<std::uint64_t, Entry> entries;

    ~ThreadLines();

  private:
    std::uint32_t made_at_ = 0;  ///< os::fork_count(): whose they are
};

}  // namespace procession::inline v0::managers

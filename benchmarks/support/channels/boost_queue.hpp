// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <boost/interprocess/ipc/message_queue.hpp>

#include <string>

#include "support/channels/message.hpp"

namespace procession::benchmark {

class BoostQueue {
  public:
    explicit BoostQueue(std::size_t size)
        : queue_(boost::interprocess::create_only, name().c_str(), capacity(size), size) {
        // Those that are forked have it mapped.
        boost::interprocess::message_queue::remove(name().c_str());
    }

    void send(const Message& message) { queue_.send(message.data(), message.size(), 0); }
    void receive(Message& message) {
        boost::interprocess::message_queue::size_type length;
        unsigned priority;
        queue_.receive(message.data(), message.size(), length, priority);
    }

  private:
    static std::string name() { return fmt::format("procession-benchmark-{}", ::getpid()); }
    boost::interprocess::message_queue queue_;
};

}  // namespace procession::benchmark

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/mp.hpp>

#include <cstring>

#include "support/channels/message.hpp"

namespace procession::benchmark {

class ProcessionQueue {
  public:
    explicit ProcessionQueue(std::size_t size) : queue_(capacity(size)) {}

    void send(const Message& message) { queue_.put(message); }
    void receive(Message& message) {
        const auto view = queue_.get_view();
        std::memcpy(message.data(), view.bytes().data(), view.size());
    }

  private:
    mp::Queue<Message> queue_;
};

}  // namespace procession::benchmark

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/mp.hpp>

#include "support/channels/message.hpp"

namespace procession::benchmark {

class ProcessionPipe {
  public:
    explicit ProcessionPipe(std::size_t) {}

    void send(const Message& message) { ends_.first.send_bytes(message); }
    void receive(Message& message) { ends_.second.recv_bytes_into(message); }

  private:
    mp::ConnectionPair ends_ = mp::Pipe();
};

}  // namespace procession::benchmark

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace procession::benchmark {

/// What clients set and get.
constexpr std::int64_t set_value = 42;

inline void check_value(bool is_what_was_set) {
    if (!is_what_was_set) throw std::runtime_error("another value was read than was set");
}

/// How one process uses a server: it has a key of its own, whose value it sets and gets.
struct Client {
    std::function<void()> set, get;
    std::function<void(int count)> set_together = {};  ///< as many in one go
};

/// Makes the client of that rank, in its process.
using Connect = std::function<Client(int rank)>;

inline std::string key_of(int rank) { return "key " + std::to_string(rank); }

/// A server that runs, and how one gets at it.
struct Server {
    std::string name;
    int pid;
    Connect connect;
};

/// The client that each member of a crew makes when it first needs it.
class OwnClient {
  public:
    explicit OwnClient(Connect connect) : connect_(std::move(connect)) {}

    Client& of(int rank) {
        if (!client_) {
            client_ = std::make_shared<Client>(connect_(rank));
            client_->set();
        }
        return *client_;
    }

  private:
    Connect connect_;
    std::shared_ptr<Client> client_;
};

}  // namespace procession::benchmark

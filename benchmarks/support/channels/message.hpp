// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace procession::benchmark {

/// What channels carry. Each channel is made for one size, before the processes that share it, and has
///   void send(const Message&)     until there is room
///   void receive(Message&)        a copy, until there is one
using Message = std::vector<std::byte>;

/// The first byte of the last message of each producer. As many as there are producers arrive at as many
/// consumers, one at each, after all others.
constexpr std::byte last{1};

/// How many messages a channel of that size holds, where one can choose.
constexpr std::size_t capacity(std::size_t size) {
    return std::clamp<std::size_t>((1 << 20) / size, 4, 1024);
}

}  // namespace procession::benchmark

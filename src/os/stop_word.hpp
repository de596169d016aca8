// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>
#include <stop_token>

#include "os/futex.hpp"

namespace procession::inline v0::os {

/// A stop request as a word that one can sleep on, beside another.
class StopWord {
  public:
    explicit StopWord(const std::stop_token& stop) : callback_(stop, Set{word_}) {}

    /// What holds until the request.
    Expectation no_request() const { return {word_, 0}; }

  private:
    struct Set {
        std::atomic<std::uint32_t>& word;
        void operator()() const {
            word.store(1);
            futex_wake(word, INT_MAX);
        }
    };
    std::atomic<std::uint32_t> word_{0};
    std::stop_callback<Set> callback_;
};

}  // namespace procession::inline v0::os

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <procession/error.hpp>

#include <cstddef>

namespace procession::inline v0::pickle {

/// What a pickle may still have made.
class Budget {
  public:
    explicit Budget(std::size_t limit) : limit_(limit) {}

    /// Before memory is taken, or time that grows likewise.
    void charge(std::size_t size) {
        if (size > limit_ - used_) refuse();
        used_ += size;
    }
    /// Of one value with all that is in it, each time that it is in it.
    void check(std::size_t size) const {
        if (size > limit_) refuse();
    }

  private:
    [[noreturn]] void refuse() const {
        throw SerializationError(fmt::format(
            "its values take more than {} bytes. Raise Limits::size if it is to be trusted", limit_));
    }

    std::size_t limit_;
    std::size_t used_ = 0;
};

}  // namespace procession::inline v0::pickle

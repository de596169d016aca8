// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/object.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace procession::inline v0::pickle {

/// The values that a pickle refers to again, by number. The numbers are the pickle's, so only those that
/// follow one another lie in a row: a large one alone takes no memory for those below it.
class Memo {
  public:
    explicit Memo(std::size_t limit) : limit_(limit) {}

    std::size_t size() const { return row_.size() + others_.size(); }
    void put(std::uint64_t number, const Object& value) {
        if (number < row_.size()) {
            row_[number] = value;
            return;
        }
        if (size() >= limit_)
            throw SerializationError(fmt::format(
                "it remembers more than {} values. Raise Limits::memo if it is to be trusted", limit_));
        if (number == row_.size())
            row_.push_back(value);
        else
            others_[number] = value;
    }
    const Object& get(std::uint64_t number) const {
        if (number < row_.size()) return row_[number];
        const auto found = others_.find(number);
        if (found == others_.end())
            throw SerializationError(
                fmt::format("it refers to value {}, which it has not remembered", number));
        return found->second;
    }

  private:
    std::size_t limit_;
    std::vector<Object> row_;
    std::unordered_map<std::uint64_t, Object> others_;
};

}  // namespace procession::inline v0::pickle

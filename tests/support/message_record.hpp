// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace procession::test {

/// A message of a storm.
struct Item {
    int putter;  ///< one life of a process
    int number;
    std::vector<int> payload;  ///< all equal to `number`

    bool is_whole() const {
        return std::all_of(payload.begin(), payload.end(), [&](int each) { return each == number; });
    }
};

/// What a getter says of an item.
struct Got {
    int getter;
    int putter;
    int number;
    bool whole;
};

/// What was got of each putter.
class Record {
  public:
    void note(const Got& got) {
        ASSERT_TRUE(got.whole) << "torn";
        auto& seen = seen_[got.putter];
        const auto number = static_cast<std::size_t>(got.number);
        if (seen.size() <= number) seen.resize(number + 1);
        doubles_ += seen[number];
        seen[number] = true;
        auto& last = last_.try_emplace({got.getter, got.putter}, -1).first->second;
        disorder_ += got.number <= last;
        last = got.number;
        ++count_;
    }
    std::size_t count() const { return count_; }
    std::size_t doubles() const { return doubles_; }
    /// How often a getter got of a putter what it had put earlier than what that getter had already.
    std::size_t disorder() const { return disorder_; }
    /// Those that are missing before the last of their putter.
    std::size_t lost() const {
        std::size_t lost = 0;
        for (const auto& [putter, seen] : seen_)
            lost += static_cast<std::size_t>(std::count(seen.begin(), seen.end(), false));
        return lost;
    }

  private:
    std::map<int, std::vector<bool>> seen_;
    std::map<std::pair<int, int>, int> last_;
    std::size_t count_ = 0, doubles_ = 0, disorder_ = 0;
};

}  // namespace procession::test

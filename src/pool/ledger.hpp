// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/job.hpp>

#include <deque>
#include <unordered_map>
#include <vector>

#include "pool/functions.hpp"
#include "pool/task_list.hpp"

namespace procession::inline v0::pool {

/// What the pool's process knows of a task.
struct TaskEntry {
    detail::Ref<detail::Job> job;  ///< null: the entry is free
    detail::Ref<KnownFunction> function;
    TaskAppender::Appended place;
    std::uint64_t first : 60 = 0;  ///< which of the job's items its item 0 is
    std::uint64_t level : 4 = 0;
    std::uint32_t left = 0;  ///< items whose results have not come
};

/// The tasks that are not done, by their tickets. For one thread at a time.
class Ledger {
  public:
    struct Added {
        std::uint64_t ticket;
        TaskEntry& entry;
    };
    Added add() {
        if (free_.empty()) {
            entries_.emplace_back();
            return {entries_.size(), entries_.back()};
        }
        const std::uint32_t index = free_.back();
        free_.pop_back();
        return {index + 1, entries_[index]};
    }
    TaskEntry& operator[](std::uint64_t ticket) { return entries_[ticket - 1]; }
    void remove(std::uint64_t ticket) {
        entries_[ticket - 1] = TaskEntry();
        free_.push_back(static_cast<std::uint32_t>(ticket - 1));
        given_back_.erase(ticket);
    }
    template <class Visit>
    void for_each(const Visit& visit) {
        for (std::size_t i = 0; i < entries_.size(); ++i)
            if (entries_[i].job) visit(i + 1, entries_[i]);
    }

    // Few tasks are put into a list more than once.

    struct GivenBack {
        std::vector<TaskAppender::Appended> places;
        // Of workers, by item: while they ran it, and when they had taken it and not begun it.
        std::unordered_map<std::uint32_t, std::uint32_t> deaths, deaths_before;
    };
    GivenBack& given_back(std::uint64_t ticket) { return given_back_[ticket]; }
    GivenBack* find_given_back(std::uint64_t ticket) {
        const auto found = given_back_.find(ticket);
        return found == given_back_.end() ? nullptr : &found->second;
    }

  private:
    std::deque<TaskEntry> entries_;
    std::vector<std::uint32_t> free_;
    std::unordered_map<std::uint64_t, GivenBack> given_back_;
};

}  // namespace procession::inline v0::pool

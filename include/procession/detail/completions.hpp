// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/job.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <unordered_map>

namespace procession::inline v0::detail {

/// A time limit that runs from when this was made.
class TimeLimit {
  public:
    explicit TimeLimit(Timeout timeout) : timeout_(timeout), since_(std::chrono::steady_clock::now()) {}
    /// What is left of it; never less than nothing.
    Timeout left() const {
        if (!timeout_) return timeout_;
        const auto passed = std::chrono::steady_clock::now() - since_;
        return Timeout(passed < *timeout_ ? *timeout_ - passed : std::chrono::nanoseconds(0));
    }

  private:
    const Timeout timeout_;
    const std::chrono::steady_clock::time_point since_;
};

/// Waits for the first of several jobs to be done, and the next, ... Leaves nothing behind.
/// @par Thread safety  for one thread
class PROCESSION_API Completions {
  public:
    Completions();
    ~Completions();
    Completions(Completions&&) = delete;

    /// Waits for this one as well. @param number  what next() says of it
    void watch(Job&, std::size_t number);
    /// The number of one that is done, each once, in the order in which they were; none when the time ran out.
    /// @throws CancelledError  stopped
    std::optional<std::size_t> next(const Timeout&, const std::stop_token&);

  private:
    struct Shared;
    struct Watched {
        Ref<Job> job;
        std::uint64_t call;
    };
    std::shared_ptr<Shared> shared_;
    std::unordered_map<std::size_t, Watched> watched_;  ///< those that were not given yet
};

/// @throws TimeoutError  so many of so many are not done
[[noreturn]] PROCESSION_API void throw_unfinished(std::size_t unfinished, std::size_t all);
/// The type of what was thrown.
PROCESSION_API std::string name_of_thrown(const std::exception_ptr&);
/// Calls it; what it throws is logged.
PROCESSION_API void log_what_it_throws(const std::function<void()>&) noexcept;

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/pool_options.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/deadline.hpp"
#include "pool/worker.hpp"
#include "process/stderr_tail.hpp"

namespace procession::inline v0::pool {

/// So many in a row that die before their first task, and there is no use in another.
inline constexpr int most_deaths_at_start = 5;

/// Why a worker is being ended.
enum class Reason { none, time_limit, cancelled, memory, terminated };

/// Who has a seat.
struct Member {
    enum State { absent, starting, working };
    State state = absent;
    bool is_reserve = false;  ///< it does nothing before it takes another's place
    std::optional<Process> process = {};
    std::unique_ptr<detail::StderrTail> stderr_tail = {};
    std::string name = {};
    int pid = 0;
    std::chrono::steady_clock::time_point since = {};
    std::uint64_t tasks_before = 0;  ///< what the seat's counter said when it came

    // Which of its results have come.
    std::uint32_t claim = 0, received = 0;

    // What it is being ended for, and how far that is.
    Reason reason = Reason::none;
    std::uint32_t reason_claim = 0, reason_item = 0;
    int signals_sent = 0;  ///< 1: SIGTERM, 2: SIGKILL
    os::Deadline next_signal = os::Deadline::never();
};

}  // namespace procession::inline v0::pool

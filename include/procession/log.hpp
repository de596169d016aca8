// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// The library's log: an spdlog logger named "multiprocessing", silent until asked.

#include <spdlog/spdlog.h>
#include <procession/detail/export.hpp>

#include <memory>
#include <optional>

namespace procession::inline v0 {

/// The library's logger. Its level is inherited by the processes that are started; off at first.
/// Lines go nowhere until log_to_stderr() or a sink is added.
/// @par Thread safety   safe @par Process safety  each process has its own
/// @see Python: multiprocessing.get_logger
PROCESSION_API std::shared_ptr<spdlog::logger> get_logger();

/// Writes the log to stderr as `[INFO/Process-1] text`, a line at a time, also when many processes
/// write; returns the logger. `level`: what to write from now on; none leaves it as it is.
/// @par Thread safety   safe @par Process safety  each process has its own
/// @see Python: multiprocessing.log_to_stderr
PROCESSION_API std::shared_ptr<spdlog::logger> log_to_stderr(
    std::optional<spdlog::level::level_enum> level = std::nullopt);

}  // namespace procession::inline v0

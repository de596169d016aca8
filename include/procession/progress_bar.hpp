// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// How far a map is, on a terminal.

#include <procession/detail/export.hpp>
#include <procession/pool_options.hpp>

#include <string>

namespace procession::inline v0 {

/// Shows how far a map or imap is, as the last line of stderr, if that is a terminal:
/// `options.progress = mp::ProgressBar("thumbnails");`. The line is gone once all is done.
/// @par Thread safety   for a pool, which calls it from one thread
class PROCESSION_API ProgressBar {
  public:
    /// @param label  what comes before the bar
    explicit ProgressBar(std::string label = {}) : label_(std::move(label)) {}
    void operator()(const Progress&) const;

  private:
    std::string label_;
};

}  // namespace procession::inline v0

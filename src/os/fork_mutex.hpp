// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

namespace procession::inline v0::os {

/// A mutex that no fork finds locked, nor what it guards half changed: fork() itself takes it first, and
/// opens it in parent and child. For objects that are never destroyed. Where two are held at once, the
/// one that was made later is taken first.
class ForkMutex : public std::mutex {
  public:
    ForkMutex();

  private:
    friend struct ForkMutexes;
    ForkMutex* made_before_;
};

}  // namespace procession::inline v0::os

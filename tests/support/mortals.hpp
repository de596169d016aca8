// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <iterator>
#include <map>
#include <random>

#include "os/kill_point.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace procession::test {

/// Processes that live until they are killed, by each other's parent or at a planted point, and are replaced
/// then. Each is told how often its role was begun before.
class Mortals {
  public:
    using Role = std::function<void(int life)>;

    ~Mortals() { kill_all(); }

    void start(const Role& role) {
        const int life = ++lives_;
        // Some die at a point; most before they come to theirs.
        const int nth = static_cast<int>(random_() % 20'000);
        const pid_t pid = ::fork();
        if (pid == 0) {
            os::select_kill_point("", nth);
            [&]() noexcept { role(life); }();
            ::_exit(1);
        }
        running_[pid] = &role;
    }

    /// Kills one, and replaces it.
    void strike() {
        const auto victim = std::next(running_.begin(), static_cast<long>(random_() % running_.size()));
        ::kill(victim->first, SIGKILL);
        start(*reap(0));
    }
    /// Replaces those that died at a point.
    void replace_dead() {
        while (const Role* role = reap(WNOHANG)) start(*role);
    }

    void kill_all() {
        for (const auto& [pid, role] : running_) ::kill(pid, SIGKILL);
        while (!running_.empty()) reap(0);
    }

    int kills() const { return kills_; }
    std::mt19937& random() { return random_; }

  private:
    const Role* reap(int flags) {
        int status = 0;
        const pid_t pid = ::waitpid(-1, &status, flags);
        if (pid <= 0) return nullptr;
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            << "ended with status " << status;
        ++kills_;
        const auto entry = running_.extract(pid);
        return entry.mapped();
    }

    std::map<pid_t, const Role*> running_;
    std::mt19937 random_{42};
    int lives_ = 0, kills_ = 0;
};

}  // namespace procession::test

#endif

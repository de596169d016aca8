// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <functional>

namespace procession::inline v0::os {

/// A thread of the library's own in a process of the program: with no signals, whose
/// handlers the program means for its own threads. What it does must not throw, and must end before
/// this goes.
class ServiceThread {
  public:
    enum class Stack {
        small,
        usual,  ///< for what the program's own functions are called on
    };
    /// @param name  as debuggers and top show it, up to 15 bytes
    /// @throws std::system_error  the system has no more threads for this process
    ServiceThread(const char* name, std::function<void()> body, Stack = Stack::small);
    ~ServiceThread();
    ServiceThread(ServiceThread&&) = delete;

    /// In a child that was forked, which has none of its parent's threads: there is none to wait for.
    void forget() noexcept { running_ = false; }
    /// By itself, or before its end: nobody waits for it any more.
    void detach() noexcept;

  private:
    std::function<void()> body_;
    pthread_t thread_;
    bool running_ = true;
};

}  // namespace procession::inline v0::os

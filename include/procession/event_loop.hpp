// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// What resumes coroutines, in programs that have no event loop of their own.

#include <procession/detail/export.hpp>
#include <procession/task.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace procession::inline v0 {
namespace coroutine {
class Loop;
}

/// Runs any number of tasks in one thread: a task runs until it waits for something, and goes on here when that
/// is there. There is no other thread, but for the one that waits beside a queue or a pipe, as Queue::fileno()
/// says.
///
/// The destructor destroys the tasks that are not done, and thereby ends their waits.
/// @par Thread safety   post() and spawn() may be called by any thread; the others by the one that runs it
/// @par Process safety  none: it belongs to the process that made it. A forked child makes one of its own
class PROCESSION_API EventLoop {
  public:
    /// @throws std::system_error  this process has no room for two more descriptors
    EventLoop();
    ~EventLoop();
    EventLoop(EventLoop&&) = delete;

    /// Runs a task, and meanwhile those that were spawned, and gives its value.
    ///
    /// What a spawned task throws ends it as well and comes out here, so that it is not lost: then the task is
    /// destroyed, and those that were spawned stay and go on in the next run().
    /// @throws StateError  it runs already; or this is another process than the one that made it
    /// @par Blocking  until the task is done; EINTR does not end the wait
    template <class T>
    T run(Task<T> task) {
        if constexpr (std::is_void_v<T>) {
            run_one(std::move(task));
        } else {
            std::optional<std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>
                value;
            run_one(keep(std::move(task), value));
            if constexpr (std::is_reference_v<T>)
                return **value;
            else
                return std::move(*value);
        }
    }
    /// Runs until all tasks that were spawned are done. @throws  as above
    void run();

    /// Has a task run beside others: at once if the loop runs, else when it does.
    /// @param stop  its waits end when a stop is requested
    void spawn(Task<> task, std::stop_token stop = {});
    /// Has a function called by the loop's thread; one that throws ends run(), as a spawned task does.
    void post(std::function<void()> function);

    /// The one that runs in this thread. @throws StateError  there is none
    static EventLoop& current();

  private:
    template <class T, class Kept>
    static Task<> keep(Task<T> task, std::optional<Kept>& value) {
        if constexpr (std::is_reference_v<T>)
            value = &co_await std::move(task);
        else
            value.emplace(co_await std::move(task));
    }
    void run_one(Task<>);

    std::unique_ptr<coroutine::Loop> loop_;
};

/// Runs a task in a loop of its own, and gives its value. Those that it spawned and that are not done then are
/// destroyed. @throws  as EventLoop::run()
/// @see Python: asyncio.run
template <class T>
T run(Task<T> task) {
    return EventLoop().run(std::move(task));
}

}  // namespace procession::inline v0

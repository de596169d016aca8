// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/shared_result.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "heap/object.hpp"
#include "heap/waiting.hpp"
#include "os/deadline.hpp"
#include "os/monitor.hpp"
#include "os/service_thread.hpp"
#include "process/finalize.hpp"
#include "synchronize/obituary.hpp"

// Results that several processes know. The first time one is sent, its process, the maker, makes an object for it, and once
// it is settled gives the object a block that says what came of it. Whoever receives the object has a job for it,
// whose host is here; a process has one job for an object, however often it receives it.

namespace procession::inline v0::pool {

/// What the heap keeps of a result.
struct SharedResultBody {
    enum Outcome : std::uint32_t {
        pending,
        value,
        exception,
        cancelled,   ///< an exception as well
        no_room,     ///< the heap was full
        abandoned,   ///< nobody is left who could bring it
        maker_died,  ///< before there was any
    };
    std::atomic<std::uint32_t> outcome;  ///< the maker's to say, or its coroner's
    heap::ParticipantId maker;
    std::atomic<heap::Offset> block;  ///< of a value or an exception
    heap::WaitPoint published;
    synchronize::Obituary obituary;  ///< of the maker
};

/// This process's.
class SharedResults final : public detail::JobHost {
  public:
    using Job = detail::Job;
    static SharedResults& here();

    detail::Handle share(Job&, const detail::SharedResultType&);
    detail::Ref<Job> find(heap::Offset object, const detail::SharedResultType&);
    /// What stands for a shared job of the process that this one was forked from.
    Job& heir_of(Job&);
    /// A shared job goes.
    void forget(Job&);

    // JobHost, of those that were received
    bool wait(Job&, const Timeout&, const std::stop_token&) override;
    bool cancel(Job&) override { return false; }
    bool is_running(const Job&) override { return false; }
    void post(std::function<void()>) override;
    bool attend() override;
    std::mutex& mutex() override { return mutex_; }

  private:
    using Lock = std::unique_lock<std::mutex>;
    explicit SharedResults(const SharedResults* parents);

    detail::Ref<Job> known(heap::Offset object);  ///< with the mutex held
    void take_up(Job&);
    void take_up_published();
    std::vector<heap::ParticipantId> makers();
    bool await_outcome(Job&, const os::Deadline&, const std::stop_token&);
    void call_posted();
    void serve();
    void end();

    const std::uint16_t fork_;
    const SharedResults* const parents_;  ///< of the process that this one was forked from
    std::mutex mutex_;
    os::Waiters changed_;                           ///< a callback was made
    std::unordered_map<heap::Offset, Job*> known_;  ///< by their objects
    std::unordered_set<Job*> awaited_;              ///< received, and not settled
    std::deque<std::function<void()>> posted_;
    bool has_ended_ = false;
    std::atomic<std::thread::id> thread_id_{};
    std::optional<os::ServiceThread> thread_;
    std::optional<detail::Finalizer> end_;
};

}  // namespace procession::inline v0::pool

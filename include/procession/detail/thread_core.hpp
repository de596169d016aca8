// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/thread_task.hpp>
#include <procession/pool_options.hpp>

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

namespace procession::inline v0::detail {

/// A pool of threads, as far as types do not matter.
/// @par Thread safety  safe
class PROCESSION_API ThreadPoolCore {
  public:
    ThreadPoolCore(int threads, ThreadPoolOptions);
    ThreadPoolCore(ThreadPoolCore&&) = delete;
    ~ThreadPoolCore();

    Ref<JobHost> host() const;
    /// How many threads there are to be.
    std::size_t size() const;
    /// How jobs are to be done, unless they say otherwise.
    Job::Settings settings(const TaskOptions& = {}) const;

    /// One call. @throws ValueError  the pool is closed or terminated
    void submit(Ref<ThreadTask>) const;
    // Many calls: begin, then any number of submissions, then end, or abandon.
    void begin_many(Job&) const;
    void submit_many(Ref<ThreadTask>) const;
    void end_many(Job&) const;
    /// Instead of the end: what is queued of it is dropped.
    void abandon(Job&) const;

    void close() const;
    void terminate() const;
    bool join(const Timeout&, const std::stop_token&) const;
    /// Ends the threads, once.
    void end() const;
    PoolStats stats() const;
    void resize(int threads) const;

  private:
    const Ref<pool::ThreadEngine> engine_;
};

/// A pool of threads, with types.
class ThreadCore : public ThreadPoolCore {
  public:
    using ThreadPoolCore::ThreadPoolCore;

    template <class R>
    using Single = ThreadSingle<R>;
    template <class R>
    using Map = ThreadMap<R>;
    template <class R>
    using Stream = ThreadStream<R>;

    template <class Call>
    static constexpr void check() {
        Call::require_callable();
    }

    template <class F, class... A>
    void call(ThreadSingle<TaskResult<F, Stored<A>...>>& job, F function, A&&... args) const {
        submit(Ref<ThreadTask>(
            new SingleTask<F, Stored<A>...>(job, std::move(function), std::forward<A>(args)...)));
    }

    /// Items of one map, as they are added.
    template <class Call>
    class Feed {
        using Task = ManyTask<Call>;
        using Values = ManyValues<typename Call::Result>;

      public:
        template <class Result>
        Feed(const ThreadCore& core, Result& job, typename Call::Function function,
             std::size_t chunksize, std::optional<std::uint64_t>)
            : core_(core),
              job_(job),
              values_(job),
              function_(std::make_shared<typename Call::Function>(std::move(function))),
              chunksize_(chunksize) {
            core_.begin_many(job_);
        }
        template <class Item>
        void add(Item&& item) {
            items_.add(std::forward<Item>(item));
            if (items_.size() >= enough && (chunksize_ == 0 || items_.size() % chunksize_ == 0)) flush();
        }
        /// Has what was added begun.
        void flush() {
            const std::size_t count = items_.size();
            if (count == 0) return;
            core_.submit_many(Ref<ThreadTask>(
                new Task(job_, values_, function_, std::exchange(items_, {}), first_, chunksize_)));
            first_ += count;
        }
        /// What was added since is not to be done.
        void drop() { items_ = {}; }
        void end() { core_.end_many(job_); }
        /// Ends it, with what is queued.
        void abandon() { core_.abandon(job_); }
        /// All elements of a sequence, `per_item` to an item.
        template <class E>
        void add_elements(std::span<const E> elements, std::size_t per_item, std::size_t) {
            if constexpr (std::is_same_v<typename Call::Stored, E>)
                items_.add_elements(elements);
            else
                items_.add_elements(elements, per_item);
            flush();
        }

      private:
        // The first are begun while others are still being read.
        static constexpr std::size_t enough = 1024;
        const ThreadCore& core_;
        Job& job_;
        Values& values_;
        const std::shared_ptr<typename Call::Function> function_;
        const std::size_t chunksize_;
        std::uint64_t first_ = 0;
        typename Task::Items items_;
    };
};

}  // namespace procession::inline v0::detail

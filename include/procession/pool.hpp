// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Processes that do tasks.

#include <procession/async_result.hpp>
#include <procession/context.hpp>
#include <procession/detail/imap.hpp>
#include <procession/detail/pool_calls.hpp>
#include <procession/pool_options.hpp>

#include <initializer_list>
#include <memory>
#include <ranges>
#include <stop_token>
#include <utility>
#include <vector>

namespace procession::inline v0 {

/// Contiguous numbers in pieces of `length`, for map and its kin: the function takes a `std::span<const E>`.
/// They are copied to shared memory once, and looked at there: no task copies its piece.
template <std::ranges::contiguous_range R>
auto slices(const R& elements, std::size_t length) {
    using E = std::remove_cv_t<std::ranges::range_value_t<R>>;
    static_assert(detail::Bulk<E>, "only numbers can be looked at where they lie");
    if (length == 0) throw ValueError("slices: the length is 0; it must be 1 or more");
    return Slices<E>(std::span<const E>(std::ranges::data(elements), std::ranges::size(elements)),
                     length);
}

namespace detail {

template <class R>
inline constexpr bool is_slices = false;
template <class E>
inline constexpr bool is_slices<Slices<E>> = true;

template <class R>
struct ItemOf {
    using type = std::ranges::range_value_t<R>;
};
template <class E>
struct ItemOf<Slices<E>> {
    using type = Slice<E>;
};

/// What the two kinds of pools have in common: how calls become jobs. `Core` is one of processes or threads.
template <class Core>
class PoolCalls {
  public:
    PoolCalls(PoolCalls&&) noexcept = default;
    PoolCalls& operator=(PoolCalls&& other) noexcept {
        std::swap(core_, other.core_);
        return *this;
    }
    ~PoolCalls() {
        if (core_) core_->end();
    }

    /// Calls `f(args...)` in a worker and returns its result. @throws  what it threw, WorkerDied, ...
    template <class F, class... A>
    requires(!std::same_as<std::decay_t<F>, TaskOptions>) auto apply(F&& f, A&&... args) const {
        return wait_for(apply_job(TaskOptions{}, std::forward<F>(f), std::forward<A>(args)...));
    }
    template <class F, class... A>
    auto apply(const TaskOptions& options, F&& f, A&&... args) const {
        return wait_for(apply_job(options, std::forward<F>(f), std::forward<A>(args)...));
    }
    /// The same without waiting. An argument that cannot be sent is the result's error.
    /// @throws ValueError  the pool is closed or terminated @throws HeapExhausted
    template <class F, class... A>
    requires(!std::same_as<std::decay_t<F>, TaskOptions>)
        [[nodiscard]] auto apply_async(F&& f, A&&... args) const {
        return apply_async(TaskOptions{}, std::forward<F>(f), std::forward<A>(args)...);
    }
    template <class F, class... A>
    [[nodiscard]] auto apply_async(const TaskOptions& options, F&& f, A&&... args) const {
        return result_of(apply_job(options, std::forward<F>(f), std::forward<A>(args)...));
    }

    /// Calls `f(item)` for each item, in the workers, and returns the results in the items' order. What is thrown
    /// first, by that order, is thrown once all are done; what the input throws, at once.
    /// @param chunksize  how many items a worker takes at a time; 0: as many as they are short
    template <class F, class R>
    [[nodiscard]] auto map(F&& f, R&& items, std::size_t chunksize = 0) const {
        return wait_for(map_job<MapCallOf<F, R>>(std::forward<F>(f), std::forward<R>(items), chunksize));
    }
    template <class F, class T>
    [[nodiscard]] auto map(F&& f, std::initializer_list<T> items, std::size_t chunksize = 0) const {
        return map(std::forward<F>(f), std::span<const T>(items.begin(), items.size()), chunksize);
    }
    /// The same without waiting: the input is read before it returns.
    template <class F, class R>
    [[nodiscard]] auto map_async(F&& f, R&& items, std::size_t chunksize = 0) const {
        return result_of(
            map_job<MapCallOf<F, R>>(std::forward<F>(f), std::forward<R>(items), chunksize));
    }
    template <class F, class T>
    [[nodiscard]] auto map_async(F&& f, std::initializer_list<T> items,
                                 std::size_t chunksize = 0) const {
        return map_async(std::forward<F>(f), std::span<const T>(items.begin(), items.size()), chunksize);
    }
    /// As map, with each item a tuple of arguments.
    template <class F, class R>
    [[nodiscard]] auto starmap(F&& f, R&& tuples, std::size_t chunksize = 0) const {
        return wait_for(
            map_job<StarCallOf<F, R>>(std::forward<F>(f), std::forward<R>(tuples), chunksize));
    }
    template <class F, class T>
    [[nodiscard]] auto starmap(F&& f, std::initializer_list<T> tuples, std::size_t chunksize = 0) const {
        return starmap(std::forward<F>(f), std::span<const T>(tuples.begin(), tuples.size()), chunksize);
    }
    template <class F, class R>
    [[nodiscard]] auto starmap_async(F&& f, R&& tuples, std::size_t chunksize = 0) const {
        return result_of(
            map_job<StarCallOf<F, R>>(std::forward<F>(f), std::forward<R>(tuples), chunksize));
    }
    template <class F, class T>
    [[nodiscard]] auto starmap_async(F&& f, std::initializer_list<T> tuples,
                                     std::size_t chunksize = 0) const {
        return starmap_async(std::forward<F>(f), std::span<const T>(tuples.begin(), tuples.size()),
                             chunksize);
    }

    /// As map, lazily: an input range of the results, in order, as they come. The input is read in the calling
    /// thread, at the call and at each step, and only some chunks ahead. An lvalue range is referred to, an rvalue
    /// kept. A step throws what its task threw; the next step goes on.
    template <class F, class R>
    [[nodiscard]] auto imap(F&& f, R&& items, std::size_t chunksize = 1) const {
        return lazy_map(std::forward<F>(f), std::forward<R>(items), chunksize, true);
    }
    template <class F, class T>
    [[nodiscard]] auto imap(F&& f, std::initializer_list<T> items, std::size_t chunksize = 1) const {
        return imap(std::forward<F>(f), std::vector<T>(items), chunksize);
    }
    /// The same in the order in which the results come.
    template <class F, class R>
    [[nodiscard]] auto imap_unordered(F&& f, R&& items, std::size_t chunksize = 1) const {
        return lazy_map(std::forward<F>(f), std::forward<R>(items), chunksize, false);
    }
    template <class F, class T>
    [[nodiscard]] auto imap_unordered(F&& f, std::initializer_list<T> items,
                                      std::size_t chunksize = 1) const {
        return imap_unordered(std::forward<F>(f), std::vector<T>(items), chunksize);
    }

    /// No task is to come any more. Workers end when those that are there are done.
    void close() const { core_->close(); }
    /// Ends the workers at once; what is not done is cancelled.
    void terminate() const { core_->terminate(); }
    /// Waits for the workers' end. @returns whether they have ended in time
    /// @throws ValueError  neither close() nor terminate() was called before
    bool join(Timeout timeout = forever, std::stop_token stop = {}) const {
        return core_->join(timeout, stop);
    }
    bool join(std::stop_token stop) const { return join(forever, std::move(stop)); }
    /// What it is at, at this moment.
    PoolStats stats() const { return core_->stats(); }
    /// Has so many workers from now on; those that are too many end after what they are at.
    /// @throws ValueError  less than 1
    void resize(int processes) const { core_->resize(processes); }

  protected:
    explicit PoolCalls(std::shared_ptr<const Core> core) : core_(std::move(core)) {}
    const Core& core() const { return *core_; }

    template <class F, class... A>
    auto apply_job(const TaskOptions& options, F&& f, A&&... args) const {
        using Function = std::decay_t<F>;
        require_task<Function, Stored<A>...>();
        using Single = typename Core::template Single<TaskResult<Function, Stored<A>...>>;
        Ref<Single> job(new Single(core_->host()));
        job->settings = core_->settings(options);
        core_->template call<Function>(*job, std::forward<F>(f), std::forward<A>(args)...);
        return job;
    }

    template <class F, class R>
    using MapCallOf = MapCall<std::decay_t<F>, typename ItemOf<std::remove_cvref_t<R>>::type>;
    template <class F, class R>
    using StarCallOf = StarCall<std::decay_t<F>, std::ranges::range_value_t<R>>;

    template <class Call, class F, class R>
    auto map_job(F&& f, R&& items, std::size_t chunksize) const {
        Core::template check<Call>();
        using Map = typename Core::template Map<typename Call::Result>;
        Ref<Map> job(new Map(core_->host()));
        job->settings = core_->settings();
        typename Core::template Feed<Call> feed(*core_, *job, std::forward<F>(f), chunksize,
                                                count_of(items));
        try {
            using Range = std::remove_cvref_t<R>;
            if constexpr (is_slices<Range>) {
                feed.add_elements(items.elements(), items.length(), chunksize);
            } else if constexpr (BulkRange<R, typename Call::Stored>) {
                feed.add_elements(std::span<const typename Call::Stored>(std::ranges::data(items),
                                                                         std::ranges::size(items)),
                                  1, chunksize);
            } else {
                const auto end = std::ranges::end(items);
                for (auto at = std::ranges::begin(items); at != end; ++at) feed.add(item_at<R>(at));
                feed.flush();
            }
        } catch (...) {
            feed.abandon();
            throw;
        }
        feed.end();
        return job;
    }

    template <class F, class R>
    auto lazy_map(F&& f, R&& items, std::size_t chunksize, bool in_order) const {
        using Call = MapCallOf<F, R>;
        Core::template check<Call>();
        if (chunksize == 0) throw ValueError("imap: the chunksize is 0; it must be 1 or more");
        using State = ImapState<Core, Call, R>;
        const std::size_t ahead = 4 * core_->size() + 4;
        return ImapResults<State, Regular<typename Call::Result>>(std::make_unique<State>(
            core_, std::forward<F>(f), std::forward<R>(items), chunksize, ahead, in_order));
    }

    template <class Job>
    static auto wait_for(const Ref<Job>& job) {
        job->host().wait(*job, forever, {});
        return job->take();
    }
    template <class Job>
    static auto result_of(Ref<Job> job) {
        return AsyncResult<typename Job::value_type>(std::move(job));
    }

  private:
    std::shared_ptr<const Core> core_;
};

}  // namespace detail

/// A pool of processes that do tasks. A worker that dies is one task's error: WorkerDied; another takes its
/// place.
/// @par Thread safety   safe, but for moves and destruction
/// @par Process safety  for the process that made it
/// @see Python: multiprocessing.Pool
class Pool : public detail::PoolCalls<detail::ProcessCore> {
  public:
    /// Starts so many workers. @throws ValueError  less than 1 @throws std::system_error  the system has no
    /// more processes; none is left behind
    explicit Pool(int processes = cpu_count(), PoolOptions options = {})
        : PoolCalls(std::make_shared<detail::ProcessCore>(kind, processes, std::move(options))) {}
    explicit Pool(PoolOptions options) : Pool(cpu_count(), std::move(options)) {}

    /// The workers, as they are at this moment.
    std::vector<ProcessHandle> workers() const { return core().workers(); }

  private:
    static constexpr detail::PoolKind kind{"Pool", false, false, Errc::value};
};

inline Pool Context::Pool(int processes, PoolOptions options) const {
    options.start_method = method_;
    return procession::Pool(processes, std::move(options));
}
inline Pool Context::Pool(int processes) const { return Pool(processes, PoolOptions{}); }

}  // namespace procession::inline v0

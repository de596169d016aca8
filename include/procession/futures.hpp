// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Processes that do tasks, with the vocabulary of Python's concurrent.futures.

#include <procession/async_result.hpp>
#include <procession/detail/completions.hpp>
#include <procession/detail/pool_calls.hpp>
#include <procession/pool_options.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <ranges>
#include <stop_token>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace procession::inline v0 {

/// The result of a task, now or later. A copy is the same one, also in another process, as an AsyncResult is.
/// @par Thread safety   safe; one object is not for two threads while it is assigned to
/// @par Process safety  safe, as AsyncResult
/// @see Python: concurrent.futures.Future
template <class T>
class Future {
  public:
    using value_type = T;
    /// None yet: every use throws StateError until one is assigned.
    Future() = default;
    explicit Future(detail::Ref<detail::ResultState<T>> state) : state_(std::move(state)) {}
    // Also what moves from it: that is still the same one.
    Future(const Future&) noexcept = default;
    Future& operator=(const Future&) noexcept = default;

    /// The value, waiting for it. @throws  as AsyncResult::get
    T result(Timeout timeout = forever, std::stop_token stop = {}) const {
        await(timeout, stop);
        return use().get();
    }
    T result(std::stop_token stop) const { return result(forever, std::move(stop)); }
    /// What the task threw, or why it came to nothing; null if it has a value.
    /// @throws TimeoutError    it was not done in time
    /// @throws CancelledError  it was cancelled
    std::exception_ptr exception(Timeout timeout = forever, std::stop_token stop = {}) const {
        await(timeout, stop);
        if (cancelled()) static_cast<void>(use().value());
        return use().exception();
    }
    /// Whether there is a value or an exception, or it was cancelled.
    bool done() const {
        detail::ResultState<T>& state = use();
        return state.is_done() || state.host().wait(state, std::chrono::seconds(0), {});
    }
    /// Whether a worker runs it at this moment. Where it was received from another process: false.
    bool running() const { return !done() && use().host().is_running(use()); }
    /// Cancels it: one that is queued is never run, one that runs is asked to stop by its std::stop_token, then
    /// ended with its worker. @returns false if it was done before; and where it was received from another process
    bool cancel() const { return cancelled() || use().host().cancel(use()); }
    /// Whether it was cancelled.
    bool cancelled() const { return use().is_cancelled(); }
    /// Has `f(future)` called once it is done, by the pool's thread; where it was received, by the library's thread
    /// there. What it throws is logged.
    template <class F>
    void add_done_callback(F f) const {
        use().call_back(detail::Job::When::after_done, [future = *this, f = std::move(f)]() mutable {
            detail::log_what_it_throws([&] { f(future); });
        });
    }

    /// "pending", "running", "cancelled", "finished, returned int" or "finished, raised std::runtime_error".
    std::string state_name() const {
        if (cancelled()) return "cancelled";
        if (!done()) return running() ? "running" : "pending";
        if (!use().has_exception()) return "finished, returned " + detail::type_name<T>();
        return "finished, raised " + detail::name_of_thrown(use().exception());
    }
    /// `<Future(finished, returned int)>`
    std::string to_string() const { return "<Future(" + state_name() + ")>"; }
    friend std::ostream& operator<<(std::ostream& out, const Future& future) {
        return out << future.to_string();
    }

    /// Whether they are the same one.
    friend bool operator==(const Future& one, const Future& other) noexcept {
        return detail::are_same(one.state_.get(), other.state_.get());
    }
    detail::Ref<detail::ResultState<T>> state() const {
        return detail::Ref<detail::ResultState<T>>(&use());
    }

  private:
    detail::ResultState<T>& use() const { return detail::in_this_process(state_); }
    void await(const Timeout& timeout, const std::stop_token& stop) const {
        detail::ResultState<T>& state = use();
        if (!state.is_done() && !state.host().wait(state, timeout, stop))
            detail::throw_result_timeout("Future::result");
    }

    detail::Ref<detail::ResultState<T>> state_;
};

// ---------------------------------------------------------------- several of them

namespace detail {
template <class T>
inline constexpr bool is_future<Future<T>> = true;
template <class R>
concept FutureRange = std::ranges::input_range<R> && is_future<std::ranges::range_value_t<R>>;

/// Each of them once.
template <class R>
auto distinct(R&& futures) {
    std::vector<std::ranges::range_value_t<R>> each;
    std::unordered_set<const void*> known;
    for (auto&& future : futures)
        if (known.insert(future.state().get()).second) each.push_back(future);
    return each;
}
}  // namespace detail

/// What a wait for several is for.
enum class ReturnWhen {
    all_completed,
    first_completed,
    first_exception,  ///< or all, if none fails
};

template <class F>
struct DoneAndNotDone {
    std::vector<F> done, not_done;
};

/// Waits for several futures or results; each counts once. @returns which of them are done, and which are not
/// @throws CancelledError  the wait was stopped
template <detail::FutureRange R>
auto wait(R&& futures, Timeout timeout = forever, ReturnWhen when = ReturnWhen::all_completed,
          std::stop_token stop = {}) {
    using F = std::ranges::range_value_t<R>;
    const std::vector<F> all = detail::distinct(futures);
    detail::Completions completions;
    for (std::size_t i = 0; i < all.size(); ++i) completions.watch(*all[i].state(), i);
    const auto failed = [&](std::size_t i) {
        return all[i].state()->is_cancelled() ? false : all[i].state()->has_exception();
    };
    std::vector<bool> is_done(all.size());
    const detail::TimeLimit limit(timeout);
    bool enough = false;
    for (std::size_t count = 0; count < all.size(); ++count) {
        // With enough of them, those come along that are done as well.
        const auto next =
            completions.next(enough ? Timeout(std::chrono::seconds(0)) : limit.left(), stop);
        if (!next) break;
        is_done[*next] = true;
        enough = enough || when == ReturnWhen::first_completed ||
                 (when == ReturnWhen::first_exception && failed(*next));
    }
    DoneAndNotDone<F> result;
    for (std::size_t i = 0; i < all.size(); ++i)
        (is_done[i] ? result.done : result.not_done).push_back(all[i]);
    return result;
}

/// Futures, as they are done: an input range.
template <class F>
class AsCompleted {
  public:
    AsCompleted(std::vector<F> futures, Timeout timeout) : count_(futures.size()), limit_(timeout) {
        for (F& future : futures) futures_.emplace_back(std::move(future));
        for (std::size_t i = 0; i < count_; ++i) completions_.watch(*futures_[i]->state(), i);
    }
    AsCompleted(AsCompleted&&) = delete;

    class iterator {
      public:
        using value_type = F;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        iterator() = default;
        explicit iterator(AsCompleted& all) : all_(&all) { ++*this; }
        F& operator*() const { return *future_; }
        iterator& operator++() {
            future_.reset();
            future_ = all_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) { return !it.future_; }

      private:
        AsCompleted* all_ = nullptr;
        mutable std::optional<F> future_;
    };
    iterator begin() { return iterator(*this); }
    std::default_sentinel_t end() const { return {}; }

  private:
    std::optional<F> next() {
        if (given_ == count_) return std::nullopt;
        const auto done = completions_.next(limit_.left(), {});
        if (!done) detail::throw_unfinished(count_ - given_, count_);
        ++given_;
        return std::exchange(futures_[*done], std::nullopt);
    }
    const std::size_t count_;
    const detail::TimeLimit limit_;
    std::size_t given_ = 0;
    std::vector<std::optional<F>> futures_;
    detail::Completions completions_;
};

/// Gives each of several futures or results once it is done; one that is given twice comes once.
/// @param timeout  for all of them, from this call on; a step beyond it throws TimeoutError
template <detail::FutureRange R>
auto as_completed(R&& futures, Timeout timeout = forever) {
    return AsCompleted<std::ranges::range_value_t<R>>(detail::distinct(futures), timeout);
}

// ---------------------------------------------------------------- the executor

/// The results of an executor's map, in order, as they come: an input range.
template <class R>
class MapResults {
  public:
    MapResults(detail::Ref<detail::StreamOfResults<R>> job, std::uint64_t count, Timeout timeout)
        : job_(std::move(job)), left_(count), limit_(timeout) {}

    class iterator {
      public:
        using value_type = detail::Regular<R>;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        iterator() = default;
        explicit iterator(MapResults& results) : results_(&results) { ++*this; }
        value_type& operator*() const { return *value_; }
        iterator& operator++() {
            value_.reset();
            value_ = results_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) { return !it.value_; }

      private:
        MapResults* results_ = nullptr;
        mutable std::optional<value_type> value_;
    };
    iterator begin() { return iterator(*this); }
    std::default_sentinel_t end() const { return {}; }
    /// The next result; none at the end. @throws TimeoutError  and what its task threw
    std::optional<detail::Regular<R>> next() {
        if (left_ == 0) return std::nullopt;
        if (!job_->is_there() && !job_->host().wait(*job_, limit_.left(), {}))
            detail::throw_result_timeout("ProcessPoolExecutor::map");
        --left_;
        return job_->take();
    }

  private:
    detail::Ref<detail::StreamOfResults<R>> job_;
    std::uint64_t left_;
    detail::TimeLimit limit_;
};

struct ExecutorMapOptions {
    Timeout timeout = {};  ///< for all of it, from the call on
    std::size_t chunksize =
        1;  ///< how many items a worker takes at a time; 0: as many as they are short
};

/// Processes that do tasks: started as they are needed, and what was submitted is done before the executor goes.
/// @par Thread safety   safe, but for moves and destruction
/// @par Process safety  for the process that made it
/// @see Python: concurrent.futures.ProcessPoolExecutor
class ProcessPoolExecutor {
  public:
    /// @throws ValueError  max_workers is less than 1
    explicit ProcessPoolExecutor(int max_workers = cpu_count(), PoolOptions options = {})
        : core_(std::make_shared<detail::ProcessCore>(kind, max_workers, std::move(options))) {}
    explicit ProcessPoolExecutor(PoolOptions options)
        : ProcessPoolExecutor(cpu_count(), std::move(options)) {}

    ProcessPoolExecutor(ProcessPoolExecutor&&) noexcept = default;
    ProcessPoolExecutor& operator=(ProcessPoolExecutor&& other) noexcept {
        std::swap(core_, other.core_);
        return *this;
    }
    ~ProcessPoolExecutor() {
        if (core_) core_->end();
    }

    /// Has a worker call `f(args...)`. An argument that cannot be sent is the future's error.
    /// @throws StateError  after shutdown() @throws HeapExhausted
    template <class F, class... A>
    requires(!std::same_as<std::decay_t<F>, TaskOptions>)
        [[nodiscard]] auto submit(F&& f, A&&... args) const {
        return submit(TaskOptions{}, std::forward<F>(f), std::forward<A>(args)...);
    }
    template <class F, class... A>
    [[nodiscard]] auto submit(const TaskOptions& options, F&& f, A&&... args) const {
        using Function = std::decay_t<F>;
        detail::require_task<Function, detail::Stored<A>...>();
        using Result = detail::TaskResult<Function, detail::Stored<A>...>;
        detail::Ref<detail::SingleResult<Result>> job(new detail::SingleResult<Result>(core_->host()));
        job->settings = core_->settings(options);
        core_->call(*job, static_cast<const Function&>(f), std::forward<A>(args)...);
        return Future<Result>(std::move(job));
    }

    /// Calls `f(items...)` with one item of each range, until the shortest ends; the ranges are read before it
    /// returns. The results come in order; a step throws what its task threw.
    template <class F, std::ranges::input_range... R>
    [[nodiscard]] auto map(F&& f, R&&... ranges) const {
        return map(ExecutorMapOptions{}, std::forward<F>(f), std::forward<R>(ranges)...);
    }
    template <class F, std::ranges::input_range... R>
    [[nodiscard]] auto map(const ExecutorMapOptions& options, F&& f, R&&... ranges) const {
        using Call = detail::StarCall<std::decay_t<F>, std::tuple<std::ranges::range_value_t<R>...>>;
        using Result = typename Call::Result;
        detail::ProcessCore::check<Call>();
        detail::Ref<detail::StreamOfResults<Result>> job(
            new detail::StreamOfResults<Result>(core_->host(), true));
        job->settings = core_->settings();
        typename detail::ProcessCore::Feed<Call> feed(*core_, *job, f, options.chunksize);
        std::uint64_t count = 0;
        try {
            auto at = std::tuple(std::ranges::begin(ranges)...);
            const auto ends = std::tuple(std::ranges::end(ranges)...);
            const auto all_go_on = [&]<std::size_t... I>(std::index_sequence<I...>) {
                return ((std::get<I>(at) != std::get<I>(ends)) && ...);
            };
            for (; all_go_on(std::index_sequence_for<R...>()); ++count) {
                std::apply(
                    [&](auto&... each) {
                        feed.add(typename Call::Stored(*each...));
                        (++each, ...);
                    },
                    at);
            }
            feed.flush();
        } catch (...) {
            feed.abandon();
            throw;
        }
        feed.end();
        return MapResults<Result>(std::move(job), count, options.timeout);
    }

    /// No task is to come any more. @param wait  until all are done and the workers have ended
    /// @param cancel_futures  what no worker has begun is cancelled
    void shutdown(bool wait = true, bool cancel_futures = false) const {
        core_->shutdown(wait, cancel_futures);
    }
    /// The same, waiting no longer than that. @returns whether all was done
    bool shutdown(Timeout timeout, bool cancel_futures = false) const {
        core_->shutdown(false, cancel_futures);
        return core_->join(timeout, {});
    }

    /// The workers, as they are at this moment.
    std::vector<ProcessHandle> workers() const { return core_->workers(); }
    PoolStats stats() const { return core_->stats(); }

  private:
    static constexpr detail::PoolKind kind{"ProcessPoolExecutor", true, true, Errc::state};
    std::shared_ptr<const detail::ProcessCore> core_;
};

}  // namespace procession::inline v0

template <class T>
struct fmt::formatter<procession::Future<T>> : formatter<std::string> {
    auto format(const procession::Future<T>& future, fmt::format_context& context) const {
        return formatter<std::string>::format(future.to_string(), context);
    }
};

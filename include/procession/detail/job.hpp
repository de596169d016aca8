// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a call of a pool is, as its caller's process knows it, until its results are there and fetched.

#include <procession/detail/handle.hpp>
#include <procession/detail/queue_message.hpp>
#include <procession/error.hpp>
#include <procession/timeout.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace procession::inline v0::detail {

class Job;

/// A pointer that counts itself in what it points to: there may be millions of jobs.
template <class T>
using Ref = boost::intrusive_ptr<T>;

/// What runs jobs: a pool of processes or of threads.
class PROCESSION_API JobHost : public boost::intrusive_ref_counter<JobHost, boost::thread_safe_counter> {
  public:
    virtual ~JobHost();
    /// Waits until Job::is_there(). @returns false when the time ran out @throws CancelledError  stopped
    virtual bool wait(Job&, const Timeout&, const std::stop_token&) = 0;
    /// Cancels what is not done of it. @returns false if nothing was left to cancel
    virtual bool cancel(Job&) = 0;
    /// Whether one of its items is being run at this moment.
    virtual bool is_running(const Job&) = 0;
    /// Has it done by the pool's thread.
    virtual void post(std::function<void()>) = 0;
    /// From now on the pool's thread looks for results by itself. @returns false: the pool is gone
    virtual bool attend() = 0;
    virtual std::mutex& mutex() = 0;
};

/// Results of consecutive items, as they came.
struct Results {
    std::uint64_t first;
    std::uint32_t count;
    std::span<const std::byte> bytes;
    MessageBlock* block = nullptr;  ///< of a long one, which may be taken over
};

/// How results of one type are sent to other processes.
struct SharedResultType {
    /// Writes the value, which is there. @throws  what the task threw
    void (*save)(Job&, Buffer&);
    /// One whose value comes from another process.
    Ref<Job> (*receive)(Ref<JobHost>);
};

/// One call's work: apply's one item, all those of a map.
/// @par Thread safety  what begins with `on_` is called under the host's mutex
class PROCESSION_API Job {
  public:
    virtual ~Job();
    Job(Job&&) = delete;

    friend void intrusive_ptr_add_ref(const Job* job) noexcept {
        job->pointers_.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(const Job* job) noexcept {
        if (job->pointers_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete job;
    }
    /// How many pointers there are; others may come and go meanwhile.
    std::uint32_t use_count() const { return pointers_.load(std::memory_order_relaxed); }
    /// Null if its last pointer went already.
    Ref<Job> if_alive();

    /// Whether all has come, and was told to those who asked to be told before.
    bool is_done() const { return phase_.load(std::memory_order_acquire) == done; }
    /// Whether all has come.
    bool is_settled() const { return phase_.load(std::memory_order_acquire) != pending; }
    /// Whether there is what the one who waits is waiting for.
    virtual bool is_there() const { return is_done(); }
    /// How many items are to come before that, at least.
    virtual std::uint64_t missing() const { return left_; }
    /// How many items are to come, in all.
    std::uint64_t left() const { return left_; }

    bool is_cancelled() const { return cancelled_.load(std::memory_order_acquire); }
    JobHost& host() const { return *host_; }

    /// Of one whose items are done in this process, no bytes come.
    virtual void on_results(const Results&) {}
    virtual void on_exception(std::uint64_t item, std::exception_ptr) = 0;

    // There may be millions of them, so they are small.

    std::uint32_t ticket = 0;  ///< what the host knows it by
    /// How it is to be done.
    struct Settings {
        static constexpr std::uint32_t no_limit = 0;
        std::uint32_t time_limit = no_limit;  ///< of an item, in milliseconds
        std::uint16_t max_retries = 0;
        std::int8_t priority = 0;
    };
    Settings settings;

    // For hosts, under their mutex:

    /// So many more items are to come; as long as more may be added, one more.
    void expect(std::uint64_t count) { left_ += count; }
    /// So many came. @returns whether those were the last
    bool came(std::uint64_t count) { return (left_ -= count) == 0; }
    /// All came: those who asked for it are told.
    void settle();
    void mark_cancelled() { cancelled_.store(true, std::memory_order_release); }

    /// Has it called by the pool's thread once all came: before those who wait learn of it, or after.
    enum class When { before_done, after_done };
    /// One that comes too late for that makes it not done once more, until it was called.
    /// @returns  what forget() is to be given; 0 if it is being called already
    std::uint64_t call_back(When, std::function<void()>);
    /// Has it not called, if it was not yet.
    void forget(std::uint64_t call);

    // For those that other processes know as well (shared_result.hpp):

    struct Shared {
        Handle object;
        const SharedResultType& type;
        Ref<Job> heir = {};  ///< what stands for it in a child that was forked
    };
    /// Null: this process alone knows it.
    Shared* shared() const;
    /// @returns false: another thread was first
    bool share_as(Handle object, const SharedResultType&);
    /// Whether this process was forked from the one that made it, whose threads it has not.
    bool is_inherited() const;

  protected:
    explicit Job(Ref<JobHost> host);
    /// What stands for one that is inherited. @throws StateError  nothing does
    Job& heir();

  private:
    enum Phase : std::uint8_t { pending, settled, done };
    struct Rare;
    Rare& rare();
    void call_before_done();
    void finish();

    mutable std::atomic<std::uint32_t> pointers_{0};
    const Ref<JobHost> host_;
    std::uint64_t left_ = 0;
    std::unique_ptr<Rare> rare_;
    const std::uint16_t fork_;  ///< how many forks lead to the process that made it
    std::atomic<Phase> phase_{pending};
    std::atomic<bool> cancelled_{false};
    std::atomic<bool> is_shared_{false};
};

/// Guards what several copies of a result share, and decode once.
PROCESSION_API std::recursive_mutex& guard_of(const Job&);
PROCESSION_API void log_unfetched(const std::exception_ptr&) noexcept;
[[noreturn]] PROCESSION_API void throw_no_result();
[[noreturn]] PROCESSION_API void throw_result_moved();
[[noreturn]] PROCESSION_API void throw_result_timeout(const char* what);

/// Calls `f(R)` for each of these results.
template <class R, class F>
void for_each_result(const Results& results, const F& f) {
    if (results.block) {
        f(load_message<R>(results.bytes));
    } else if constexpr (Bulk<R>) {
        for (std::uint32_t i = 0; i < results.count; ++i)
            f(load_message<R>(results.bytes.subspan(i * sizeof(R))));
    } else {
        ByteReader reader(results.bytes);
        for (std::uint32_t i = 0; i < results.count; ++i) {
            std::uint32_t length = 0;
            reader.read(&length, sizeof length);
            reader.require(length);
            f(load_message<R>(reader.left().first(length)));
            reader.skip(length);
        }
    }
}

/// Results that came and were not looked at: they are read by who fetches them.
class UnreadResults {
  public:
    explicit UnreadResults(const Results& results) : first_(results.first), count_(results.count) {
        if (results.block)
            block_ = std::move(*results.block);
        else
            bytes_.assign(results.bytes.begin(), results.bytes.end());
    }
    std::uint64_t first() const { return first_; }
    template <class R, class F>
    void read(const F& f) {
        Results results{first_, count_, bytes_};
        if (block_) {
            results.block = &block_;
            results.bytes = block_.bytes();
        }
        for_each_result<R>(results, f);
    }

  private:
    std::uint64_t first_;
    std::uint32_t count_;
    std::vector<std::byte> bytes_;
    MessageBlock block_;
};

/// What nothing is for the vocabulary of values.
template <class T>
using Regular = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// The result of a call as its handles share it.
template <class T>
class ResultState : public Job {
  public:
    using value_type = T;
    explicit ResultState(Ref<JobHost> host) : Job(std::move(host)) {}
    ~ResultState() override {
        if (error_ && !fetched_) log_unfetched(error_);
    }

    /// This one, or what stands for it in a child that was forked.
    ResultState& here() { return is_inherited() ? static_cast<ResultState&>(heir()) : *this; }

    /// The value, once it is there; read by the first who asks. @throws  what its task threw
    Regular<T>& value() {
        const std::lock_guard lock(guard_of(*this));
        fetched_ = true;
        if (!error_ && !value_) {
            try {
                value_.emplace(read());
            } catch (...) {
                error_ = std::current_exception();
            }
        }
        if (error_) std::rethrow_exception(error_);
        if (moved_) throw_result_moved();
        return *value_;
    }
    /// The same for one of several who may ask.
    T get() {
        Regular<T>& there = value();
        if constexpr (std::is_void_v<T>) {
            return;
        } else if constexpr (std::is_copy_constructible_v<T>) {
            return there;
        } else {
            return take();
        }
    }
    /// The same for the only one.
    T take() {
        const std::lock_guard lock(guard_of(*this));
        Regular<T>& there = value();
        if constexpr (!std::is_void_v<T>) {
            moved_ = true;
            return std::move(there);
        }
    }
    std::exception_ptr exception() {
        const std::lock_guard lock(guard_of(*this));
        try {
            value();
        } catch (...) {
        }
        return error_;
    }
    bool has_exception() {
        const std::lock_guard lock(guard_of(*this));
        const bool fetched = fetched_;
        const bool has = exception() != nullptr;
        fetched_ = fetched;
        return has;
    }

  protected:
    /// Reads the value from what came.
    virtual Regular<T> read() = 0;
    void set_error(std::exception_ptr error) { error_ = std::move(error); }
    bool has_error() const { return error_ != nullptr; }

  private:
    bool fetched_ = false;
    bool moved_ = false;

  protected:
    std::optional<Regular<T>> value_;

  private:
    std::exception_ptr error_;
};

/// What a result's handle has. @throws StateError  there is none yet
template <class T>
ResultState<T>& in_this_process(const Ref<ResultState<T>>& state) {
    if (!state) throw_no_result();
    return state->here();
}

/// apply's result.
template <class T>
class SingleResult final : public ResultState<T> {
  public:
    using ResultState<T>::ResultState;

    void on_results(const Results& results) override {
        if constexpr (std::is_void_v<T>)
            this->value_.emplace();
        else if constexpr (Bulk<T>)
            this->value_.emplace(load_message<T>(results.bytes));
        else
            unread_ = std::make_unique<UnreadResults>(results);
    }
    void on_exception(std::uint64_t, std::exception_ptr error) override {
        this->set_error(std::move(error));
    }

  private:
    Regular<T> read() override {
        std::optional<Regular<T>> value;
        if constexpr (is_read_later) {
            unread_->template read<T>([&](T&& each) { value.emplace(std::move(each)); });
            unread_.reset();
        }
        return std::move(*value);
    }
    static constexpr bool is_read_later = !std::is_void_v<T> && !Bulk<T>;
    struct Nothing {};
    [[no_unique_address]] std::conditional_t<is_read_later, std::unique_ptr<UnreadResults>, Nothing>
        unread_;
};

/// map's.
template <class R>
using MapValue = std::conditional_t<std::is_void_v<R>, void, std::vector<Regular<R>>>;

template <class R>
class MapResult final : public ResultState<MapValue<R>> {
  public:
    using ResultState<MapValue<R>>::ResultState;

    void on_results(const Results& results) override {
        if constexpr (std::is_void_v<R>) {
        } else if constexpr (Bulk<R>) {
            const std::size_t end = results.first + results.count;
            if (bulk_.size() < end) bulk_.resize(end);
            std::memcpy(bulk_.data() + results.first, results.bytes.data(), results.count * sizeof(R));
        } else {
            unread_.emplace_back(results);
        }
    }
    void on_exception(std::uint64_t item, std::exception_ptr error) override {
        if (this->has_error() && failed_item_ < item) return;
        failed_item_ = item;
        this->set_error(std::move(error));
    }

  private:
    Regular<MapValue<R>> read() override {
        if constexpr (std::is_void_v<R>)
            return {};
        else if constexpr (Bulk<R>)
            return std::move(bulk_);
        else
            return read_each();
    }
    std::vector<Regular<R>> read_each() {
        std::vector<Regular<R>> all;
        std::sort(unread_.begin(), unread_.end(),
                  [](const auto& a, const auto& b) { return a.first() < b.first(); });
        for (UnreadResults& each : unread_)
            each.template read<R>([&](R&& value) { all.push_back(std::move(value)); });
        unread_.clear();
        return all;
    }
    std::conditional_t<Bulk<R>, std::vector<Regular<R>>, std::monostate> bulk_;
    std::vector<UnreadResults> unread_;
    std::uint64_t failed_item_ = 0;
};

/// What came of the items of an imap, each of which is taken as it comes.
template <class Outcome>
class StreamOfOutcomes : public Job {
  public:
    bool is_there() const override { return can_take_.load(std::memory_order_acquire); }
    std::uint64_t missing() const override { return 1; }

  protected:
    StreamOfOutcomes(Ref<JobHost> host, bool in_order) : Job(std::move(host)), in_order_(in_order) {}

    void set(std::uint64_t item, Outcome outcome) {
        const std::uint64_t place = in_order_ ? item - begin_ : outcomes_.size();
        if (outcomes_.size() <= place) outcomes_.resize(place + 1);
        outcomes_[place].emplace(std::move(outcome));
        update();
    }
    /// The next one, which is there.
    Outcome take_next() {
        const std::lock_guard lock(host().mutex());
        Outcome next = std::move(*outcomes_.front());
        outcomes_.pop_front();
        ++begin_;
        update();
        return next;
    }

  private:
    void update() {
        can_take_.store(!outcomes_.empty() && outcomes_.front().has_value(), std::memory_order_release);
    }

    const bool in_order_;
    std::uint64_t begin_ = 0;
    std::deque<std::optional<Outcome>> outcomes_;
    std::atomic<bool> can_take_{false};
};

/// As it was sent.
struct SentOutcome {
    std::exception_ptr error = {};
    std::vector<std::byte> bytes = {};
    MessageBlock block = {};
};

/// imap's.
template <class R>
class StreamOfResults final : public StreamOfOutcomes<SentOutcome> {
  public:
    StreamOfResults(Ref<JobHost> host, bool in_order) : StreamOfOutcomes(std::move(host), in_order) {}

    void on_results(const Results& results) override {
        if (results.block) return set(results.first, {.block = std::move(*results.block)});
        ByteReader reader(results.bytes);
        for (std::uint32_t i = 0; i < results.count; ++i) {
            std::uint32_t length = 0;
            if constexpr (Bulk<R>)
                length = sizeof(R);
            else if constexpr (!std::is_void_v<R>)
                reader.read(&length, sizeof length);
            const auto bytes = reader.left().first(length);
            reader.skip(length);
            set(results.first + i, {.bytes = {bytes.begin(), bytes.end()}});
        }
    }
    void on_exception(std::uint64_t item, std::exception_ptr error) override {
        set(item, {.error = std::move(error)});
    }

    /// The next one, which is there. @throws  what its task threw
    Regular<R> take() {
        const SentOutcome next = take_next();
        if (next.error) std::rethrow_exception(next.error);
        if constexpr (std::is_void_v<R>)
            return {};
        else
            return load_message<R>(next.block ? next.block.bytes() : std::span(next.bytes));
    }
};

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

// A map whose input is read as its results are fetched.

#include <procession/detail/pool_calls.hpp>

#include <iterator>
#include <memory>
#include <optional>
#include <ranges>

namespace procession::inline v0 {
namespace detail {

/// What the iterators of one imap share.
template <class Core, class Call, class Range>
class ImapState {
    using Result = typename Call::Result;
    using Stream = typename Core::template Stream<Result>;

  public:
    template <class F>
    ImapState(std::shared_ptr<const Core> core, F&& f, Range&& range, std::size_t chunksize,
              std::size_t ahead, bool in_order)
        : core_(std::move(core)),
          range_(std::forward<Range>(range)),
          next_(std::ranges::begin(range_)),
          job_(new Stream(core_->host(), in_order)),
          feed_(*core_, *job_, std::forward<F>(f), chunksize, count_of(range_)),
          chunksize_(chunksize),
          ahead_(ahead) {
        job_->settings = core_->settings();
        feed();
    }
    ~ImapState() {
        if (is_open_) feed_.abandon();
    }
    ImapState(ImapState&&) = delete;

    /// The next result; none at the end. @throws  what its task threw, or the input; TimeoutError
    std::optional<Regular<Result>> next(const Timeout& timeout = forever) {
        feed();
        if (taken_ == submitted_) {
            if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
            return std::nullopt;
        }
        if (!job_->host().wait(*job_, timeout, {})) throw_result_timeout("imap");
        ++taken_;
        return job_->take();
    }

  private:
    // So many chunks are under way; the input is read for no more.
    void feed() {
        while (is_open_ && submitted_ < taken_ + ahead_ * chunksize_) {
            try {
                std::size_t count = 0;
                for (; count < chunksize_ && next_ != std::ranges::end(range_); ++count) {
                    feed_.add(item_at<Range>(next_));
                    ++next_;
                }
                feed_.flush();
                submitted_ += count;
                if (count < chunksize_) end();
            } catch (...) {
                // The whole chunks before that come first.
                error_ = std::current_exception();
                feed_.drop();
                end();
            }
        }
    }
    void end() {
        is_open_ = false;
        feed_.end();
    }

    const std::shared_ptr<const Core> core_;
    Range range_;
    std::ranges::iterator_t<std::remove_reference_t<Range>> next_;
    Ref<Stream> job_;
    typename Core::template Feed<Call> feed_;
    const std::size_t chunksize_, ahead_;
    std::uint64_t submitted_ = 0, taken_ = 0;
    std::exception_ptr error_;
    bool is_open_ = true;
};

}  // namespace detail

/// The results of an imap, as they are asked for: an input range.
/// @par Thread safety  for one thread at a time, which is also the one that reads the input
template <class State, class Result>
class ImapResults {
  public:
    explicit ImapResults(std::unique_ptr<State> state) : state_(std::move(state)) {}

    class iterator {
      public:
        using value_type = Result;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        iterator() = default;
        explicit iterator(State& state) : state_(&state) { ++*this; }
        Result& operator*() const { return *value_; }
        iterator& operator++() {
            value_ = state_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) { return !it.value_; }

        /// The next result, waiting no longer than that; none at the end.
        /// @throws TimeoutError  and what its task threw
        std::optional<Result> next(const Timeout& timeout) { return state_->next(timeout); }

      private:
        State* state_ = nullptr;
        mutable std::optional<Result> value_;
    };
    iterator begin() { return iterator(*state_); }
    std::default_sentinel_t end() const { return {}; }
    /// The next result, waiting no longer than that; none at the end. @throws TimeoutError  and what
    /// its task threw
    std::optional<Result> next(Timeout timeout = forever) { return state_->next(timeout); }

  private:
    std::unique_ptr<State> state_;
};

}  // namespace procession::inline v0

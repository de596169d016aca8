// SPDX-License-Identifier: Apache-2.0
#pragma once

// Results of calls that were done by this process's own threads: the values themselves.

#include <procession/detail/job.hpp>

#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace procession::inline v0::detail {

/// What came of one call: either.
template <class R>
struct Outcome {
    std::exception_ptr error = {};
    std::optional<Regular<R>> value = {};
};

/// Takes the values of many calls, under the host's mutex.
template <class R>
class ManyValues {
  public:
    virtual void set(std::uint64_t item, Regular<R>&& value) = 0;

  protected:
    ~ManyValues() = default;
};

/// apply's result.
template <class T>
class ThreadSingle final : public ResultState<T> {
  public:
    using ResultState<T>::ResultState;
    void set(Regular<T>&& value) { came_.emplace(std::move(value)); }
    void on_exception(std::uint64_t, std::exception_ptr error) override {
        this->set_error(std::move(error));
    }

  private:
    Regular<T> read() override { return std::move(*came_); }
    std::optional<Regular<T>> came_;
};

/// map's.
template <class R>
class ThreadMap final : public ResultState<MapValue<R>>, public ManyValues<R> {
  public:
    using ResultState<MapValue<R>>::ResultState;
    void set(std::uint64_t item, Regular<R>&& value) override {
        if constexpr (!std::is_void_v<R>) {
            if (values_.size() <= item) values_.resize(item + 1);
            values_[item].emplace(std::move(value));
        }
    }
    void on_exception(std::uint64_t item, std::exception_ptr error) override {
        if (this->has_error() && failed_item_ < item) return;
        failed_item_ = item;
        this->set_error(std::move(error));
    }

  private:
    Regular<MapValue<R>> read() override {
        if constexpr (std::is_void_v<R>) {
            return {};
        } else {
            std::vector<R> all;
            all.reserve(values_.size());
            for (auto& each : values_) all.push_back(std::move(*each));
            values_.clear();
            return all;
        }
    }
    std::deque<std::optional<Regular<R>>> values_;
    std::uint64_t failed_item_ = 0;
};

/// imap's.
template <class R>
class ThreadStream final : public StreamOfOutcomes<Outcome<R>>, public ManyValues<R> {
  public:
    ThreadStream(Ref<JobHost> host, bool in_order)
        : StreamOfOutcomes<Outcome<R>>(std::move(host), in_order) {}
    void set(std::uint64_t item, Regular<R>&& value) override {
        StreamOfOutcomes<Outcome<R>>::set(item, {.value = std::move(value)});
    }
    void on_exception(std::uint64_t item, std::exception_ptr error) override {
        StreamOfOutcomes<Outcome<R>>::set(item, {.error = std::move(error)});
    }

    /// The next one, which is there. @throws  what its task threw
    Regular<R> take() {
        Outcome<R> next = this->take_next();
        if (next.error) std::rethrow_exception(next.error);
        return std::move(*next.value);
    }
};

}  // namespace procession::inline v0::detail

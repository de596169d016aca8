// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a pool's threads do: calls, with the arguments as they were given.

#include <procession/detail/pool_calls.hpp>
#include <procession/detail/thread_results.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace procession::inline v0::pool {
class ThreadEngine;
struct ThreadMember;
}  // namespace procession::inline v0::pool

namespace procession::inline v0::detail {

class ThreadTask;

/// Some items of a task, in the hands of the thread that does them.
/// @par Thread safety  for that thread
class PROCESSION_API Turn {
  public:
    /// Goes on to the next item. @returns false if there is none, or they are not to be done any more
    bool next();
    /// Its number in the task.
    std::uint32_t item() const { return next_ - 1; }
    /// Asked to stop when the item's task is cancelled, or its time is up.
    std::stop_token stop_token();
    /// All were done: `hand_over` gives what came of them to the job, under the host's mutex, and says how many
    /// are exceptions. It is not called if the items come to something else, because they were cancelled, say.
    void finish(const std::function<std::uint64_t()>& hand_over);

  private:
    friend pool::ThreadEngine;
    Turn(pool::ThreadEngine& engine, pool::ThreadMember& member, Ref<ThreadTask> task,
         std::uint32_t begin, std::uint32_t end)
        : engine_(engine),
          member_(member),
          task_(std::move(task)),
          begin_(begin),
          end_(end),
          next_(begin) {}

    pool::ThreadEngine& engine_;
    pool::ThreadMember& member_;
    const Ref<ThreadTask> task_;
    const std::uint32_t begin_, end_;
    std::uint32_t next_;
    const std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
    bool is_asked_ = false;  ///< to stop
    std::optional<std::stop_source> stop_;
};

/// What a function is called in messages.
struct FunctionName {
    const void* code;  ///< of a plain function
    std::string (*type_name)();

    template <class F>
    static FunctionName of(const F& function) {
        if constexpr (is_function_pointer<F>)
            return {reinterpret_cast<const void*>(function), &type_name_of<F>};
        else
            return {nullptr, &type_name_of<F>};
    }

  private:
    template <class F>
    static std::string type_name_of() {
        return detail::type_name<F>();
    }
};

/// Items of one job.
class PROCESSION_API ThreadTask
    : public boost::intrusive_ref_counter<ThreadTask, boost::thread_safe_counter> {
  public:
    virtual ~ThreadTask();
    ThreadTask(ThreadTask&&) = delete;
    /// Does the turn's items, and finishes it.
    virtual void run(Turn&) = 0;

  protected:
    /// @param first  the number of its first item in the job
    /// @param at_once  how many items are done in one turn; 0: as many as they are short
    ThreadTask(Job& job, const FunctionName& name, std::uint64_t first, std::uint32_t count,
               std::size_t at_once)
        : job_(&job), name_(name), first_(first), count_(count), at_once_(at_once) {}
    std::uint64_t first() const { return first_; }

  private:
    friend pool::ThreadEngine;
    friend Turn;
    const Ref<Job> job_;
    const FunctionName name_;
    const std::uint64_t first_;
    const std::uint32_t count_;
    const std::size_t at_once_;
    std::uint32_t next_ = 0;     ///< the first that nobody has begun
    std::uint32_t adapted_ = 1;  ///< how many make a turn that is neither short nor long
};

/// Calls it, and keeps what came of it.
template <class R, class Call>
Outcome<R> outcome_of(const Call& call) {
    Outcome<R> outcome;
    try {
        if constexpr (std::is_void_v<R>) {
            call();
            outcome.value.emplace();
        } else {
            outcome.value.emplace(call());
        }
    } catch (...) {
        outcome.error = std::current_exception();
    }
    return outcome;
}

/// Gives the job what came of an item. @returns how many exceptions that is
template <class R, class Set>
std::uint64_t hand_over(Outcome<R>& outcome, Job& job, std::uint64_t item, const Set& set) {
    if (!outcome.error) {
        try {
            set(std::move(*outcome.value));
            return 0;
        } catch (...) {  // of the value's move, or memory
            outcome.error = std::current_exception();
        }
    }
    job.on_exception(item, std::move(outcome.error));
    return 1;
}

/// One call.
template <class F, class... A>
class SingleTask final : public ThreadTask {
    using R = TaskResult<F, A...>;

  public:
    template <class... B>
    SingleTask(ThreadSingle<R>& job, F&& function, B&&... arguments)
        : ThreadTask(job, FunctionName::of(function), 0, 1, 1),
          job_(job),
          call_(std::in_place, std::move(function), std::tuple<A...>(std::forward<B>(arguments)...)) {}

    void run(Turn& turn) override {
        Outcome<R> outcome;
        if (turn.next())
            outcome = outcome_of<R>([&]() -> R {
                return std::apply(
                    [&](A&... each) -> R { return call_task(call_->function, turn, each...); },
                    call_->arguments);
            });
        // Whoever learns of the result finds them gone.
        call_.reset();
        turn.finish([&]() -> std::uint64_t {
            return hand_over<R>(outcome, job_, 0,
                                [&](Regular<R>&& value) { job_.set(std::move(value)); });
        });
    }

  private:
    struct Call {
        Call(F&& f, std::tuple<A...>&& a) : function(std::move(f)), arguments(std::move(a)) {}
        F function;
        std::tuple<A...> arguments;
    };
    ThreadSingle<R>& job_;
    std::optional<Call> call_;
};

/// Items of a map, each of which goes once it was used.
template <class Stored>
class ThreadItems {
  public:
    template <class Item>
    void add(Item&& item) {
        items_.emplace_back(std::in_place, std::forward<Item>(item));
    }
    void add_elements(std::span<const Stored> elements) {
        items_.assign(elements.begin(), elements.end());
    }
    std::size_t size() const { return items_.size(); }
    template <class Use>
    auto use(std::size_t index, const Use& use) {
        struct Reset {
            std::optional<Stored>& item;
            ~Reset() { item.reset(); }
        } const reset{items_[index]};
        return use(*items_[index]);
    }

  private:
    std::vector<std::optional<Stored>> items_;
};

/// Pieces of a sequence.
template <class E>
class ThreadItems<Slice<E>> {
  public:
    void add_elements(std::span<const E> elements, std::size_t length) {
        elements_.assign(elements.begin(), elements.end());
        length_ = length;
    }
    std::size_t size() const { return (elements_.size() + length_ - 1) / length_; }
    template <class Use>
    auto use(std::size_t index, const Use& use) {
        const std::size_t at = index * length_;
        auto piece = std::span<const E>(elements_).subspan(at, std::min(length_, elements_.size() - at));
        return use(piece);
    }

  private:
    std::vector<E> elements_;
    std::size_t length_ = 1;
};

/// Many calls of one function.
template <class Call>
class ManyTask final : public ThreadTask {
    using F = typename Call::Function;
    using R = typename Call::Result;

  public:
    using Items = ThreadItems<typename Call::Stored>;
    ManyTask(Job& job, ManyValues<R>& values, std::shared_ptr<F> function, Items items,
             std::uint64_t first, std::size_t at_once)
        : ThreadTask(job, FunctionName::of(*function), first, static_cast<std::uint32_t>(items.size()),
                     at_once),
          job_(job),
          values_(values),
          function_(std::move(function)),
          items_(std::move(items)) {}

    void run(Turn& turn) override {
        std::vector<Outcome<R>> outcomes;
        std::uint64_t item = first();
        while (turn.next()) {
            if (outcomes.empty()) item += turn.item();
            outcomes.push_back(outcome_of<R>([&]() -> R {
                return items_.use(turn.item(),
                                  [&](auto& each) -> R { return Call::call(*function_, turn, each); });
            }));
        }
        turn.finish([&] {
            std::uint64_t failed = 0;
            for (Outcome<R>& each : outcomes) {
                failed += hand_over<R>(each, job_, item,
                                       [&](Regular<R>&& value) { values_.set(item, std::move(value)); });
                ++item;
            }
            return failed;
        });
    }

  private:
    Job& job_;
    ManyValues<R>& values_;
    const std::shared_ptr<F> function_;
    Items items_;
};

}  // namespace procession::inline v0::detail

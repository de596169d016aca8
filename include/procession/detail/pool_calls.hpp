// SPDX-License-Identifier: Apache-2.0
#pragma once

// How calls of any type become the bytes that a pool's core takes.

#include <procession/detail/pool_core.hpp>

#include <iterator>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>

namespace procession::inline v0 {

/// A contiguous sequence of numbers that is mapped in pieces; see slices().
template <class E>
class Slices {
  public:
    Slices(std::span<const E> elements, std::size_t length) : elements_(elements), length_(length) {}
    std::span<const E> elements() const { return elements_; }
    /// Of each piece but the last, which may be shorter.
    std::size_t length() const { return length_; }

  private:
    std::span<const E> elements_;
    std::size_t length_;
};

namespace detail {

/// Whether a callable can be run by a pool's workers; the message says what to do where it cannot.
template <class F>
constexpr void require_task_function() {
    static_assert(
        is_sendable_callable<F>,
        "a pool cannot send this callable to its workers: a lambda's captures do not travel. Use a "
        "function, a lambda without captures or an object with a cereal serialize function, and "
        "pass what a lambda would capture by mp::bind(f, args...)");
}
template <class F, class... A>
constexpr void require_task() {
    static_assert(
        Task<F, A...> || StoppableTask<F, A...>,
        "the function cannot be called with these arguments, nor with a std::stop_token before "
        "them");
}

/// An argument as it is written down: text of every spelling as a string.
template <class S>
const S& as_stored(const S& argument) {
    return argument;
}
template <class S, class A>
requires(!std::same_as<S, A>) S as_stored(const A& argument) { return S(argument); }

/// What an item of a range is for the function: one argument, or for starmap those that it consists of.
template <class F, class Item>
struct MapCall {
    using Function = F;
    using Stored = detail::Stored<Item>;
    using Result = TaskResult<F, Stored>;
    static TaskFunction function(const F& f) { return task_function<F, Stored>(f); }
    static constexpr void require_callable() { require_task<F, Stored>(); }
    static constexpr void require_sendable_items() { require_sendable<Stored>(); }
    static void write(Buffer& buffer, const Stored& item) { save_message(buffer, item); }
    /// Calls it with an item that is its own.
    template <class Turn>
    static Result call(F& f, Turn& turn, typename ItemArgument<Stored>::type& item) {
        return call_task(f, turn, item);
    }
};

template <class F, class Tuple, class Indices>
struct StarCallOf;
template <class F, class Tuple, std::size_t... I>
struct StarCallOf<F, Tuple, std::index_sequence<I...>> {
    template <std::size_t J>
    using Part = detail::Stored<std::tuple_element_t<J, Tuple>>;
    using Function = F;
    using Stored = Tuple;
    using Result = TaskResult<F, Part<I>...>;
    static TaskFunction function(const F& f) { return task_function<F, Part<I>...>(f); }
    static constexpr void require_callable() { require_task<F, Part<I>...>(); }
    static constexpr void require_sendable_items() { (require_sendable<Part<I>>(), ...); }
    static void write(Buffer& buffer, const Tuple& item) {
        NativeWriter writer(buffer);
        (save_value<Part<I>>(writer, as_stored<Part<I>>(std::get<I>(item))), ...);
    }
    template <class Turn>
    static Result call(F& f, Turn& turn, Tuple& item) {
        std::tuple<Part<I>...> arguments{std::get<I>(std::move(item))...};
        return call_task(f, turn, std::get<I>(arguments)...);
    }
};
template <class F, class Tuple>
using StarCall = StarCallOf<F, Tuple, std::make_index_sequence<std::tuple_size_v<Tuple>>>;

/// A range whose elements can be copied to the workers as they lie.
template <class Range, class Stored>
concept BulkRange =
    Bulk<Stored> && std::ranges::contiguous_range<Range> && std::ranges::sized_range<Range> &&
    std::same_as<std::remove_cv_t<std::ranges::range_value_t<Range>>, Stored>;

/// A range that was given away, with its items.
template <class R>
inline constexpr bool is_given_away =
    !std::is_lvalue_reference_v<R> && !std::ranges::view<R> && !std::ranges::borrowed_range<R>;
/// The item that an iterator of such a range, or another, is at.
template <class R, class Iterator>
decltype(auto) item_at(Iterator& at) {
    if constexpr (is_given_away<R>)
        return std::ranges::iter_move(at);
    else
        return *at;
}

/// How many items there are, where that can be said without reading them.
template <class R>
std::optional<std::uint64_t> count_of(const R& range) {
    if constexpr (std::ranges::sized_range<const R>)
        return std::ranges::size(range);
    else
        return std::nullopt;
}

/// A pool of processes, with types.
class ProcessCore : public PoolCore {
  public:
    using PoolCore::PoolCore;

    template <class R>
    using Single = SingleResult<R>;
    template <class R>
    using Map = MapResult<R>;
    template <class R>
    using Stream = StreamOfResults<R>;

    /// Whether it can be done; the message says what to do where it cannot.
    template <class Call>
    static constexpr void check() {
        require_task_function<typename Call::Function>();
        Call::require_callable();
        Call::require_sendable_items();
    }

    template <class F, class... A>
    void call(SingleResult<TaskResult<F, Stored<A>...>>& job, const F& f, A&&... args) const {
        require_task_function<F>();
        (require_sendable<Stored<A>>(), ...);
        const FunctionInUse function = use(task_function<F, Stored<A>...>(f));
        Buffer buffer(Buffer::Memory::shared);
        try {
            NativeWriter writer(buffer);
            (save_value<Stored<A>>(writer, as_stored<Stored<A>>(args)), ...);
        } catch (const HeapExhausted&) {
            throw;
        } catch (...) {
            return fail(job, std::current_exception());
        }
        submit(job, function, buffer);
    }

    /// Items of one map, as they are added.
    template <class Call>
    class Feed {
      public:
        Feed(const ProcessCore& core, Job& job, const typename Call::Function& f, std::size_t chunksize,
             std::optional<std::uint64_t> total = {})
            : core_(core),
              job_(job),
              function_(core.use(Call::function(f))),
              writer_(core, job, function_,
                      Bulk<typename Call::Stored> ? sizeof(typename Call::Stored) : 0, chunksize) {
            core_.begin_many(job_, total);
        }
        template <class Item>
        void add(const Item& item) {
            Call::write(writer_.buffer(), as_stored<typename Call::Stored>(item));
            writer_.end_item();
        }
        /// Has what was added begun.
        void flush() { writer_.flush(); }
        /// What was added since is not to be done.
        void drop() { writer_.drop(); }
        void end() { core_.end_many(job_); }
        /// Ends it, with what is queued.
        void abandon() { core_.abandon(job_); }
        /// All elements of a sequence, without looking at each.
        template <class E>
        void add_elements(std::span<const E> elements, std::size_t per_item, std::size_t chunksize) {
            std::uint64_t first = 0;
            const std::size_t at_once = std::max(most_at_once / per_item, std::size_t{1}) * per_item;
            while (!elements.empty()) {
                const auto part = elements.first(std::min(elements.size(), at_once));
                MessageBlock block = MessageBlock::copy_of(std::as_bytes(part));
                const std::uint64_t count = (part.size() + per_item - 1) / per_item;
                core_.submit_many(job_, function_, std::move(block), first,
                                  static_cast<std::uint32_t>(count),
                                  static_cast<std::uint32_t>(per_item * sizeof(E)), chunksize);
                first += count;
                elements = elements.subspan(part.size());
            }
        }

      private:
        static constexpr std::size_t most_at_once = std::size_t{1} << 30;
        const ProcessCore& core_;
        Job& job_;
        const FunctionInUse function_;
        ItemWriter writer_;
    };
};

}  // namespace detail
}  // namespace procession::inline v0

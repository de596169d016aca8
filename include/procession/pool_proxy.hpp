// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Pools behind a manager's server.

#include <procession/detail/packed_call.hpp>
#include <procession/detail/proxy_call.hpp>
#include <procession/detail/typed_proxy.hpp>
#include <procession/error.hpp>
#include <procession/timeout.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// What a map gives.
template <class R>
struct AllResults {
    using type = std::vector<R>;
};
template <>
struct AllResults<void> {
    using type = void;
};
template <class R>
using AllOf = typename AllResults<R>::type;

/// What a call came to: its bytes, or of a map a list of those of its chunks.
template <class R>
R unpacked(const Object& result) {
    if constexpr (!std::is_void_v<R>) {
        if (!result.is_list()) return load_message<R>(result.raw());
        if constexpr (requires { typename R::value_type; }) {
            R all;
            for (const Object& chunk : result)
                for (auto&& each : load_message<R>(chunk.raw())) all.push_back(std::move(each));
            return all;
        } else {
            throw TypeMismatch(
                "AsyncResultProxy::get: it is the result of a map, which is a std::vector");
        }
    }
}

}  // namespace detail

/// The result of a call of a managed pool, now or later. A handle, as all proxies are: any process may get it.
/// @throws  every member: EndOfFile  the server is gone
/// @see AsyncResult @see Python: multiprocessing.pool.AsyncResult
template <class R>
class AsyncResultProxy : public detail::TypedProxy {
  public:
    using TypedProxy::TypedProxy;

    /// The value, waiting for it.
    /// @throws TimeoutError    it did not come in time
    /// @throws CancelledError  the pool ended; or the wait was stopped
    /// @throws WorkerDied      the worker ended that ran the task
    /// @throws                 what the task threw
    /// @par Blocking  up to the timeout, which the server measures
    R get(Timeout timeout = forever, std::stop_token stop = {}) const {
        return detail::unpacked<R>(call("get", {detail::seconds_or_none(timeout)}, stop));
    }
    R get(std::stop_token stop) const { return get(forever, std::move(stop)); }
    /// Waits for it. @returns whether it is there @throws CancelledError  the wait was stopped
    bool wait(Timeout timeout = forever, std::stop_token stop = {}) const {
        return detail::call_method<bool>(stop, *this, "wait", detail::seconds_or_none(timeout));
    }
    /// Whether it is there.
    bool ready() const { return detail::call_method<bool>(*this, "ready"); }
    /// Whether it is a value and no exception. @throws ValueError  it is not there yet
    bool successful() const { return detail::call_method<bool>(*this, "successful"); }
};

/// The results of a map of a managed pool, as they come: an input range.
template <class R>
class ImapProxy : public detail::TypedProxy {
  public:
    using TypedProxy::TypedProxy;

    /// A step throws what its task threw; the next step goes on.
    class iterator {
      public:
        using value_type = R;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        iterator() = default;
        explicit iterator(const ImapProxy& results) : results_(results) { ++*this; }
        R& operator*() const { return (*chunk_)[at_]; }
        iterator& operator++() {
            if (chunk_ && ++at_ < chunk_->size()) return *this;
            chunk_.reset();
            at_ = 0;
            try {
                const Object packed = results_.call("__next__");
                chunk_ =
                    std::make_shared<std::vector<R>>(detail::load_message<std::vector<R>>(packed.raw()));
            } catch (const StopIteration&) {
                is_at_end_ = true;
            }
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) { return it.is_at_end_; }

      private:
        ImapProxy results_;
        std::shared_ptr<std::vector<R>> chunk_;
        std::size_t at_ = 0;
        bool is_at_end_ = false;
    };
    iterator begin() const { return iterator(*this); }
    std::default_sentinel_t end() const { return {}; }
};

/// A pool of processes behind a manager's server, of this program, on this machine or another: its workers are the
/// server's.
///
/// Functions, arguments and results are as those of a Pool, but for handles of the library and proxies among
/// them: SerializationError. Python's processes have no functions of C++ to give to it.
///
/// A handle: a copy is the same pool, and it may be passed to processes, sent in messages and stored in other
/// proxies. It ends with its last proxy.
/// @throws  every member: EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Pool @see Python: multiprocessing.managers.PoolProxy
class PoolProxy : public detail::TypedProxy {
    template <class F, class... A>
    using ResultOf = typename detail::SingleCall<std::decay_t<F>, detail::Stored<A>...>::Result;
    template <class R>
    using ItemOf = std::iter_value_t<decltype(std::begin(std::declval<R&>()))>;
    template <class F, class R>
    using MapCall = detail::ChunkCall<std::decay_t<F>, detail::Stored<ItemOf<R>>>;
    template <class F, class R>
    using StarCall = detail::ChunkStarCall<std::decay_t<F>, ItemOf<R>>;

  public:
    using TypedProxy::TypedProxy;

    /// Calls `f(args...)` in a worker and returns its result. @throws  what it threw, WorkerDied, ...
    template <class F, class... A>
    auto apply(F f, A&&... args) const -> ResultOf<F, A...> {
        return detail::unpacked<ResultOf<F, A...>>(
            call("apply", {single_call(std::move(f), std::forward<A>(args)...)}));
    }
    /// The same without waiting. @throws ValueError  the pool is closed or terminated
    template <class F, class... A>
    [[nodiscard]] auto apply_async(F f, A&&... args) const {
        return AsyncResultProxy<ResultOf<F, A...>>(
            call("apply_async", {single_call(std::move(f), std::forward<A>(args)...)}));
    }

    /// Calls `f(item)` for each item, in the workers, and returns the results in the items' order. What is
    /// thrown first, by that order, is thrown once all are done.
    /// @param chunksize  how many items a worker takes at a time; 0: a quarter of its share
    template <class F, class R>
    auto map(F f, R&& items, std::size_t chunksize = 0) const {
        using Call = MapCall<F, R>;
        return detail::unpacked<detail::AllOf<typename Call::Result>>(
            call("map", {chunks<Call>(std::move(f), items, chunksize)}));
    }
    template <class F, class T>
    auto map(F f, std::initializer_list<T> items, std::size_t chunksize = 0) const {
        return map(std::move(f), std::span(items.begin(), items.size()), chunksize);
    }
    /// The same without waiting.
    template <class F, class R>
    [[nodiscard]] auto map_async(F f, R&& items, std::size_t chunksize = 0) const {
        using Call = MapCall<F, R>;
        return AsyncResultProxy<detail::AllOf<typename Call::Result>>(
            call("map_async", {chunks<Call>(std::move(f), items, chunksize)}));
    }
    template <class F, class T>
    [[nodiscard]] auto map_async(F f, std::initializer_list<T> items, std::size_t chunksize = 0) const {
        return map_async(std::move(f), std::span(items.begin(), items.size()), chunksize);
    }
    /// As map, with each item a tuple of arguments.
    template <class F, class R>
    auto starmap(F f, R&& tuples, std::size_t chunksize = 0) const {
        using Call = StarCall<F, R>;
        return detail::unpacked<detail::AllOf<typename Call::Result>>(
            call("map", {chunks<Call>(std::move(f), tuples, chunksize)}));
    }
    template <class F, class T>
    auto starmap(F f, std::initializer_list<T> tuples, std::size_t chunksize = 0) const {
        return starmap(std::move(f), std::span(tuples.begin(), tuples.size()), chunksize);
    }
    template <class F, class R>
    [[nodiscard]] auto starmap_async(F f, R&& tuples, std::size_t chunksize = 0) const {
        using Call = StarCall<F, R>;
        return AsyncResultProxy<detail::AllOf<typename Call::Result>>(
            call("map_async", {chunks<Call>(std::move(f), tuples, chunksize)}));
    }

    /// As map, with the results as they come, in the items' order. All items are sent at once.
    template <class F, class R>
    [[nodiscard]] auto imap(F f, R&& items, std::size_t chunksize = 1) const {
        using Call = MapCall<F, R>;
        return ImapProxy<typename Call::Result>(
            call("imap", {chunks<Call>(std::move(f), items, chunksize)}));
    }
    template <class F, class T>
    [[nodiscard]] auto imap(F f, std::initializer_list<T> items, std::size_t chunksize = 1) const {
        return imap(std::move(f), std::span(items.begin(), items.size()), chunksize);
    }
    /// The same in the order in which the results come.
    template <class F, class R>
    [[nodiscard]] auto imap_unordered(F f, R&& items, std::size_t chunksize = 1) const {
        using Call = MapCall<F, R>;
        return ImapProxy<typename Call::Result>(
            call("imap_unordered", {chunks<Call>(std::move(f), items, chunksize)}));
    }
    template <class F, class T>
    [[nodiscard]] auto imap_unordered(F f, std::initializer_list<T> items,
                                      std::size_t chunksize = 1) const {
        return imap_unordered(std::move(f), std::span(items.begin(), items.size()), chunksize);
    }

    /// How many workers it has.
    int processes() const { return detail::call_method<int>(*this, "processes"); }
    /// No task is to come any more. Workers end when those that are there are done.
    void close() const { call("close"); }
    /// Ends the workers at once; what is not done is cancelled.
    void terminate() const { call("terminate"); }
    /// Waits for the workers' end. @returns whether they have ended in time
    /// @throws ValueError  neither close() nor terminate() was called before
    bool join(Timeout timeout = forever, std::stop_token stop = {}) const {
        return detail::call_method<bool>(stop, *this, "join", detail::seconds_or_none(timeout));
    }
    bool join(std::stop_token stop) const { return join(forever, std::move(stop)); }

  private:
    template <class F, class... A>
    static Object single_call(F f, A&&... args) {
        using Call = detail::SingleCall<F, detail::Stored<A>...>;
        return detail::to_object(detail::pack_call<Call, F, detail::Stored<A>...>(
            std::move(f), detail::Stored<A>(std::forward<A>(args))...));
    }

    template <class Call, class F, class R>
    Object chunks(F f, R& items, std::size_t chunksize) const {
        using T = typename Call::Item;
        std::vector<T> all(std::begin(items), std::end(items));
        if (chunksize == 0) chunksize = std::max<std::size_t>(all.size() / (4 * processes()), 1);
        std::vector<Object> packed;
        for (std::size_t at = 0; at < all.size(); at += chunksize) {
            const auto first = all.begin() + static_cast<std::ptrdiff_t>(at);
            const auto last = first + static_cast<std::ptrdiff_t>(std::min(chunksize, all.size() - at));
            packed.push_back(detail::to_object(detail::pack_call<Call>(f, std::vector<T>(first, last))));
        }
        return detail::make_list(std::move(packed));
    }
};

}  // namespace procession::inline v0

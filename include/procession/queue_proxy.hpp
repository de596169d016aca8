// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Queues behind a manager's server.

#include <procession/detail/proxy_call.hpp>
#include <procession/detail/typed_proxy.hpp>
#include <procession/error.hpp>
#include <procession/queues.hpp>
#include <procession/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// The calls of a queue's proxy, of Objects.
class PROCESSION_API QueueProxyCore : public TypedProxy {
  protected:
    using TypedProxy::TypedProxy;

    /// @throws Full, ...  as QueueProxy::put()
    void put_object(const Object& item, Timeout, const std::stop_token&) const;
    Object get_object(Timeout, const std::stop_token&) const;
    void put_objects(std::vector<Object> items, const std::stop_token&) const;
    std::vector<Object> get_objects(std::size_t at_most, Timeout, const std::stop_token&) const;
    /// An item, and how many had got it before.
    std::pair<Object, int> get_delivered(Timeout, const std::stop_token&) const;
    bool join_within(Timeout, const std::stop_token&) const;

    bool can(std::string_view method) const;
};

}  // namespace detail

/// A first-in first-out queue behind a manager's server, for processes on any machines.
///
/// An item is removed when it is sent to its getter. A handle: a copy is the same queue, and it may be passed
/// to processes, sent in messages and stored in other proxies.
/// @tparam T  mp::Object for items of any type
/// @throws  every member: EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Queue @see Python: multiprocessing.managers.SyncManager.Queue
template <class T>
class QueueProxy : public detail::QueueProxyCore {
    using Item = detail::Passed<T>;

  public:
    using value_type = T;
    using QueueProxyCore::QueueProxyCore;

    /// Appends an item, waiting for room.
    /// @throws Full            no room within the limit
    /// @throws ShutDown        after shutdown()
    /// @throws CancelledError  it was stopped
    /// @par Blocking  until there is room, the limit, which the server measures, or shutdown
    void put(Item item, Timeout timeout = forever, std::stop_token stop = {}) const {
        put_object(detail::to_object(item), timeout, stop);
    }
    void put(Item item, std::stop_token stop) const { put(item, forever, std::move(stop)); }
    /// Appends an item if there is room now. @throws Full there is none; and as put()
    void put_nowait(Item item) const { put(item, std::chrono::seconds(0)); }
    /// Appends an item if there is room now. @returns whether there was. @throws  as put()
    [[nodiscard]] bool try_put(Item item) const {
        try {
            put_nowait(item);
            return true;
        } catch (const Full&) {
            return false;
        }
    }
    /// Appends all items of a range, in one call, waiting for room. (To a queue of Python's: in one call for
    /// each.) @throws  as put(): some of them may have been put then
    template <class R>
    void put_many(R&& items, std::stop_token stop = {}) const {
        std::vector<Object> objects;
        for (auto&& item : items) objects.push_back(detail::to_object<T>(static_cast<const T&>(item)));
        put_objects(std::move(objects), stop);
    }
    void put_many(std::initializer_list<T> items, std::stop_token stop = {}) const {
        put_many(std::span<const T>(items.begin(), items.size()), std::move(stop));
    }

    /// Removes and returns the oldest item, waiting if there is none.
    /// @throws Empty                     nothing arrived within the limit
    /// @throws ShutDown                  after shutdown(), once drained
    /// @throws TypeMismatch, ValueError  the item, which is gone, is no T
    /// @throws CancelledError            it was stopped
    /// @par Blocking  until an item, the limit, which the server measures, or shutdown
    [[nodiscard]] T get(Timeout timeout = forever, std::stop_token stop = {}) const {
        return read(get_object(timeout, stop));
    }
    [[nodiscard]] T get(std::stop_token stop) const { return get(forever, std::move(stop)); }
    /// Removes and returns the oldest item. @throws Empty there is none; and as get()
    [[nodiscard]] T get_nowait() const { return get(std::chrono::seconds(0)); }
    /// Removes and returns the oldest item; none if nothing arrives in time. @throws  as get()
    [[nodiscard]] std::optional<T> try_get(Timeout timeout = std::chrono::seconds(0),
                                           std::stop_token stop = {}) const {
        try {
            return get(timeout, std::move(stop));
        } catch (const Empty&) {
            return std::nullopt;
        }
    }
    /// Waits for an item and returns it with those that are there as well, `at_most` in all, in one call. (Of
    /// a queue of Python's: in one call for each.) @throws  as get()
    [[nodiscard]] std::vector<T> get_many(std::size_t at_most, Timeout timeout = forever,
                                          std::stop_token stop = {}) const {
        std::vector<T> items;
        for (const Object& each : get_objects(at_most, timeout, stop)) items.push_back(read(each));
        return items;
    }
    [[nodiscard]] std::vector<T> get_many(std::size_t at_most, std::stop_token stop) const {
        return get_many(at_most, forever, std::move(stop));
    }

    /// How many items there are at this moment; others may be putting and getting meanwhile.
    std::size_t qsize() const { return detail::call_method<std::size_t>(*this, "qsize"); }
    bool empty() const { return detail::call_method<bool>(*this, "empty"); }
    bool full() const { return detail::call_method<bool>(*this, "full"); }

    /// Ends the stream for every process: put throws ShutDown, and so does get once the items are gone. (Of a
    /// server that is Python's: since 3.13.) @param immediate  the items that are there are dropped
    void shutdown(bool immediate = false) const {
        detail::call_method<void>(*this, "shutdown", immediate);
    }

    /// Iterates over the items as they come, until shutdown().
    class iterator {
      public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        iterator() = default;
        explicit iterator(const QueueProxy& queue) : queue_(&queue) { ++*this; }
        T& operator*() const { return *item_; }
        iterator& operator++() {
            try {
                item_.emplace(queue_->get());
            } catch (const ShutDown&) {
                queue_ = nullptr;
            }
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) { return !it.queue_; }

      private:
        const QueueProxy* queue_ = nullptr;
        mutable std::optional<T> item_;
    };
    iterator begin() const { return iterator(*this); }
    std::default_sentinel_t end() const { return {}; }

  private:
    static T read(const Object& item) { return detail::from_object<T>(item, detail::Place("get")); }
};

/// A queue behind a manager's server that knows which of its items are not done yet: join() waits until all
/// are. An item whose taker is gone before it called task_done() is given to another, as of JoinableQueue (of a
/// server that is Python's it is lost). All else is as of QueueProxy.
/// @see JoinableQueue @see Python: multiprocessing.managers.SyncManager.JoinableQueue
template <class T>
class JoinableQueueProxy : public QueueProxy<T> {
  public:
    using QueueProxy<T>::QueueProxy;

    /// Removes the oldest item, as get(), and says whether others had got it before. (A server that is Python's
    /// does not know: RemoteError.)
    [[nodiscard]] Delivery<T> get_delivery(Timeout timeout = forever, std::stop_token stop = {}) const {
        const auto [item, deaths] = this->get_delivered(timeout, stop);
        return {detail::from_object<T>(item, detail::Place("get_delivery")), deaths};
    }
    [[nodiscard]] Delivery<T> get_delivery(std::stop_token stop) const {
        return get_delivery(forever, std::move(stop));
    }

    /// Says that an item is done.
    /// @throws ValueError  it was called more often than items were got
    void task_done() const { this->call("task_done"); }

    /// Waits until all items that were put are done.
    /// @returns true once they are; false when the limit came first
    /// @throws CancelledError  the wait was stopped
    /// @throws RemoteError     with a limit: the server is Python's, whose join has none
    bool join() const { return this->join_within(forever, {}); }
    [[nodiscard]] bool join(Timeout timeout, std::stop_token stop = {}) const {
        return this->join_within(timeout, stop);
    }
    [[nodiscard]] bool join(std::stop_token stop) const { return this->join_within(forever, stop); }

    /// How many items were lost to the deaths of those who had got them. (RemoteError, as get_delivery().)
    std::size_t lost() const { return detail::call_method<std::size_t>(*this, "lost"); }
};

}  // namespace procession::inline v0

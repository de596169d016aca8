// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "managers/synchronizer.hpp"

namespace procession::inline v0::managers {

/// What a manager's Queue and JoinableQueue have in common. No item is destroyed under the mutex.
class QueueReferent : public Synchronizer {
  public:
    Result empty(const Arguments&, const Caller&);
    Result full(const Arguments&, const Caller&);
    Result qsize(const Arguments&, const Caller&);
    Result put(const Arguments&, const Caller&);
    Result put_nowait(const Arguments&, const Caller&);
    /// put_many(items): all of a list or a tuple, waiting for room.
    Result put_many(const Arguments&, const Caller&);
    Result get(const Arguments&, const Caller&);
    Result get_nowait(const Arguments&, const Caller&);
    /// get_many(max, block=True, timeout=None): a list of those that are there, one at least.
    Result get_many(const Arguments&, const Caller&);
    /// get_delivery(block=True, timeout=None): the item, and how many clients had got it and died.
    Result get_delivery(const Arguments&, const Caller&);
    Result task_done(const Arguments&, const Caller&);
    /// join(timeout=None): False when the time ran out.
    Result join(const Arguments&, const Caller&);
    /// How many items were given up.
    Result lost(const Arguments&, const Caller&);
    Result shutdown(const Arguments&, const Caller&);

    std::string to_string() const override;
    void depart(const Caller&, Departure) override;

  protected:
    /// @param maxsize         0 or less: no limit
    /// @param max_deliveries  so often an item may be taken by clients that die; 0: it is not known who took it
    QueueReferent(std::string_view name, std::int64_t maxsize, std::int64_t max_deliveries)
        : name_(name), maxsize_(maxsize), max_deliveries_(max_deliveries) {}

  private:
    using Lock = os::Waiters::Lock;
    struct Message {
        Object item = {};
        std::int64_t deaths = 0;
    };
    struct Taken {
        Message message;
        std::uint64_t client, thread;
    };
    /// By the order in which they were taken.
    template <class T>
    using Ordered = std::map<std::uint64_t, T>;

    Message take(const Arguments&, const os::Deadline&, const Caller&);
    /// As messages call a method: "Queue::get".
    std::string called(const Arguments&) const;

    // With the lock:
    bool has_item() const { return !returned_.empty() || !items_.empty(); }
    bool has_room() const {
        return maxsize_ <= 0 || items_.size() < static_cast<std::uint64_t>(maxsize_);
    }
    std::size_t size() const { return returned_.size() + items_.size(); }
    void await_room(Lock&, const Arguments&, const Caller&, const os::Deadline&);
    void await_item(Lock&, const Arguments&, const Caller&, const os::Deadline&);
    void append(const Object& item);
    Message take_next(const Caller&);
    typename Ordered<Taken>::iterator oldest_taken_by(const Caller&);
    void count_done(std::int64_t count);
    void wake_next();

    const std::string_view name_;
    const std::int64_t maxsize_;
    const std::int64_t max_deliveries_;

    mutable std::mutex mutex_;
    os::Waiters getters_, putters_, joiners_;
    std::deque<Object> items_;
    std::int64_t unfinished_ = 0;
    bool is_shut_down_ = false;

    std::uint64_t taken_ = 0;    ///< how many were so far
    Ordered<Taken> in_flight_;   ///< those that are not done
    Ordered<Message> returned_;  ///< by the deaths of those who took them: the next to be taken
    std::int64_t lost_ = 0;
};

/// A manager's Queue. @see Python: queue.Queue
class ManagedQueue final : public MethodsOf<ManagedQueue, QueueReferent> {
  public:
    static constexpr std::string_view type = "Queue";
    /// Queue(maxsize=0)
    static std::shared_ptr<Referent> make(const Arguments&);
    static std::span<const Method<ManagedQueue>> methods();

    explicit ManagedQueue(std::int64_t maxsize) : MethodsOf(type, maxsize, 0) {}
};

/// A manager's JoinableQueue: it knows who took an item and has not called task_done() for it. When that
/// client dies, another one gets it before those that wait in the queue; when it ends, the item stays in
/// flight, and anyone's task_done() may mean it.
/// @see Python: queue.Queue
class ManagedJoinableQueue final : public MethodsOf<ManagedJoinableQueue, QueueReferent> {
  public:
    static constexpr std::string_view type = "JoinableQueue";
    /// JoinableQueue(maxsize=0, max_deliveries=3): after so many deaths an item is given up.
    static std::shared_ptr<Referent> make(const Arguments&);
    static std::span<const Method<ManagedJoinableQueue>> methods();

    ManagedJoinableQueue(std::int64_t maxsize, std::int64_t max_deliveries)
        : MethodsOf(type, maxsize, max_deliveries) {}
};

}  // namespace procession::inline v0::managers

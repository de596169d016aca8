// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_queue.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include "log/log.hpp"

namespace procession::inline v0::managers {
namespace {

/// As JoinableQueue<T> has it.
constexpr std::int64_t default_max_deliveries = 3;

template <class T>
constexpr Method<T> queue_methods[] = {
    {"empty", &T::empty},
    {"full", &T::full},
    {"get", &T::get},
    {"get_nowait", &T::get_nowait},
    {"join", &T::join},
    {"put", &T::put},
    {"put_nowait", &T::put_nowait},
    {"qsize", &T::qsize},
    {"task_done", &T::task_done},
    {"shutdown", &T::shutdown},
    {"put_many", &T::put_many},
    {"get_many", &T::get_many},
    {"get_delivery", &T::get_delivery},
    {"lost", &T::lost},
};

// Of `block=True, timeout=None`. As in Python a timeout means nothing where nobody waits.
os::Deadline deadline_of(const Arguments& arguments, std::size_t place) {
    return arguments.flag_or(place, "block", true) ? arguments.deadline(place + 1, "timeout")
                                                   : os::Deadline::now();
}

}  // namespace

std::shared_ptr<Referent> ManagedQueue::make(const Arguments& arguments) {
    arguments.require(0, {"maxsize"});
    return std::make_shared<ManagedQueue>(arguments.integer_or(0, "maxsize", 0));
}
std::span<const Method<ManagedQueue>> ManagedQueue::methods() { return queue_methods<ManagedQueue>; }

std::shared_ptr<Referent> ManagedJoinableQueue::make(const Arguments& arguments) {
    arguments.require(0, {"maxsize", "max_deliveries"});
    const std::int64_t max_deliveries =
        arguments.integer_or(1, "max_deliveries", default_max_deliveries);
    if (max_deliveries < 1)
        throw ValueError(
            fmt::format("JoinableQueue: max_deliveries is {}; it must be 1 or more", max_deliveries));
    return std::make_shared<ManagedJoinableQueue>(arguments.integer_or(0, "maxsize", 0), max_deliveries);
}
std::span<const Method<ManagedJoinableQueue>> ManagedJoinableQueue::methods() {
    return queue_methods<ManagedJoinableQueue>;
}

// ---------------------------------------------------------------- a look

Result QueueReferent::empty(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const Lock lock(mutex_);
    return Object(!has_item());
}

Result QueueReferent::full(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const Lock lock(mutex_);
    return Object(!has_room());
}

Result QueueReferent::qsize(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const Lock lock(mutex_);
    return Object(size());
}

std::string QueueReferent::called(const Arguments& arguments) const {
    return fmt::format("{}::{}", name_, arguments.method());
}

std::string QueueReferent::to_string() const { return fmt::format("<{} at {}>", name_, fmt::ptr(this)); }

// ---------------------------------------------------------------- putting

Result QueueReferent::put(const Arguments& arguments, const Caller& caller) {
    arguments.require(1, {"item", "block", "timeout"});
    const Object& item = arguments.at(0, "item");
    const os::Deadline deadline = deadline_of(arguments, 1);
    Lock lock(mutex_);
    await_room(lock, arguments, caller, deadline);
    append(item);
    wake_next();
    return {};
}

Result QueueReferent::put_nowait(const Arguments& arguments, const Caller& caller) {
    arguments.require(1, {"item"});
    Lock lock(mutex_);
    await_room(lock, arguments, caller, os::Deadline::now());
    append(arguments.at(0, "item"));
    wake_next();
    return {};
}

Result QueueReferent::put_many(const Arguments& arguments, const Caller& caller) {
    arguments.require(1, {"items"});
    const std::span<const Object> items = arguments.at(0, "items").elements();
    Lock lock(mutex_);
    for (auto next = items.begin(); next != items.end();) {
        await_room(lock, arguments, caller, os::Deadline::never());
        while (next != items.end() && has_room()) append(*next++);
        wake_next();
    }
    return {};
}

void QueueReferent::await_room(Lock& lock, const Arguments& arguments, const Caller& caller,
                               const os::Deadline& deadline) {
    const os::Waited waited = putters_.wait_for_turn(lock, deadline, caller.stop,
                                                     [this] { return has_room() || is_shut_down_; });
    if (is_shut_down_) throw ShutDown(called(arguments) + ": the queue was shut down");
    if (waited == os::Waited::timed_out)
        throw Full(
            fmt::format("{}: full ({} of {} items). Use a longer timeout, or construct it with a "
                        "larger maxsize.",
                        called(arguments), items_.size(), maxsize_));
    throw_if_stopped(waited, called(arguments));
}

void QueueReferent::append(const Object& item) {
    items_.push_back(item);
    ++unfinished_;
}

// Whoever is woken wakes the next, as long as there is something for it.
void QueueReferent::wake_next() {
    if (has_item()) getters_.notify_one();
    if (has_room()) putters_.notify_one();
}

// ---------------------------------------------------------------- getting

Result QueueReferent::get(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {"block", "timeout"});
    return take(arguments, deadline_of(arguments, 0), caller).item;
}

Result QueueReferent::get_nowait(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {});
    return take(arguments, os::Deadline::now(), caller).item;
}

Result QueueReferent::get_delivery(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {"block", "timeout"});
    const Message message = take(arguments, deadline_of(arguments, 0), caller);
    return Object::tuple({message.item, message.deaths});
}

Result QueueReferent::get_many(const Arguments& arguments, const Caller& caller) {
    arguments.require(1, {"max", "block", "timeout"});
    const std::int64_t at_most = arguments.integer(0, "max");
    const os::Deadline deadline = deadline_of(arguments, 1);
    Object items = Object::list();
    if (at_most <= 0) return items;
    Lock lock(mutex_);
    await_item(lock, arguments, caller, deadline);
    for (std::int64_t count = 0; count < at_most && has_item(); ++count)
        items.append(take_next(caller).item);
    wake_next();
    return items;
}

QueueReferent::Message QueueReferent::take(const Arguments& arguments, const os::Deadline& deadline,
                                           const Caller& caller) {
    Lock lock(mutex_);
    await_item(lock, arguments, caller, deadline);
    Message message = take_next(caller);
    wake_next();
    return message;
}

void QueueReferent::await_item(Lock& lock, const Arguments& arguments, const Caller& caller,
                               const os::Deadline& deadline) {
    const os::Waited waited = getters_.wait_for_turn(lock, deadline, caller.stop,
                                                     [this] { return has_item() || is_shut_down_; });
    throw_if_stopped(waited, called(arguments));
    if (has_item()) return;
    if (is_shut_down_) throw ShutDown(called(arguments) + ": the queue was shut down and is empty");
    throw Empty(called(arguments) + ": nothing arrived in time");
}

QueueReferent::Message QueueReferent::take_next(const Caller& caller) {
    Message message = returned_.empty() ? Message{items_.front()} : returned_.begin()->second;
    if (max_deliveries_ != 0) in_flight_.emplace(taken_++, Taken{message, caller.client, caller.thread});
    if (returned_.empty())
        items_.pop_front();
    else
        returned_.erase(returned_.begin());
    return message;
}

// ---------------------------------------------------------------- what is done

Result QueueReferent::task_done(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {});
    Ordered<Taken>::node_type done;
    const Lock lock(mutex_);
    if (max_deliveries_ == 0 ? unfinished_ == 0 : in_flight_.empty())
        throw ValueError(
            fmt::format("{}::task_done: called more often than items were got. Call it once for each "
                        "item, after get().",
                        name_));
    if (max_deliveries_ != 0) done = in_flight_.extract(oldest_taken_by(caller));
    count_done(1);
    return {};
}

// The oldest of this thread; else of this client; else of any. There is one.
QueueReferent::Ordered<QueueReferent::Taken>::iterator QueueReferent::oldest_taken_by(
    const Caller& caller) {
    const auto oldest = [this](auto&& is_meant) {
        return std::ranges::find_if(in_flight_, is_meant,
                                    [](auto& each) -> Taken& { return each.second; });
    };
    auto found = oldest(
        [&](const Taken& each) { return each.client == caller.client && each.thread == caller.thread; });
    if (found == in_flight_.end())
        found = oldest([&](const Taken& each) { return each.client == caller.client; });
    return found == in_flight_.end() ? in_flight_.begin() : found;
}

void QueueReferent::count_done(std::int64_t count) {
    unfinished_ = std::max<std::int64_t>(unfinished_ - count, 0);
    if (unfinished_ == 0) joiners_.notify_all();
}

Result QueueReferent::join(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {"timeout"});
    const os::Deadline deadline = arguments.deadline(0, "timeout");
    Lock lock(mutex_);
    const os::Waited waited =
        joiners_.wait(lock, deadline, caller.stop, [this] { return unfinished_ == 0; });
    throw_if_stopped(waited, called(arguments));
    // Python's has no limit, and answers None.
    return deadline.is_never() ? Object() : Object(waited == os::Waited::ready);
}

Result QueueReferent::lost(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const Lock lock(mutex_);
    return Object(lost_);
}

Result QueueReferent::shutdown(const Arguments& arguments, const Caller&) {
    arguments.require(0, {"immediate"});
    std::deque<Object> dropped;
    Ordered<Message> dropped_again;
    const Lock lock(mutex_);
    is_shut_down_ = true;
    if (arguments.flag_or(0, "immediate", false)) {
        count_done(static_cast<std::int64_t>(size()));
        dropped.swap(items_);
        dropped_again.swap(returned_);
    }
    getters_.notify_all();
    putters_.notify_all();
    return {};
}

void QueueReferent::depart(const Caller& caller, Departure departure) {
    if (departure == Departure::ended) return;
    std::vector<Message> given_up;
    {
        const Lock lock(mutex_);
        for (auto each = in_flight_.begin(); each != in_flight_.end();) {
            auto& [order, taken] = *each;
            if (taken.client != caller.client) {
                ++each;
                continue;
            }
            ++taken.message.deaths;
            if (taken.message.deaths < max_deliveries_)
                returned_.emplace(order, std::move(taken.message));
            else
                given_up.push_back(std::move(taken.message));
            each = in_flight_.erase(each);
        }
        lost_ += static_cast<std::int64_t>(given_up.size());
        count_done(static_cast<std::int64_t>(given_up.size()));
        wake_next();
    }
    for (const Message& each : given_up)
        detail::log_error(
            "JoinableQueue: an item is lost: {} client(s) that had taken it died before task_done(), "
            "the last "
            "of them {}",
            each.deaths, describe(caller));
}

}  // namespace procession::inline v0::managers

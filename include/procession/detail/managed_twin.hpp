// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/barrier.hpp>
#include <procession/condition.hpp>
#include <procession/detail/managed_method.hpp>
#include <procession/event.hpp>
#include <procession/lock.hpp>
#include <procession/queues.hpp>
#include <procession/semaphore.hpp>
#include <procession/sharedctypes.hpp>

#include <vector>

// Handles of the library behind a manager's server: the methods that Python's twins of them have, called as
// Python calls them. They are those of this process, whichever client calls: so a lock is held by the server,
// and by its thread for that client.
namespace procession::inline v0::detail {

/// The methods that objects of a class have without being registered.
template <class T>
struct ManagedTwin {
    static MethodTable<T> methods() { return {}; }
};

template <class T>
using Shared = const std::shared_ptr<T>&;

// ---- queues

template <class Q, class T>
struct QueueTwin {
    static T item(const ManagedCall& call) {
        return from_object<T>(call.at(0, "item"), Place(call.method).argument(0));
    }
    static ManagedResult put(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(1, {"item", "block", "timeout"});
        queue->put(item(call), call.limit(1, "block"), call.stop);
        return {};
    }
    static ManagedResult put_nowait(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(1, {"item"});
        queue->put_nowait(item(call));
        return {};
    }
    static ManagedResult put_many(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(1, {"items"});
        queue->put_many(from_object<std::vector<T>>(call.at(0, "items"), Place(call.method).argument(0)),
                        call.stop);
        return {};
    }
    static ManagedResult get(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(0, {"block", "timeout"});
        return detail::to_object(queue->get(call.limit(0, "block"), call.stop));
    }
    static ManagedResult get_nowait(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(0, {});
        return detail::to_object(queue->get_nowait());
    }
    static ManagedResult get_many(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(1, {"at_most", "block", "timeout"});
        const auto at_most =
            from_object<std::size_t>(call.at(0, "at_most"), Place(call.method).argument(0));
        return detail::to_object(queue->get_many(at_most, call.limit(1, "block"), call.stop));
    }
    static ManagedResult shutdown(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(0, {"immediate"});
        queue->shutdown(call.flag_or(0, "immediate", false));
        return {};
    }
    static MethodTable<Q> methods() {
        return {{"put", put},
                {"put_nowait", put_nowait},
                {"put_many", put_many},
                {"get", get},
                {"get_nowait", get_nowait},
                {"get_many", get_many},
                ValueMethod<&Q::qsize>{"qsize"}.template of<Q>(),
                ValueMethod<&Q::empty>{"empty"}.template of<Q>(),
                ValueMethod<&Q::full>{"full"}.template of<Q>(),
                {"shutdown", shutdown}};
    }
};
template <class T>
struct ManagedTwin<Queue<T>> : QueueTwin<Queue<T>, T> {};

template <class T>
struct ManagedTwin<JoinableQueue<T>> {
    using Q = JoinableQueue<T>;
    static ManagedResult join(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(0, {"timeout"});
        return Object(queue->join(call.timeout(0), call.stop));
    }
    static MethodTable<Q> methods() {
        MethodTable<Q> methods = QueueTwin<Q, T>::methods();
        methods.push_back(ValueMethod<&Q::task_done>{"task_done"}.template of<Q>());
        methods.push_back({"join", join});
        return methods;
    }
};

template <class T>
struct ManagedTwin<SimpleQueue<T>> {
    using Q = SimpleQueue<T>;
    static ManagedResult put(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(1, {"item"});
        queue->put(QueueTwin<Q, T>::item(call));
        return {};
    }
    static ManagedResult get(Shared<Q> queue, const ManagedCall& call, const std::string&) {
        call.require(0, {"block", "timeout"});
        return detail::to_object(queue->get(call.limit(0, "block"), call.stop));
    }
    static MethodTable<Q> methods() {
        return {{"put", put}, {"get", get}, ValueMethod<&Q::empty>{"empty"}.template of<Q>()};
    }
};

// ---- what is acquired and released

template <class L>
struct LockTwin {
    static ManagedResult acquire(Shared<L> lock, const ManagedCall& call, const std::string&) {
        call.require(0, {"blocking", "timeout"});
        return Object(lock->acquire(call.limit(0, "blocking"), call.stop));
    }
    static MethodTable<L> methods() {
        return {{"acquire", acquire},
                ValueMethod<&L::release>{"release"}.template of<L>(),
                ValueMethod<&L::recover>{"recover"}.template of<L>()};
    }
};
template <>
struct ManagedTwin<Lock> : LockTwin<Lock> {};
template <>
struct ManagedTwin<RLock> : LockTwin<RLock> {};

template <class S>
struct SemaphoreTwin {
    static ManagedResult release(Shared<S> semaphore, const ManagedCall& call, const std::string&) {
        call.require(0, {"n"});
        semaphore->release(static_cast<int>(call.integer_or(0, "n", 1)));
        return {};
    }
    static MethodTable<S> methods() {
        return {{"acquire", LockTwin<S>::acquire},
                {"release", release},
                ValueMethod<&S::get_value>{"get_value"}.template of<S>()};
    }
};
template <>
struct ManagedTwin<Semaphore> : SemaphoreTwin<Semaphore> {};
template <>
struct ManagedTwin<BoundedSemaphore> : SemaphoreTwin<BoundedSemaphore> {};

template <>
struct ManagedTwin<Condition> {
    static ManagedResult wait(Shared<Condition> condition, const ManagedCall& call, const std::string&) {
        call.require(0, {"timeout"});
        return Object(condition->wait(call.timeout(0), call.stop));
    }
    static ManagedResult notify(Shared<Condition> condition, const ManagedCall& call,
                                const std::string&) {
        call.require(0, {"n"});
        condition->notify(static_cast<int>(call.integer_or(0, "n", 1)));
        return {};
    }
    static MethodTable<Condition> methods() {
        MethodTable<Condition> methods = LockTwin<Condition>::methods();
        methods.push_back({"wait", wait});
        methods.push_back({"notify", notify});
        methods.push_back(ValueMethod<&Condition::notify_all>{"notify_all"}.of<Condition>());
        return methods;
    }
};

template <>
struct ManagedTwin<Event> {
    static ManagedResult wait(Shared<Event> event, const ManagedCall& call, const std::string&) {
        call.require(0, {"timeout"});
        return Object(event->wait(call.timeout(0), call.stop));
    }
    static MethodTable<Event> methods() {
        return {ValueMethod<&Event::is_set>{"is_set"}.of<Event>(),
                ValueMethod<&Event::set>{"set"}.of<Event>(),
                ValueMethod<&Event::clear>{"clear"}.of<Event>(),
                {"wait", wait}};
    }
};

template <>
struct ManagedTwin<Barrier> {
    static ManagedResult wait(Shared<Barrier> barrier, const ManagedCall& call, const std::string&) {
        call.require(0, {"timeout"});
        return Object(barrier->wait(call.timeout(0), call.stop));
    }
    static ManagedResult attribute(Shared<Barrier> barrier, const ManagedCall& call,
                                   const std::string&) {
        call.require(1, {"name"});
        const auto name = from_object<std::string>(call.at(0, "name"), Place(call.method).argument(0));
        if (name == "parties") return Object(barrier->parties());
        if (name == "n_waiting") return Object(barrier->n_waiting());
        if (name == "broken") return Object(barrier->broken());
        throw_no_such_attribute("Barrier", name);
    }
    static MethodTable<Barrier> methods() {
        return {{"wait", wait},
                {"__getattribute__", attribute},
                ValueMethod<&Barrier::abort>{"abort"}.of<Barrier>(),
                ValueMethod<&Barrier::reset>{"reset"}.of<Barrier>()};
    }
};

// ---- shared memory

template <class T>
struct ManagedTwin<Value<T>> {
    static MethodTable<Value<T>> methods() {
        return {ValueMethod<&Value<T>::get>{"get"}.template of<Value<T>>(),
                ValueMethod<&Value<T>::set>{"set"}.template of<Value<T>>()};
    }
};

template <class T>
struct ManagedTwin<Array<T>> {
    using A = Array<T>;
    static ManagedResult get(Shared<A> array, const ManagedCall& call, const std::string&) {
        call.require(1, {""});
        const Object& where = call.at(0, {});
        if (where.is_int()) return detail::to_object(array->get(index_in(where, array->size())));
        const SlicedPart slice = slice_in(where, array->size());
        return detail::to_object(array->with([&](std::span<T> elements) {
            const auto part = elements.subspan(slice.begin, slice.size);
            return std::vector<T>(part.begin(), part.end());
        }));
    }
    static ManagedResult set(Shared<A> array, const ManagedCall& call, const std::string&) {
        call.require(2, {"", ""});
        array->set(index_in(call.at(0, {}), array->size()),
                   from_object<T>(call.at(1, {}), Place(call.method).argument(1)));
        return {};
    }
    static MethodTable<A> methods() {
        return {{"__getitem__", get},
                {"__setitem__", set},
                ValueMethod<&A::size>{"__len__"}.template of<A>()};
    }
};

}  // namespace procession::inline v0::detail

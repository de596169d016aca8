// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Objects of one's own classes behind a manager's server.

#include <procession/barrier_proxy.hpp>
#include <procession/condition_proxy.hpp>
#include <procession/detail/member_function.hpp>
#include <procession/detail/proxy_call.hpp>
#include <procession/detail/typed_proxy.hpp>
#include <procession/error.hpp>
#include <procession/event_proxy.hpp>
#include <procession/lock_proxy.hpp>
#include <procession/queue_proxy.hpp>
#include <procession/value_proxy.hpp>

#include <concepts>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// What a call of a member function gives: values, and text as std::string.
template <auto Member>
using ResultOf = std::conditional_t<std::is_void_v<typename SignatureOf<Member>::Result>, void,
                                    typename StoredAs<typename SignatureOf<Member>::Result>::type>;

template <class... A>
inline constexpr bool begins_with_stop = false;
template <class First, class... A>
inline constexpr bool begins_with_stop<First, A...> =
    std::is_same_v<std::remove_cvref_t<First>, std::stop_token>;

/// The arguments of a call, as the values that the parameters want.
template <class... P, class... A>
std::vector<Object> objects_for(std::type_identity<std::tuple<P...>>, A&&... arguments) {
    static_assert(sizeof...(P) == sizeof...(A), "the method takes another number of arguments");
    return {detail::to_object(static_cast<const Stored<P>&>(std::forward<A>(arguments)))...};
}

/// Calls a method; of `__next__`, the end is no value.
template <class R>
R call_for(const ProxyCore& proxy, std::string_view method, const std::vector<Object>& arguments,
           const std::stop_token& stop) {
    if constexpr (std::is_void_v<R>) {
        proxy.call(method, arguments, stop);
    } else if constexpr (is_optional<R>) {
        try {
            return from_object<R>(proxy.call(method, arguments, stop), Place(method));
        } catch (const StopIteration&) {
            return std::nullopt;
        }
    } else {
        return from_object<R>(proxy.call(method, arguments, stop), Place(method));
    }
}

}  // namespace detail

/// An object of a registered class behind a manager's server, in whatever language that is.
///
///     auto maths = manager.create<Maths>("Maths");
///     int sum = maths.call<&Maths::add>(4, 3);
///     int same = maths.call<int>("add", 4, 3);
///
/// Each call is done there, and waits for its result. A method with that class as its result type gives
/// another proxy: `maths.call<&Maths::table, mp::Proxy<Table>>()`. A handle: a copy is the same object, and it
/// may be passed to processes, sent in messages and stored in other proxies.
///
/// Where T is a class of the library, Proxy<T> has that one's methods, as its proxy has: Proxy<Queue<int>> is
/// a QueueProxy<int>.
/// @throws  every call: what the method throws; RemoteError  an exception of an unknown type, or there is no
///          such method; EndOfFile  the server is gone; CancelledError  it was shut down meanwhile, or a stop
///          was requested
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Python: multiprocessing.managers.BaseProxy
template <class T>
class Proxy : public detail::TypedProxy {
  public:
    using TypedProxy::TypedProxy;

    /// Calls the method that was registered for a member function; a std::stop_token may come first.
    /// @throws AttributeError            none was
    /// @throws TypeMismatch, ValueError  the result is no R
    template <auto Member, class R = detail::ResultOf<Member>, class... A>
    R call(A&&... arguments) const {
        if constexpr (detail::begins_with_stop<A...>)
            return call_member<Member, R>(std::forward<A>(arguments)...);
        else
            return call_member<Member, R>(std::stop_token(), std::forward<A>(arguments)...);
    }

    /// Calls a method by its name; a std::stop_token may come before that.
    /// @tparam R  its result's type: void for none, mp::Object for any
    /// @throws TypeMismatch, ValueError  the result is no R
    template <class R = Object, class... A>
    R call(std::string_view method, const A&... arguments) const {
        return call<R>(std::stop_token(), method, arguments...);
    }
    template <class R = Object, class... A>
    R call(const std::stop_token& stop, std::string_view method, const A&... arguments) const {
        return detail::call_for<R>(*this, method, {detail::to_object(arguments)...}, stop);
    }

  private:
    template <auto Member, class R, class... A>
    R call_member(const std::stop_token& stop, A&&... arguments) const {
        using Parameters = typename detail::SignatureOf<Member>::Arguments;
        return detail::call_for<R>(
            *this, this->method_name(detail::member_tag<Member>()),
            detail::objects_for(std::type_identity<Parameters>(), std::forward<A>(arguments)...), stop);
    }
};

// ---- classes of the library

template <class T>
class Queue;
template <class T>
class JoinableQueue;
template <class T>
class SimpleQueue;
class Semaphore;
class BoundedSemaphore;
class Condition;
class Event;
class Barrier;
template <class T>
class Value;
template <class T>
class Array;

template <class T>
class Proxy<Queue<T>> : public QueueProxy<T> {
  public:
    using QueueProxy<T>::QueueProxy;
};
template <class T>
class Proxy<JoinableQueue<T>> : public JoinableQueueProxy<T> {
  public:
    using JoinableQueueProxy<T>::JoinableQueueProxy;
};
template <class T>
class Proxy<SimpleQueue<T>> : public QueueProxy<T> {
  public:
    using QueueProxy<T>::QueueProxy;
};
template <class T>
class Proxy<Value<T>> : public ValueProxy<T> {
  public:
    using ValueProxy<T>::ValueProxy;
};
template <class T>
class Proxy<Array<T>> : public ArrayProxy<T> {
  public:
    using ArrayProxy<T>::ArrayProxy;
};
template <>
class Proxy<Lock> : public LockProxy {
  public:
    using LockProxy::LockProxy;
};
template <>
class Proxy<RLock> : public RLockProxy {
  public:
    using RLockProxy::RLockProxy;
};
template <>
class Proxy<Semaphore> : public SemaphoreProxy {
  public:
    using SemaphoreProxy::SemaphoreProxy;
};
template <>
class Proxy<BoundedSemaphore> : public BoundedSemaphoreProxy {
  public:
    using BoundedSemaphoreProxy::BoundedSemaphoreProxy;
};
template <>
class Proxy<Condition> : public ConditionProxy {
  public:
    using ConditionProxy::ConditionProxy;
};
template <>
class Proxy<Event> : public EventProxy {
  public:
    using EventProxy::EventProxy;
};
template <>
class Proxy<Barrier> : public BarrierProxy {
  public:
    using BarrierProxy::BarrierProxy;
};

}  // namespace procession::inline v0

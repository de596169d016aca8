// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Many calls of a manager's objects in one round trip.

#include <procession/detail/batched_call.hpp>
#include <procession/detail/proxy_call.hpp>
#include <procession/proxy.hpp>

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace procession::inline v0 {

/// What a call in a Batch comes to. A handle, as std::shared_future.
/// @par Thread safety  safe once the batch was sent
template <class R>
class BatchResult {
  public:
    /// The call's result.
    /// @throws StateError                the batch was not sent
    /// @throws TypeMismatch, ValueError  the result is no R
    /// @throws  what the method throws
    R get() const {
        const Object& result = detail::result_of(*call_);
        if constexpr (!std::is_void_v<R>)
            return detail::from_object<R>(result, detail::Place(call_->method));
    }
    /// Whether the batch was sent.
    bool ready() const { return call_->is_done; }

  private:
    friend class Batch;
    explicit BatchResult(std::shared_ptr<detail::BatchedCall> call) : call_(std::move(call)) {}

    std::shared_ptr<detail::BatchedCall> call_;
};

/// Calls of a manager's objects, by the names that the methods have there, to be sent together: the server does
/// them one after the other, and answers once.
///
///     mp::Batch batch;
///     auto first = batch.call<int>(d, "get", "a");
///     auto second = batch.call<&Maths::add>(maths, 4, 3);
///     batch.send();
///     int sum = first.get() + second.get();
///
/// Other clients' calls may come in between. Each call has its own result or exception, and one that throws
/// keeps nobody from what follows. Objects of several servers take one round trip for each server.
/// @par Thread safety   as std::vector
class Batch {
  public:
    /// Adds a call. @tparam R  its result's type: void for none, mp::Object for any
    template <class R = Object, class... A>
    BatchResult<R> call(const detail::ProxyCore& proxy, std::string_view method, const A&... arguments) {
        return add<R>(proxy, std::string(method), {detail::to_object(arguments)...});
    }
    /// The same of the method that was registered for a member function.
    /// @throws AttributeError  none was
    template <auto Member, class R = detail::ResultOf<Member>, class T, class... A>
    BatchResult<R> call(const Proxy<T>& proxy, A&&... arguments) {
        using Parameters = typename detail::SignatureOf<Member>::Arguments;
        return add<R>(
            proxy, proxy.method_name(detail::member_tag<Member>()),
            detail::objects_for(std::type_identity<Parameters>(), std::forward<A>(arguments)...));
    }
    /// How many calls there are that were not sent.
    std::size_t size() const { return calls_.size(); }

    /// Sends the calls, and waits for their results. Others may be added then, for the next time.
    /// @param stop  a stop request ends the waits of calls: CancelledError is what they come to
    /// @throws EndOfFile       a server is gone; so do the results that did not come
    /// @throws CancelledError  a stop was requested before; the same
    void send(const std::stop_token& stop = {}) {
        const auto calls = std::exchange(calls_, {});
        detail::send_batch(calls, stop);
    }

  private:
    template <class R>
    BatchResult<R> add(const detail::ProxyCore& proxy, std::string method,
                       std::vector<Object> arguments) {
        calls_.push_back(std::make_shared<detail::BatchedCall>(
            detail::BatchedCall{proxy, std::move(method), std::move(arguments)}));
        return BatchResult<R>(calls_.back());
    }

    std::vector<std::shared_ptr<detail::BatchedCall>> calls_;
};

}  // namespace procession::inline v0

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// A future whose result the program sets itself.

#include <procession/detail/thread_results.hpp>
#include <procession/futures.hpp>

#include <exception>
#include <string>
#include <utility>

namespace procession::inline v0 {
namespace detail {

/// Of one job, which the program itself brings to its end.
class PROCESSION_API PromiseHost final : public JobHost {
  public:
    PromiseHost();
    ~PromiseHost() override;
    /// Has `give` called, which gives the job its outcome, unless it has one.
    /// @throws StateError  it has; `describe` says which
    void bring_to_end(Job&, const char* what, const std::function<std::string()>& describe,
                      const std::function<void()>& give);

    bool wait(Job&, const Timeout&, const std::stop_token&) override;
    bool cancel(Job&) override;
    bool is_running(const Job&) override;
    void post(std::function<void()>) override;
    bool attend() override;
    std::mutex& mutex() override;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace detail

/// Makes a future, and sets its result: what an executor does for its tasks, for those who write one, and for
/// tests. Callbacks of the future are called by the thread that sets it.
/// @par Thread safety   safe
/// @par Process safety  for the process that made it; its future may be passed to others
/// @see Python: concurrent.futures.Future.set_result
template <class T>
class Promise {
  public:
    Promise() : host_(new detail::PromiseHost), state_(new detail::ThreadSingle<T>(host_)) {
        state_->expect(1);
    }
    Future<T> get_future() const { return Future<T>(state_); }

    /// @throws StateError  the future has a result, an exception, or was cancelled
    void set_result(detail::Regular<T> value = {}) const {
        end("set_result", [&] { state_->set(std::move(value)); });
    }
    /// @throws StateError  as set_result
    void set_exception(std::exception_ptr error) const {
        end("set_exception", [&] { state_->on_exception(0, std::move(error)); });
    }
    template <std::derived_from<std::exception> E>
    void set_exception(E error) const {
        set_exception(std::make_exception_ptr(std::move(error)));
    }

  private:
    template <class Give>
    void end(const char* what, const Give& give) const {
        host_->bring_to_end(
            *state_, what, [&] { return get_future().state_name(); }, give);
    }
    detail::Ref<detail::PromiseHost> host_;
    detail::Ref<detail::ThreadSingle<T>> state_;
};

}  // namespace procession::inline v0

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/detail/job.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>

namespace procession::inline v0::detail {

/// Has a function called once when a job is done: by any thread, at once if it is done already. When this goes
/// first, the function is not called any more, nor being called. It must not throw.
class PROCESSION_API DoneNotice {
  public:
    DoneNotice(Job&, std::function<void()>);
    ~DoneNotice();
    DoneNotice(DoneNotice&&) = delete;

  private:
    struct Call;
    const Ref<Job> job_;
    const std::shared_ptr<Call> call_;
    std::uint64_t number_ = 0;
};

/// AsyncResult and Future.
template <class R>
concept ResultHandle = std::copy_constructible<R> && requires(const R& result) {
    { *result.state() } -> std::convertible_to<Job&>;
    typename R::value_type;
};

/// Whether there is a value or an error, and which.
template <ResultHandle R>
bool is_done(const R& result) {
    if constexpr (requires { result.ready(); })
        return result.ready();
    else
        return result.done();
}
template <ResultHandle R>
typename R::value_type value_of(const R& result) {
    constexpr std::chrono::seconds no_time(0);
    if constexpr (requires { result.get(no_time); })
        return result.get(no_time);
    else
        return result.result(no_time);
}

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

// Results in other processes than the one whose task they are of.

#include <procession/detail/job.hpp>
#include <procession/serialize.hpp>

#include <concepts>
#include <cstdint>
#include <mutex>
#include <span>
#include <type_traits>
#include <utility>

namespace procession::inline v0 {
namespace detail {

/// AsyncResult and Future.
template <class R>
inline constexpr bool is_future = false;
template <class R>
concept FutureType = is_future<R>;
/// One whose value can be sent, and so the future as well.
template <class R>
concept SendableFuture = FutureType<R> &&
    (std::is_void_v<typename R::value_type> || Sendable<typename R::value_type>);

template <FutureType R>
inline constexpr bool is_handed_over_as_lvalue<R> = true;
template <FutureType R>
inline constexpr bool stays_here<R> = true;

/// The object that a result is for other processes, from the first call on.
/// @throws HeapExhausted
PROCESSION_API Handle share(Job&, const SharedResultType&);
/// The result that such an object is in this process. @throws TypeMismatch  it is another kind of object
PROCESSION_API Ref<Job> find_result(std::uint64_t offset, const SharedResultType&);
/// The bytes of the value of one that was received, once it is there.
PROCESSION_API std::span<const std::byte> received_value(const Job&);
[[noreturn]] PROCESSION_API void throw_other_result(const std::string& type);
/// Whether they are one result for the program; null: none.
PROCESSION_API bool are_same(const Job*, const Job*) noexcept;

/// One whose value comes from another process.
template <class T>
class ReceivedResult final : public ResultState<T> {
  public:
    using ResultState<T>::ResultState;
    void on_exception(std::uint64_t, std::exception_ptr error) override {
        this->set_error(std::move(error));
    }

  private:
    Regular<T> read() override {
        if constexpr (std::is_void_v<T>)
            return {};
        else
            return load_message<T>(received_value(*this));
    }
};

template <class T>
void save_result(Job& job, Buffer& buffer) {
    auto& state = static_cast<ResultState<T>&>(job);
    // What cannot be copied may be moved out meanwhile.
    std::unique_lock lock(guard_of(job), std::defer_lock);
    if constexpr (!std::is_copy_constructible_v<Regular<T>>) lock.lock();
    const Regular<T>& value = state.value();
    if constexpr (!std::is_void_v<T>) save_message(buffer, value);
}
template <class T>
Ref<Job> receive_result(Ref<JobHost> host) {
    return Ref<Job>(new ReceivedResult<T>(std::move(host)));
}
template <class T>
inline constexpr SharedResultType shared_result_type{&save_result<T>, &receive_result<T>};

/// Notes which object it is, for a child that is forked.
template <SendableFuture R>
void refer(Buffer& buffer, const R& result) {
    buffer.refer(share(*result.state(), shared_result_type<typename R::value_type>).offset());
}

}  // namespace detail

template <detail::SendableFuture R>
void CEREAL_SAVE_FUNCTION_NAME(NativeWriter& writer, const R& result) {
    writer(share(*result.state(), detail::shared_result_type<typename R::value_type>));
}
template <detail::SendableFuture R>
void CEREAL_LOAD_FUNCTION_NAME(NativeReader& reader, R& result) {
    using T = typename R::value_type;
    std::uint64_t offset = 0;
    reader.read(&offset, sizeof offset);
    const auto job = detail::find_result(offset, detail::shared_result_type<T>);
    auto* const state = dynamic_cast<detail::ResultState<T>*>(job.get());
    if (!state) detail::throw_other_result(detail::type_name<R>());
    result = R(detail::Ref<detail::ResultState<T>>(state));
}

}  // namespace procession::inline v0

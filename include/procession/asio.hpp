// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Asynchronous operations for Asio: on queues, connections, processes and results of pools.
///
/// With Asio by itself (Debian's libasio-dev); with Boost.Asio where PROCESSION_BOOST_ASIO is defined before this, or
/// where there is no other. The library itself needs neither. No thread is used but the one that Queue::fileno()
/// tells of, and nothing waits in any.
///
/// An operation is told where it runs, an executor or what has one, and takes a completion token: a callback of
/// (std::exception_ptr, value), use_awaitable, use_future, deferred, ... It gives what its twin that blocks does, and
/// throws what that does.
///
/// A value is taken in the moment in which the completion handler is called with it: an operation that was cancelled
/// by its cancellation slot (terminal, partial or total), or that its execution context destroyed, has taken nothing
/// and leaves nothing. One that was cancelled fails with Asio's operation_aborted, as all operations there do.

#if defined(PROCESSION_BOOST_ASIO) || !__has_include(<asio.hpp>)
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#define PROCESSION_ASIO_IS_BOOST 1
#else
#include <asio/cancellation_state.hpp>
#include <asio/compose.hpp>
#include <asio/error.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#define PROCESSION_ASIO_IS_BOOST 0
#endif

#include <procession/detail/awaited_source.hpp>
#include <procession/detail/done_notice.hpp>
#include <procession/detail/signal.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace procession::inline v0::asio {

// Programs made of both kinds must not take the functions of one for those of the other.
#if PROCESSION_ASIO_IS_BOOST
inline namespace on_boost {
namespace net = ::boost::asio;
using ErrorCode = ::boost::system::error_code;
using SystemError = ::boost::system::system_error;
#else
inline namespace on_asio {
namespace net = ::asio;
using ErrorCode = ::asio::error_code;
using SystemError = ::asio::system_error;
#endif

namespace detail {

using procession::detail::OwnDescriptor;
using procession::detail::ResultHandle;
using procession::detail::Source;

template <class Where>
auto executor_of(Where& where) {
    if constexpr (requires { where.get_executor(); })
        return where.get_executor();
    else
        return where;
}
template <class Where>
concept HasExecutor = requires(Where& where) {
    {net::prefer(executor_of(where), net::execution::outstanding_work.tracked)};
};

/// What a handler is called with.
template <class Value>
struct SignatureOf {
    static_assert(std::default_initializable<Value>, "Asio gives a default value beside an error");
    using type = void(std::exception_ptr, Value);
};
template <>
struct SignatureOf<std::monostate> {
    using type = void(std::exception_ptr);
};

inline std::exception_ptr to_exception(const ErrorCode& code) {
    return std::make_exception_ptr(SystemError(code));
}

/// Waits for what can be taken when a descriptor is readable.
template <Source S, class Executor>
class TakeOperation {
  public:
    TakeOperation(S source, const Executor& executor)
        : source_(std::move(source)), executor_(executor) {}

    template <class Self>
    void operator()(Self& self) {
        if (error_) return finish(self, error_);
        self.reset_cancellation_state(net::enable_total_cancellation());
        try {
            watch();
        } catch (...) {
            error_ = std::current_exception();
            return net::post(executor_, std::move(self));
        }
        wait(self);
    }
    template <class Self>
    void operator()(Self& self, const ErrorCode& code) {
        if (self.get_cancellation_state().cancelled() != net::cancellation_type::none)
            return finish(self, to_exception(net::error::operation_aborted));
        if (code) return finish(self, to_exception(code));
        try {
            if (auto taken = source_.take()) return finish(self, nullptr, std::move(*taken));
        } catch (...) {
            return finish(self, std::current_exception());
        }
        // Somebody else was faster.
        wait(self);
    }

  private:
    using Value = typename S::Value;
    using Descriptor = net::posix::basic_stream_descriptor<Executor>;

    // A copy, since others wait for the same descriptor, and Asio takes each number once.
    void watch() {
        OwnDescriptor copy = OwnDescriptor::copy_of(source_.fileno());
        descriptor_ = std::make_unique<Descriptor>(executor_);
        descriptor_->assign(copy.get());
        copy.release();
    }
    template <class Self>
    void wait(Self& self) {
        Descriptor& descriptor = *descriptor_;
        descriptor.async_wait(Descriptor::wait_read, std::move(self));
    }
    template <class Self>
    void finish(Self& self, std::exception_ptr error, Value value = {}) {
        descriptor_.reset();
        if constexpr (std::same_as<Value, std::monostate>)
            self.complete(std::move(error));
        else
            self.complete(std::move(error), std::move(value));
    }

    S source_;
    Executor executor_;
    std::unique_ptr<Descriptor> descriptor_;
    std::exception_ptr error_;
};

template <Source S, class Where, class Token>
auto start(Where& where, S source, Token&& token) {
    const auto executor = executor_of(where);
    using Operation = TakeOperation<S, std::remove_const_t<decltype(executor)>>;
    return net::async_compose<Token, typename SignatureOf<typename S::Value>::type>(
        Operation(std::move(source), executor), token, executor);
}

/// The result of a pool's task, as something with a descriptor.
template <ResultHandle R>
class ResultSource {
    using Result = typename R::value_type;

  public:
    using Value = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;
    static constexpr const char* name = "async_get";
    explicit ResultSource(const R& result) : call_(std::make_unique<Call>(result)) {}

    std::optional<Value> take() const {
        if (!procession::detail::is_done(call_->result)) return std::nullopt;
        return give_up();
    }
    int fileno() const { return call_->signal.fileno(); }
    Value give_up() const {
        if constexpr (std::is_void_v<Result>) {
            procession::detail::value_of(call_->result);
            return {};
        } else {
            return procession::detail::value_of(call_->result);
        }
    }

  private:
    struct Call {
        explicit Call(const R& its) : result(its) {}
        const R result;
        const procession::detail::Signal signal;
        const procession::detail::DoneNotice notice{*result.state(), [this] { signal.set(); }};
    };
    std::unique_ptr<const Call> call_;
};

}  // namespace detail

/// Removes and returns the oldest item of a queue. @throws  as Queue::get()
template <detail::HasExecutor Where, class T, class Token>
auto async_get(Where&& where, const Queue<T>& queue, Token&& token) {
    return detail::start(where, procession::detail::QueueItem<T>{queue}, std::forward<Token>(token));
}
/// Waits for an item and returns it with those that are there as well, `at_most` in all.
/// @throws  as Queue::get_many()
template <detail::HasExecutor Where, class T, class Token>
auto async_get_many(Where&& where, const Queue<T>& queue, std::size_t at_most, Token&& token) {
    return detail::start(where, procession::detail::QueueItems<T>{queue, at_most},
                         std::forward<Token>(token));
}
/// The result of a task of a pool, an AsyncResult or a Future. @throws  as its get(), or result()
template <detail::HasExecutor Where, detail::ResultHandle R, class Token>
auto async_get(Where&& where, const R& result, Token&& token) {
    return detail::start(where, detail::ResultSource<R>(result), std::forward<Token>(token));
}
/// Receives the next value. The connection must stay where it is, and open, meanwhile.
/// @throws  as Connection::recv()
template <class T, detail::HasExecutor Where, class Token>
auto async_recv(Where&& where, const Connection& connection, Token&& token) {
    return detail::start(where, procession::detail::ReceivedValue<T>{&connection},
                         std::forward<Token>(token));
}
/// Receives the bytes of the next message, however it was sent. @throws  as Connection::recv_bytes()
template <detail::HasExecutor Where, class Token>
auto async_recv_bytes(Where&& where, const Connection& connection, Token&& token) {
    return detail::start(where, procession::detail::ReceivedBytes{&connection},
                         std::forward<Token>(token));
}
/// The next who connects. The listener must stay where it is meanwhile. @throws  as Listener::accept()
template <detail::HasExecutor Where, class Token>
auto async_accept(Where&& where, Listener& listener, Token&& token) {
    return detail::start(where, procession::detail::AcceptedConnection{&listener},
                         std::forward<Token>(token));
}
/// Waits for the end of a process, and gives its exit code. @throws  as Process::join()
template <detail::HasExecutor Where, class Token>
auto async_join(Where&& where, ProcessHandle process, Token&& token) {
    return detail::start(where, procession::detail::ProcessEnd{std::move(process)},
                         std::forward<Token>(token));
}
template <detail::HasExecutor Where, class Token>
auto async_join(Where&& where, const Process& process, Token&& token) {
    return async_join(where, process.handle(), std::forward<Token>(token));
}

}  // inline namespace
}  // namespace procession::inline v0::asio

#undef PROCESSION_ASIO_IS_BOOST

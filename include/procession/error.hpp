// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// What the library throws. Messages read: OBJECT: what failed. Facts. The next step.
/// Failures of the operating system are `std::system_error` instead, with the same order.

#include <procession/detail/export.hpp>

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace procession::inline v0 {

/// One code for each kind of error, grouped by what the caller can do.
enum class Errc {
    empty = 1,
    full,
    shut_down,
    timed_out,
    end_of_file,
    buffer_too_short,
    not_authentic,
    broken_barrier,
    not_serializable,
    type_mismatch,
    cancelled,
    heap_exhausted,
    key,
    index,
    attribute,
    remote,
    worker_died,
    owner_died,
    value,
    state,
    stop_iteration,
};

/// The category of `Errc`; `timed_out` and `cancelled` equal their `std::errc` namesakes.
/// @par Thread safety   safe
PROCESSION_API const std::error_category& error_category() noexcept;
/// Lets `Errc` be compared with `std::error_code`.
PROCESSION_API std::error_code make_error_code(Errc) noexcept;

/// The root of the library's own errors. An ordinary copyable exception.
struct PROCESSION_API Error : std::runtime_error {
    Error(Errc code, const std::string& message)
        : runtime_error(message), code_(make_error_code(code)) {}
    /// Which error it is, for handling without the type.
    const std::error_code& code() const noexcept { return code_; }

  private:
    std::error_code code_;
};

namespace detail {
/// An error of one code, made from its message.
template <Errc Code>
struct CodedError : Error {
    explicit CodedError(const std::string& message) : Error(Code, message) {}
};
}  // namespace detail

/// Nothing arrived in time.
struct PROCESSION_API Empty : detail::CodedError<Errc::empty> {
    using CodedError::CodedError;
};
/// No room came free in time.
struct PROCESSION_API Full : detail::CodedError<Errc::full> {
    using CodedError::CodedError;
};
/// The stream was ended with shutdown().
struct PROCESSION_API ShutDown : detail::CodedError<Errc::shut_down> {
    using CodedError::CodedError;
};
/// The time limit passed.
struct PROCESSION_API TimeoutError : detail::CodedError<Errc::timed_out> {
    using CodedError::CodedError;
};
/// The other side is closed and everything it sent was received.
struct PROCESSION_API EndOfFile : detail::CodedError<Errc::end_of_file> {
    using CodedError::CodedError;
};
/// The peer did not prove that it has the key.
struct PROCESSION_API AuthenticationError : detail::CodedError<Errc::not_authentic> {
    using CodedError::CodedError;
};
/// The barrier was aborted, reset or lost a party while it was waited on.
struct PROCESSION_API BrokenBarrierError : detail::CodedError<Errc::broken_barrier> {
    using CodedError::CodedError;
};
/// The value cannot be sent, or the bytes are no value of the type.
struct PROCESSION_API SerializationError : detail::CodedError<Errc::not_serializable> {
    using CodedError::CodedError;
};
/// A message of another type was received; it stays where it is.
struct PROCESSION_API TypeMismatch : detail::CodedError<Errc::type_mismatch> {
    using CodedError::CodedError;
};
/// The wait was ended by its stop token, or the task was cancelled.
struct PROCESSION_API CancelledError : detail::CodedError<Errc::cancelled> {
    using CodedError::CodedError;
};
/// The shared heap has reached its limit (PROCESSION_HEAP_LIMIT).
struct PROCESSION_API HeapExhausted : detail::CodedError<Errc::heap_exhausted> {
    using CodedError::CodedError;
};
/// No such key; from shared_map and proxies.
struct PROCESSION_API KeyError : detail::CodedError<Errc::key> {
    using CodedError::CodedError;
};
/// No such index; from shared_vector, shared_string and proxies.
struct PROCESSION_API IndexError : detail::CodedError<Errc::index> {
    using CodedError::CodedError;
};
/// No such attribute; from proxies.
struct PROCESSION_API AttributeError : detail::CodedError<Errc::attribute> {
    using CodedError::CodedError;
};
/// An argument or a call that is never right: over-release, an operation on a closed object.
struct PROCESSION_API ValueError : detail::CodedError<Errc::value> {
    using CodedError::CodedError;
};
/// The call is not right in the object's present state: started twice, joined before the start.
struct PROCESSION_API StateError : detail::CodedError<Errc::state> {
    using CodedError::CodedError;
};

/// The iterator is at its end; from proxies of one.
struct PROCESSION_API StopIteration : detail::CodedError<Errc::stop_iteration> {
    using CodedError::CodedError;
};

/// The message is longer than the buffer; it is not lost but held here.
struct PROCESSION_API BufferTooShort : Error {
    BufferTooShort(const std::string& text, std::vector<std::byte> whole)
        : Error(Errc::buffer_too_short, text), message(std::move(whole)) {}
    std::vector<std::byte> message;
};

/// An exception of a type that is not registered here, thrown in another process.
struct PROCESSION_API RemoteError : Error {
    RemoteError(std::string type, std::string text, std::string trace)
        : Error(Errc::remote, type + ": " + text),
          type_name(std::move(type)),
          what_text(std::move(text)),
          traceback(std::move(trace)) {}
    std::string type_name;
    std::string what_text;
    std::string traceback;
};

/// The worker that held a task was killed or ended.
struct PROCESSION_API WorkerDied : Error {
    WorkerDied(const std::string& text, int worker, std::optional<int> code, std::string task_name)
        : Error(Errc::worker_died, text), pid(worker), exitcode(code), task(std::move(task_name)) {}
    int pid;
    std::optional<int> exitcode;  ///< n, or -signal, where it is known
    std::string task;             ///< what it ran
    /// The most bytes of memory that it had; 0: not known.
    std::size_t peak_resident = 0;
    /// Whether the kernel killed it, as far as can be told, since there was no memory left.
    bool out_of_memory = false;
    /// The last lines that it wrote to stderr.
    std::string last_stderr = {};
};

/// The holder of a lock is gone; the lock was not taken, and what it guards may be half-written.
struct PROCESSION_API OwnerDied : Error {
    OwnerDied(const std::string& text, int owner, std::string owner_name)
        : Error(Errc::owner_died, text), pid(owner), name(std::move(owner_name)) {}
    int pid;
    std::string name;
};

}  // namespace procession::inline v0

template <>
struct std::is_error_code_enum<procession::Errc> : std::true_type {};

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/object.hpp>

#include <exception>
#include <string>

namespace procession::inline v0::detail {

/// The exception of Python's that one of C++ is:
///
/// | C++ | Python |
/// |---|---|
/// | std::out_of_range, IndexError | IndexError |
/// | std::invalid_argument, domain_error, length_error, ValueError | ValueError |
/// | KeyError, AttributeError, BrokenBarrierError, AuthenticationError, BufferTooShort | the same |
/// | Empty, Full, ShutDown | queue.Empty, Full, ShutDown |
/// | TimeoutError | multiprocessing.TimeoutError |
/// | EndOfFile; StopIteration | EOFError; StopIteration |
/// | SerializationError; TypeMismatch | pickle.PicklingError; TypeError |
/// | HeapExhausted, std::bad_alloc | MemoryError |
/// | std::overflow_error | OverflowError |
/// | std::system_error | OSError with its number: FileNotFoundError, ... |
/// | RemoteError | multiprocessing.managers.RemoteError |
/// | all others | RuntimeError |
///
/// What it was in C++ is said by an attribute, `cpp_type`, where that is not what Python's becomes here by
/// itself. WorkerDied, OwnerDied and RemoteError have their members as attributes as well.
/// @returns None for no exception
PROCESSION_API Object to_object(const std::exception_ptr& exception);

/// Throws what an exception of Python's is here: what it was in C++; else by the table from right to left
/// (IndexError, KeyError, ValueError, ... are the library's; RuntimeError is std::runtime_error, OSError with
/// a number std::system_error); else RemoteError with its type's name, its text and the traceback.
[[noreturn]] PROCESSION_API void throw_from(const Object& exception, std::string traceback = {});

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/serialize.hpp>

#include <cstddef>
#include <exception>
#include <span>
#include <string>

namespace procession::inline v0::detail {

/// How many exceptions of a chain of nested ones travel: the outermost.
inline constexpr std::size_t longest_exception_chain = 64;

/// Writes an exception, and those nested in it. What cannot be sent as itself, is sent as a RemoteError; so it
/// throws only where there is no memory.
/// @param traceback  of the outermost, as traceback() gives it; where it is empty, type and text stand for it
PROCESSION_API void save_exception(Buffer&, const std::exception_ptr& exception,
                                   const std::string& traceback);

/// The exception that such a message holds, to be thrown with std::rethrow_exception. One that cannot be made
/// here is a RemoteError, which says why.
/// @throws SerializationError  the bytes are no such message
PROCESSION_API std::exception_ptr load_exception(std::span<const std::byte> message);

}  // namespace procession::inline v0::detail

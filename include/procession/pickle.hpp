// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Values as CPython's pickle writes and reads them. Reading only builds values: nothing is ever imported
/// or called, whatever the bytes say.

#include <procession/detail/export.hpp>
#include <procession/object.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace procession::inline v0::pickle {

inline constexpr int default_protocol = 4;  ///< read by Python 3.4 and later
inline constexpr int highest_protocol = 5;  ///< read by Python 3.8 and later

/// What a pickle may ask for at most. A value that it refers to again counts again.
struct Limits {
    /// How deep values are nested; Object::max_depth is the most.
    std::size_t depth = Object::max_depth;
    /// How many values it may remember, to refer to them again.
    std::size_t memo = std::size_t{1} << 24;
    /// Bytes of memory that the values take. None: 1 GiB and 64 times the pickle's length.
    std::optional<std::size_t> size = {};
};

/// The pickle of a value, which Python's `pickle.loads` reads. What is shared is written again each time.
///
/// Instances are written as their class's name, arguments and state, whether Python knows the class or not.
/// @param protocol  0 to 5
/// @throws ValueError  there is no such protocol
/// @par Thread safety   safe
/// @see Python: pickle.dumps
[[nodiscard]] PROCESSION_API std::vector<std::byte> dumps(const Object&,
                                                          int protocol = default_protocol);

/// The value that a pickle of any protocol says.
///
/// Whatever the bytes are, it ends, takes memory in proportion to their number and to the limits, and calls
/// nothing. collections.OrderedDict is a dict here; a numpy scalar the number that it holds.
/// @throws SerializationError  it is no pickle, is cut off, exceeds a limit, contains itself, or names what is
///                             neither known nor registered
/// @par Thread safety   safe
/// @see Python: pickle.loads
[[nodiscard]] PROCESSION_API Object loads(std::span<const std::byte>, const Limits& = {});

/// Lets loads() accept a class or function of Python's: its instances become Object::instance, with module,
/// qualified name, arguments and state, and its name alone Object::global. Once more does no harm.
/// @par Thread safety   safe
PROCESSION_API void register_global(std::string module, std::string qualname);

/// Whether register_global() has had it. What the library knows by itself does not count.
/// @par Thread safety   safe
PROCESSION_API bool is_registered(std::string_view module, std::string_view qualname);

}  // namespace procession::inline v0::pickle

#include <procession/detail/typed_pickle.hpp>

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace procession::inline v0::pickle {

/// What the decoder does where a pickle has a class or function called.
enum class Known {
    nothing,  ///< it is not known
    set,
    frozenset,
    bytes,
    bytearray,
    complex,
    list,
    ordered_dict,
    object,
    base,  ///< a built-in type that classes derive from, and that nothing is made by
    exception,
    array,
    array_reconstructor,
    date,
    time,
    datetime,
    timedelta,
    timezone,
    encode,
    reconstructor,
    newobj,
    newobj_ex,
    ndarray,
    ndarray_reconstruct,
    ndarray_from_buffer,
    numpy_scalar,
    recorded,  ///< the call becomes an Object::instance
};

/// As Python 3 calls it; pickles of protocols 0 to 2 have the names of Python 2.
std::pair<std::string, std::string> name_of_python3(std::string_view module, std::string_view qualname);
/// Under the name of Python 3.
Known look_up(std::string_view module, std::string_view qualname);

}  // namespace procession::inline v0::pickle

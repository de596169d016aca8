// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <string>

// NumPy's arrays, dtypes and scalars, as they are in pickles.
namespace procession::inline v0::pickle {

/// What `numpy.dtype(...)` with its state is: numpy.dtype.str. @throws SerializationError  it is no dtype
std::string dtype_of(const Object& object);
/// The same as a value of a pickle.
Object dtype_object(const std::string& dtype);

/// The number or text that the bytes are. @throws SerializationError  the dtype has no such
Object numpy_scalar(const std::string& dtype, std::span<const std::byte> bytes);

/// From the state of a numpy.ndarray: (version, shape, dtype, is_fortran, bytes).
Object::NdArray ndarray_of_state(const Object& state);
/// From the arguments of numpy.core.numeric._frombuffer: (bytes, dtype, shape, order).
Object::NdArray ndarray_of_buffer(const Object& arguments);

}  // namespace procession::inline v0::pickle

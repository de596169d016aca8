// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

// Sequences of Python's, and how they are indexed.
namespace procession::inline v0::managers {

/// What a proxy of this server's is of, as a value; anything else is itself. Not under the lock of a referent.
Object resolved(const Object& object);
/// What iterating over it gives: of a dict its keys, of a str its characters.
/// @throws TypeMismatch  Python, or the server without one, cannot iterate over it
std::vector<Object> elements_of(const Object& iterable);
Object list_of(std::vector<Object> elements);

bool is_slice(const Object& object);
/// Where a slice is to begin or end: an int that is cut to 64 bits. @throws TypeMismatch  it is none
std::int64_t slice_bound(const Object& bound);

/// Which elements of a sequence a slice means: `count` of them, each `step` behind the one before.
struct Slice {
    std::int64_t start;
    std::int64_t step;
    std::size_t count;

    std::size_t operator[](std::size_t number) const {
        return static_cast<std::size_t>(start + static_cast<std::int64_t>(number) * step);
    }
    /// The same elements from left to right.
    Slice ascending() const;
};
/// @throws TypeMismatch  a part is no int @throws ValueError  its step is 0
Slice resolve_slice(const Object& slice, std::size_t size);

/// An index that is -1 for the last element.
/// @param type          "list", for errors
/// @param out_of_range  the IndexError's text
std::size_t resolve_index(const Object& index, std::size_t size, std::string_view type,
                          std::string_view out_of_range);

}  // namespace procession::inline v0::managers

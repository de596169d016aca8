// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/detail/object_place.hpp>
#include <procession/object.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What the forms of all types consist of, compiled once. Those that take a Place throw as it says.
namespace procession::inline v0::detail {

using TypeName = std::string (*)();

// ---- numbers

PROCESSION_API bool read_bool(const Place&, const Object&);
PROCESSION_API std::int64_t read_int64(const Place&, const Object&, TypeName);
PROCESSION_API std::uint64_t read_uint64(const Place&, const Object&, TypeName);
/// An int is a float as well, as in Python, unless the place wants it exactly.
PROCESSION_API double read_double(const Place&, const Object&);
PROCESSION_API float read_float(const Place&, const Object&);
PROCESSION_API Object write_long_double(const Place&, long double);
PROCESSION_API Object::Complex read_complex(const Place&, const Object&);

// ---- text

PROCESSION_API Object write_text(const Place&, std::string_view);
PROCESSION_API Object write_text(const Place&, std::u16string_view);
PROCESSION_API Object write_text(const Place&, std::u32string_view);
PROCESSION_API std::string_view read_text(const Place&, const Object&);
PROCESSION_API std::u16string read_text16(const Place&, const Object&);
PROCESSION_API std::u32string read_text32(const Place&, const Object&);
/// A str of one character, up to `most`.
PROCESSION_API char32_t read_character(const Place&, const Object&, char32_t most, TypeName);

// ---- bytes and sequences

/// What a bytes or bytearray holds.
PROCESSION_API std::span<const std::byte> read_bytes(const Place&, const Object&);

PROCESSION_API Object make_list(std::vector<Object>);
PROCESSION_API Object make_tuple(std::vector<Object>);
/// The elements become hashable ones: tuples for lists, frozensets for sets.
PROCESSION_API Object make_set(const Place&, std::vector<Object>);
/// The keys do.
PROCESSION_API Object make_dict(const Place&, std::vector<Object> keys, std::vector<Object> values);

/// The elements of a list, tuple, array.array or ndarray of one dimension.
class PROCESSION_API Sequence {
  public:
    /// @param exact_kind  the only one that is taken where the place wants it exactly, beside arrays
    Sequence(const Place&, const Object&, Object::Kind exact_kind);
    std::size_t size() const { return size_; }
    void require_size(std::size_t wanted) const {
        if (size_ != wanted) throw_wrong_count(place_, wanted, size_);
    }
    /// One of them, until the next is asked for.
    const Object& operator[](std::size_t index) { return array_ ? number(index) : elements_[index]; }

  private:
    const Object& number(std::size_t index);

    const Place& place_;
    std::span<const Object> elements_;
    const Object* array_ = nullptr;
    Object number_;
    std::size_t size_ = 0;
};

/// How numbers of one type lie in memory: dtype's kind (i u f) and bytes.
struct NumberLayout {
    char kind;
    std::size_t size;
};
/// The elements of an array.array or an ndarray of one dimension if they lie so; bytes and bytearrays are
/// unsigned numbers of one byte. None: they do not, or it is something else.
PROCESSION_API std::optional<std::span<const std::byte>> numbers_in(const Object&, NumberLayout);

/// What a set or frozenset holds.
PROCESSION_API std::span<const Object> read_set(const Place&, const Object&);
/// @throws  unless it is a dict
PROCESSION_API void require_dict(const Place&, const Object&);

// ---- time

/// A count of ticks that are numerator/denominator seconds long, to the nearest microsecond.
PROCESSION_API Object write_ticks(const Place&, std::int64_t count, std::intmax_t numerator,
                                  std::intmax_t denominator);
PROCESSION_API Object write_ticks(const Place&, long double count, std::intmax_t numerator,
                                  std::intmax_t denominator);
/// The same as a moment in UTC, so many after the beginning of 1970.
PROCESSION_API Object write_moment(const Place&, std::int64_t count, std::intmax_t numerator,
                                   std::intmax_t denominator);
PROCESSION_API Object write_moment(const Place&, long double count, std::intmax_t numerator,
                                   std::intmax_t denominator);
/// @throws ValueError  it is no whole number of ticks, or too long
PROCESSION_API std::int64_t read_ticks(const Place&, const Object&, std::intmax_t numerator,
                                       std::intmax_t denominator, TypeName);
PROCESSION_API long double read_fractional_ticks(const Place&, const Object&, std::intmax_t numerator,
                                                 std::intmax_t denominator);
/// From a datetime that says its distance from UTC.
PROCESSION_API std::int64_t read_moment(const Place&, const Object&, std::intmax_t numerator,
                                        std::intmax_t denominator, TypeName);
PROCESSION_API long double read_fractional_moment(const Place&, const Object&, std::intmax_t numerator,
                                                  std::intmax_t denominator);

}  // namespace procession::inline v0::detail

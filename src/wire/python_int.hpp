// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// Ints of any size as two's complement, little-endian, of the fewest bytes: 0 has none.
namespace procession::inline v0::detail {

/// As many decimal digits Python prints and reads, as more take it long. @see sys.get_int_max_str_digits
inline constexpr std::size_t max_int_digits = 4300;

/// Without the bytes that only repeat the sign.
std::span<const std::byte> shortest_int(std::span<const std::byte> bytes);
Object::Bytes bytes_of_int(std::int64_t value);
bool is_negative(std::span<const std::byte> bytes);
/// None if it does not fit.
std::optional<std::int64_t> to_int64(std::span<const std::byte> bytes);
/// Of a whole number.
Object::Bytes bytes_of_whole(double value);
/// Decimal, or hexadecimal (0x...) beyond `max_int_digits`.
std::string print_int(std::span<const std::byte> bytes);
/// What print_int() writes, with a sign before it. None if it is no such number.
std::optional<Object::Bytes> read_int(std::string_view text);

}  // namespace procession::inline v0::detail

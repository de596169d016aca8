// SPDX-License-Identifier: Apache-2.0
#include "wire/object_order.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <cmath>
#include <compare>
#include <tuple>

#include "wire/calendar.hpp"
#include "wire/object_node.hpp"
#include "wire/python_int.hpp"

namespace procession::inline v0::detail {
namespace {

using Kind = Object::Kind;
using Order = std::partial_ordering;

bool is_whole_number(const Object& object) { return object.is_int() || object.is_bool(); }
bool is_number(const Object& object) { return is_whole_number(object) || object.is_float(); }
bool is_either_bytes(const Object& object) { return object.is_bytes() || object.is_bytearray(); }
bool is_moment(const Object& object) {
    return object.is_date() || object.is_time() || object.is_datetime() || object.is_timedelta();
}

Object::Bytes bytes_of(const Object& whole) {
    return ObjectAccess::is_boxed(whole) ? whole.integer_bytes()
                                         : bytes_of_int(ObjectAccess::integer(whole));
}

Order order_of_bytes(const Object::Bytes& left, const Object::Bytes& right) {
    const bool negative = is_negative(left);
    if (negative != is_negative(right)) return negative ? Order::less : Order::greater;
    // They are of the fewest bytes, so the longer one is further from 0.
    if (left.size() != right.size())
        return (left.size() < right.size()) != negative ? Order::less : Order::greater;
    return std::lexicographical_compare_three_way(left.rbegin(), left.rend(), right.rbegin(),
                                                  right.rend());
}

Order order_of(const Object& whole, double value) {
    constexpr std::int64_t exact = std::int64_t{1} << 53;
    if (!ObjectAccess::is_boxed(whole) && std::abs(ObjectAccess::integer(whole)) <= exact)
        return static_cast<double>(ObjectAccess::integer(whole)) <=> value;
    if (!std::isfinite(value)) return 0.0 <=> value;
    const double truncated = std::trunc(value);
    const Order order = order_of_bytes(bytes_of(whole), bytes_of_whole(truncated));
    return order != 0 ? order : truncated <=> value;
}

Order order_of_numbers(const Object& left, const Object& right) {
    if (left.is_float() && right.is_float())
        return ObjectAccess::floating(left) <=> ObjectAccess::floating(right);
    if (right.is_float()) return order_of(left, ObjectAccess::floating(right));
    if (left.is_float()) return 0 <=> order_of(right, ObjectAccess::floating(left));
    if (!ObjectAccess::is_boxed(left) && !ObjectAccess::is_boxed(right))
        return ObjectAccess::integer(left) <=> ObjectAccess::integer(right);
    return order_of_bytes(bytes_of(left), bytes_of(right));
}

bool is_earlier(const Object& left, const Object& right) {
    const Moment a = moment_of(left), b = moment_of(right);
    if (a.is_aware != b.is_aware)
        throw TypeMismatch(fmt::format("can't compare offset-naive and offset-aware {}s", left.type()));
    return std::tie(a.days, a.microseconds) < std::tie(b.days, b.microseconds);
}

}  // namespace

bool is_less(const Object& left, const Object& right) {
    if (is_number(left) && is_number(right)) return order_of_numbers(left, right) < 0;
    // UTF-8 is ordered as the characters are.
    if (left.is_str() && right.is_str()) return left.text() < right.text();
    if (is_either_bytes(left) && is_either_bytes(right))
        return std::ranges::lexicographical_compare(left.raw(), right.raw());
    if (left.kind() == right.kind()) {
        if (left.is_list() || left.is_tuple()) {
            const auto mine = left.elements(), others = right.elements();
            const auto [a, b] = std::ranges::mismatch(mine, others);
            return b != others.end() && (a == mine.end() || is_less(*a, *b));
        }
        if (is_moment(left)) return is_earlier(left, right);
    }
    throw TypeMismatch(
        fmt::format("'<' not supported between instances of '{}' and '{}'", left.type(), right.type()));
}

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/object_parts.hpp>

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "wire/calendar.hpp"
#include "wire/object_node.hpp"

namespace procession::inline v0::detail {
namespace {

/// Microseconds: those that a timedelta may have are more than 64 bits.
__extension__ using Wide = __int128;

constexpr std::int64_t a_second = 1'000'000;
constexpr std::int64_t a_day = 86'400 * std::int64_t{a_second};
constexpr std::int64_t most_days = 999'999'999;

/// As Python rounds: halves to the even one.
Wide divided(Wide number, Wide divisor) {
    Wide quotient = number / divisor;
    Wide rest = number % divisor;
    if (rest < 0) {
        rest += divisor;
        --quotient;
    }
    if (2 * rest > divisor || (2 * rest == divisor && quotient % 2 != 0)) ++quotient;
    return quotient;
}

std::optional<Wide> microseconds(std::int64_t count, std::intmax_t numerator,
                                 std::intmax_t denominator) {
    Wide total = count;
    if (__builtin_mul_overflow(total, Wide{numerator}, &total) ||
        __builtin_mul_overflow(total, Wide{a_second}, &total))
        return std::nullopt;
    return divided(total, denominator);
}

std::optional<Wide> microseconds(long double count, std::intmax_t numerator, std::intmax_t denominator) {
    const long double total = std::nearbyint(count * static_cast<long double>(numerator) * a_second /
                                             static_cast<long double>(denominator));
    constexpr long double most = 1e20L;  // more than any timedelta
    if (!(std::fabs(total) < most)) return std::nullopt;
    return static_cast<Wide>(total);
}

struct DayAndTime {
    std::int64_t days;
    std::int64_t microseconds;  ///< of that day
};
DayAndTime split(Wide total) {
    Wide days = total / a_day;
    Wide rest = total % a_day;
    if (rest < 0) {
        rest += a_day;
        --days;
    }
    return {static_cast<std::int64_t>(days), static_cast<std::int64_t>(rest)};
}

Object timedelta(const Place& place, std::optional<Wide> total) {
    const Wide most = Wide{most_days} * a_day;
    if (!total || *total < -most || *total >= most + a_day)
        throw_unnatural(place, "the duration is longer than any timedelta of Python's, 999999999 days");
    const auto [days, rest] = split(*total);
    return TimeDelta(static_cast<int>(days), static_cast<int>(rest / a_second),
                     static_cast<int>(rest % a_second));
}

Object moment(const Place& place, std::optional<Wide> total) {
    using std::chrono::sys_days;
    constexpr auto first = sys_days(std::chrono::year(1) / 1 / 1).time_since_epoch().count();
    constexpr auto last = sys_days(std::chrono::year(9999) / 12 / 31).time_since_epoch().count();
    if (!total || *total < Wide{first} * a_day || *total >= Wide{last + 1} * a_day)
        throw_unnatural(place,
                        "the time lies outside the years 1 to 9999, as no datetime of Python's does");
    const auto [days, rest] = split(*total);
    const std::chrono::year_month_day date{sys_days(std::chrono::days(days))};
    const auto seconds = static_cast<int>(rest / a_second);
    return DateTime{
        {static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
         static_cast<int>(static_cast<unsigned>(date.day()))},
        {seconds / 3600, seconds / 60 % 60, seconds % 60, static_cast<int>(rest % a_second), TimeZone{},
         0}};
}

Wide duration_in(const Place& place, const Object& object) {
    if (!object.is_timedelta()) throw_wanted(place, "a timedelta", object);
    const auto delta = object.as<TimeDelta>();
    return Wide{delta.days} * a_day + delta.seconds * a_second + delta.microseconds;
}

Wide moment_in(const Place& place, const Object& object) {
    if (!object.is_datetime()) throw_wanted(place, "a datetime", object);
    const Moment moment = moment_of(object);
    if (!moment.is_aware)
        throw_wanted(place, "a datetime with its timezone, as datetime.now(timezone.utc) has it,",
                     object);
    return Wide{moment.days} * a_day + moment.microseconds;
}

std::int64_t ticks(const Place& place, const Object& object, Wide total, std::intmax_t numerator,
                   std::intmax_t denominator, TypeName type) {
    const Wide unit = Wide{numerator} * a_second;
    Wide scaled = 0;
    if (__builtin_mul_overflow(total, Wide{denominator}, &scaled) || scaled % unit != 0)
        throw_does_not_fit(place, object, type());
    const Wide count = scaled / unit;
    if (count < std::numeric_limits<std::int64_t>::min() ||
        count > std::numeric_limits<std::int64_t>::max())
        throw_does_not_fit(place, object, type());
    return static_cast<std::int64_t>(count);
}

long double fractional_ticks(Wide total, std::intmax_t numerator, std::intmax_t denominator) {
    return static_cast<long double>(total) / a_second * static_cast<long double>(denominator) /
           static_cast<long double>(numerator);
}

}  // namespace

Object write_ticks(const Place& place, std::int64_t count, std::intmax_t numerator,
                   std::intmax_t denominator) {
    return timedelta(place, microseconds(count, numerator, denominator));
}
Object write_ticks(const Place& place, long double count, std::intmax_t numerator,
                   std::intmax_t denominator) {
    return timedelta(place, microseconds(count, numerator, denominator));
}
Object write_moment(const Place& place, std::int64_t count, std::intmax_t numerator,
                    std::intmax_t denominator) {
    return moment(place, microseconds(count, numerator, denominator));
}
Object write_moment(const Place& place, long double count, std::intmax_t numerator,
                    std::intmax_t denominator) {
    return moment(place, microseconds(count, numerator, denominator));
}

std::int64_t read_ticks(const Place& place, const Object& object, std::intmax_t numerator,
                        std::intmax_t denominator, TypeName type) {
    return ticks(place, object, duration_in(place, object), numerator, denominator, type);
}
long double read_fractional_ticks(const Place& place, const Object& object, std::intmax_t numerator,
                                  std::intmax_t denominator) {
    return fractional_ticks(duration_in(place, object), numerator, denominator);
}
std::int64_t read_moment(const Place& place, const Object& object, std::intmax_t numerator,
                         std::intmax_t denominator, TypeName type) {
    return ticks(place, object, moment_in(place, object), numerator, denominator, type);
}
long double read_fractional_moment(const Place& place, const Object& object, std::intmax_t numerator,
                                   std::intmax_t denominator) {
    return fractional_ticks(moment_in(place, object), numerator, denominator);
}

}  // namespace procession::inline v0::detail

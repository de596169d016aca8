// SPDX-License-Identifier: Apache-2.0
#include "wire/calendar.hpp"

#include <procession/error.hpp>

#include <chrono>
#include <cstdlib>

#include "wire/object_node.hpp"

namespace procession::inline v0 {
namespace detail {
namespace {

constexpr std::int64_t microseconds_a_second = 1'000'000;
constexpr std::int64_t seconds_a_day = 86'400;
constexpr std::int64_t microseconds_a_day = seconds_a_day * microseconds_a_second;
constexpr int most_days = 999'999'999;

std::chrono::year_month_day day_of(const Date& date) {
    return std::chrono::year(date.year) / date.month / date.day;
}
std::int64_t microseconds_of(const Time& time) {
    return ((time.hour * 60 + time.minute) * 60 + time.second) * microseconds_a_second +
           time.microsecond;
}
std::int64_t microseconds_of(const TimeZone& timezone) {
    return timezone.offset.days * microseconds_a_day + timezone.offset.seconds * microseconds_a_second +
           timezone.offset.microseconds;
}

Moment moment_of(std::int64_t days, const Time& time) {
    Moment moment{time.timezone.has_value(), days, microseconds_of(time)};
    if (time.timezone) moment.microseconds -= microseconds_of(*time.timezone);
    return moment;
}
/// A day earlier or later where that is so.
Moment normal(Moment moment) {
    const std::int64_t days = moment.microseconds >= microseconds_a_day ? 1
                              : moment.microseconds < 0                 ? -1
                                                                        : 0;
    return {moment.is_aware, moment.days + days, moment.microseconds - days * microseconds_a_day};
}

bool is_below(int value, int limit) { return value >= 0 && value < limit; }

}  // namespace

void check(const TimeDelta& delta) {
    if (std::abs(std::int64_t{delta.days}) > most_days || !is_below(delta.seconds, seconds_a_day) ||
        !is_below(delta.microseconds, microseconds_a_second))
        throw ValueError(fmt::format(
            "Object: timedelta({}, {}, {}) is none: the limits are {} days, 86399 seconds and "
            "999999 microseconds",
            delta.days, delta.seconds, delta.microseconds, most_days));
}

void check(const TimeZone& timezone) {
    check(timezone.offset);
    const bool good = timezone.offset.days == 0 ||
                      (timezone.offset.days == -1 &&
                       (timezone.offset.seconds != 0 || timezone.offset.microseconds != 0));
    if (!good) throw ValueError("Object: a timezone is less than a day away from UTC");
}

void check(const Date& date) {
    if (date.year < 1 || date.year > 9999 || !is_below(date.month, 13) || !is_below(date.day, 32) ||
        !day_of(date).ok())
        throw ValueError(fmt::format("Object: there is no day {}-{}-{} in the years 1 to 9999",
                                     date.year, date.month, date.day));
}

void check(const Time& time) {
    if (!is_below(time.hour, 24) || !is_below(time.minute, 60) || !is_below(time.second, 60) ||
        !is_below(time.microsecond, microseconds_a_second) || !is_below(time.fold, 2))
        throw ValueError(fmt::format("Object: there is no time {}:{}:{}.{:06}, fold {}", time.hour,
                                     time.minute, time.second, time.microsecond, time.fold));
    if (time.timezone) check(*time.timezone);
}

void check(const DateTime& datetime) {
    check(datetime.date);
    check(datetime.time);
}

Moment moment_of(const Object& object) {
    const auto day = [](const Date& date) {
        return std::int64_t{std::chrono::sys_days(day_of(date)).time_since_epoch().count()};
    };
    switch (object.kind()) {
        case Object::Kind::date: return {false, day(ObjectAccess::value<Date>(object)), 0};
        case Object::Kind::time: return moment_of(0, ObjectAccess::value<Time>(object));
        case Object::Kind::datetime: {
            const auto& datetime = ObjectAccess::value<DateTime>(object);
            return normal(moment_of(day(datetime.date), datetime.time));
        }
        case Object::Kind::timedelta: {
            const auto& delta = ObjectAccess::value<TimeDelta>(object);
            return {false, delta.days, delta.seconds * microseconds_a_second + delta.microseconds};
        }
        default: return {true, 0, microseconds_of(ObjectAccess::value<TimeZone>(object))};
    }
}

std::string repr(const TimeDelta& delta) {
    std::string text;
    const auto add = [&](std::string_view name, int value) {
        if (value != 0) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, value);
    };
    add("days", delta.days);
    add("seconds", delta.seconds);
    add("microseconds", delta.microseconds);
    return fmt::format("datetime.timedelta({})", text.empty() ? "0" : text);
}

std::string repr(const TimeZone& timezone) {
    const bool is_utc = timezone.offset == TimeDelta() && !timezone.name;
    if (is_utc) return "datetime.timezone.utc";
    const std::string name = timezone.name ? ", " + make_text(*timezone.name).to_string() : "";
    return fmt::format("datetime.timezone({}{})", repr(timezone.offset), name);
}

std::string repr(const Date& date) {
    return fmt::format("datetime.date({}, {}, {})", date.year, date.month, date.day);
}

namespace {

std::string fields(const Time& time) {
    std::string text = fmt::format("{}, {}", time.hour, time.minute);
    if (time.second != 0 || time.microsecond != 0) text += fmt::format(", {}", time.second);
    if (time.microsecond != 0) text += fmt::format(", {}", time.microsecond);
    return text;
}
std::string zone(const Time& time) { return time.timezone ? ", tzinfo=" + repr(*time.timezone) : ""; }
std::string_view fold(const Time& time) { return time.fold != 0 ? ", fold=1" : ""; }

}  // namespace

std::string repr(const Time& time) {
    return fmt::format("datetime.time({}{}{})", fields(time), zone(time), fold(time));
}

std::string repr(const DateTime& datetime) {
    const auto& [date, time] = datetime;
    return fmt::format("datetime.datetime({}, {}, {}, {}{}{})", date.year, date.month, date.day,
                       fields(time), fold(time), zone(time));
}

}  // namespace detail

TimeDelta::TimeDelta(std::chrono::microseconds count) {
    const auto whole_days = std::chrono::floor<std::chrono::days>(count);
    const auto whole_seconds = std::chrono::floor<std::chrono::seconds>(count);
    days = static_cast<int>(whole_days.count());
    seconds = static_cast<int>((whole_seconds - whole_days).count());
    microseconds = static_cast<int>((count - whole_seconds).count());
}

std::chrono::microseconds TimeDelta::count() const {
    // A day less than what 64 bits hold.
    constexpr std::int64_t most = std::chrono::microseconds::max() / std::chrono::days(1) - 1;
    if (days > most || days < -most)
        throw ValueError(
            fmt::format("TimeDelta::count: {} days are more microseconds than 64 bits hold", days));
    return std::chrono::days(days) + std::chrono::seconds(seconds) +
           std::chrono::microseconds(microseconds);
}

}  // namespace procession::inline v0

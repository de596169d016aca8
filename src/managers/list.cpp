// SPDX-License-Identifier: Apache-2.0
#include "managers/list.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <new>
#include <utility>

#include "managers/iterator.hpp"
#include "wire/object_order.hpp"

namespace procession::inline v0::managers {
namespace {

using Elements = std::vector<Object>;

constexpr std::string_view assigned_out_of_range = "list assignment index out of range";

/// A bound that is negative from the end, and cut to the list.
std::size_t bounded(std::int64_t bound, std::size_t size) {
    const auto last = static_cast<std::int64_t>(size);
    return static_cast<std::size_t>(bound < 0 ? std::max(bound + last, std::int64_t{0})
                                              : std::min(bound, last));
}

Elements repetition_of(const Elements& elements, std::int64_t times) {
    Elements repetition;
    if (times <= 0 || elements.empty()) return repetition;
    std::size_t size = 0;
    if (__builtin_mul_overflow(elements.size(), static_cast<std::size_t>(times), &size) ||
        size > repetition.max_size())
        throw std::bad_alloc();
    repetition.reserve(size);
    for (std::int64_t i = 0; i < times; ++i)
        repetition.insert(repetition.end(), elements.begin(), elements.end());
    return repetition;
}

void append(Elements& elements, Elements more) {
    elements.insert(elements.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
}

}  // namespace

std::span<const Method<List>> List::methods() {
    static constexpr Method<List> all[] = {
        {"__getitem__", &List::at},
        {"__setitem__", &List::set},
        {"append", &List::append},
        {"__add__", &List::concatenated},
        {"__contains__", &List::contains},
        {"__delitem__", &List::erase},
        {"__imul__", &List::repeat_itself},
        {"__len__", &List::size},
        {"__mul__", &List::repeated},
        {"__reversed__", &List::iterate_back},
        {"__rmul__", &List::repeated},
        {"clear", &List::clear},
        {"copy", &List::copy},
        {"count", &List::count},
        {"extend", &List::extend},
        {"index", &List::index},
        {"insert", &List::insert},
        {"pop", &List::pop},
        {"remove", &List::remove},
        {"reverse", &List::reverse},
        {"sort", &List::sort},
    };
    return all;
}

std::shared_ptr<Referent> List::make(const Arguments& arguments) {
    arguments.require(0, {""});
    auto made = std::make_shared<List>();
    if (const Object* const iterable = arguments.find(0, ""))
        made->elements_ = elements_of(resolved(*iterable));
    return made;
}

Object List::value() const { return list_of(elements()); }

std::string List::to_string() const { return value().to_string(); }

Elements List::elements() const {
    const std::lock_guard lock(mutex_);
    return elements_;
}

Elements List::replace(const Slice& slice, Elements elements) {
    if (slice.step != 1) {
        if (elements.size() != slice.count)
            throw ValueError(
                fmt::format("attempt to assign sequence of size {} to extended slice of size {}",
                            elements.size(), slice.count));
        for (std::size_t i = 0; i < slice.count; ++i) elements_[slice[i]].swap(elements[i]);
        return elements;
    }
    const std::size_t common = std::min(slice.count, elements.size());
    const auto behind = static_cast<std::ptrdiff_t>(common);
    const auto place = elements_.begin() + slice.start + behind;
    if (elements.size() > common) {
        elements_.insert(place, std::make_move_iterator(elements.begin() + behind),
                         std::make_move_iterator(elements.end()));
    } else {
        const auto end = elements_.begin() + slice.start + static_cast<std::ptrdiff_t>(slice.count);
        elements.insert(elements.end(), std::make_move_iterator(place), std::make_move_iterator(end));
        elements_.erase(place, end);
    }
    for (std::size_t i = 0; i < common; ++i) elements_[slice[i]].swap(elements[i]);
    return elements;
}

Elements List::take(const Slice& slice) {
    Elements taken;
    if (slice.count == 0) return taken;
    taken.reserve(slice.count);
    const Slice ascending = slice.ascending();
    std::size_t kept = ascending[0];
    for (std::size_t i = ascending[0]; i < elements_.size(); ++i) {
        if (taken.size() < ascending.count && i == ascending[taken.size()])
            taken.push_back(std::move(elements_[i]));
        else
            elements_[kept++] = std::move(elements_[i]);
    }
    elements_.resize(kept);
    return taken;
}

// ---- the methods

Result List::concatenated(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const Object& other = arguments.at(0, "");
    if (!other.is_list())
        throw TypeMismatch(fmt::format("can only concatenate list (not \"{}\") to list", other.type()));
    Elements both = elements();
    managers::append(both, elements_of(other));
    return list_of(std::move(both));
}

Result List::contains(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const std::lock_guard lock(mutex_);
    return Object(std::ranges::find(elements_, arguments.at(0, "")) != elements_.end());
}

Result List::erase(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const Object& key = arguments.at(0, "");
    Elements dropped;
    const std::lock_guard lock(mutex_);
    if (is_slice(key)) {
        dropped = take(resolve_slice(key, elements_.size()));
    } else {
        const std::size_t place = resolve_index(key, elements_.size(), type, assigned_out_of_range);
        dropped = take({static_cast<std::int64_t>(place), 1, 1});
    }
    return {};
}

Result List::at(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const Object& key = arguments.at(0, "");
    Elements sliced;
    {
        const std::lock_guard lock(mutex_);
        if (!is_slice(key))
            return elements_[resolve_index(key, elements_.size(), type, "list index out of range")];
        const Slice slice = resolve_slice(key, elements_.size());
        sliced.reserve(slice.count);
        for (std::size_t i = 0; i < slice.count; ++i) sliced.push_back(elements_[slice[i]]);
    }
    return list_of(std::move(sliced));
}

// Python's answer is the list itself, which every proxy drops.
Result List::repeat_itself(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const std::int64_t times = arguments.integer(0, "");
    Elements dropped;
    const std::lock_guard lock(mutex_);
    dropped = std::exchange(elements_, repetition_of(elements_, times));
    return {};
}

Result List::size(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const std::lock_guard lock(mutex_);
    return Object(elements_.size());
}

Result List::repeated(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    return list_of(repetition_of(elements(), arguments.integer(0, "")));
}

Result List::iterate_back(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const std::lock_guard lock(mutex_);
    auto next = [self = shared_from_this(), left = elements_.size()]() mutable -> std::optional<Object> {
        const std::lock_guard lock(self->mutex_);
        if (left == 0 || left > self->elements_.size()) return std::nullopt;
        return self->elements_[--left];
    };
    return Iterator::result("list_reverseiterator", std::move(next));
}

Result List::set(const Arguments& arguments, const Caller&) {
    arguments.require(2, {"", ""});
    const Object& key = arguments.at(0, "");
    const bool is_sliced = is_slice(key);
    Object value = is_sliced ? resolved(arguments.at(1, "")) : arguments.at(1, "");
    Elements dropped;
    const std::lock_guard lock(mutex_);
    if (is_sliced) {
        const Slice slice = resolve_slice(key, elements_.size());
        dropped = replace(slice, elements_of(value));
    } else {
        elements_[resolve_index(key, elements_.size(), type, assigned_out_of_range)].swap(value);
    }
    return {};
}

Result List::append(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const std::lock_guard lock(mutex_);
    elements_.push_back(arguments.at(0, ""));
    return {};
}

Result List::clear(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    Elements dropped;
    const std::lock_guard lock(mutex_);
    dropped.swap(elements_);
    return {};
}

Result List::copy(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    return value();
}

Result List::count(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const std::lock_guard lock(mutex_);
    return Object(std::ranges::count(elements_, arguments.at(0, "")));
}

Result List::extend(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    Elements more = elements_of(resolved(arguments.at(0, "")));
    const std::lock_guard lock(mutex_);
    managers::append(elements_, std::move(more));
    return {};
}

Result List::index(const Arguments& arguments, const Caller&) {
    arguments.require(1, {"", "", ""});
    const Object& value = arguments.at(0, "");
    const Object* const first = arguments.find(1, "");
    const Object* const last = arguments.find(2, "");
    const std::int64_t start = first ? slice_bound(*first) : 0;
    const std::int64_t stop = last ? slice_bound(*last) : std::numeric_limits<std::int64_t>::max();
    {
        const std::lock_guard lock(mutex_);
        const std::size_t end = bounded(stop, elements_.size());
        for (std::size_t i = bounded(start, elements_.size()); i < end; ++i)
            if (elements_[i] == value) return Object(i);
    }
    throw ValueError(fmt::format("{} is not in list", value.to_string()));
}

Result List::insert(const Arguments& arguments, const Caller&) {
    arguments.require(2, {"", ""});
    const std::int64_t place = arguments.integer(0, "");
    const std::lock_guard lock(mutex_);
    elements_.insert(elements_.begin() + static_cast<std::ptrdiff_t>(bounded(place, elements_.size())),
                     arguments.at(1, ""));
    return {};
}

Result List::pop(const Arguments& arguments, const Caller&) {
    arguments.require(0, {""});
    const std::int64_t number = arguments.integer_or(0, "", -1);
    const std::lock_guard lock(mutex_);
    if (elements_.empty()) throw IndexError("pop from empty list");
    const std::size_t place =
        resolve_index(Object(number), elements_.size(), type, "pop index out of range");
    Object taken = std::move(elements_[place]);
    elements_.erase(elements_.begin() + static_cast<std::ptrdiff_t>(place));
    return taken;
}

Result List::remove(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    Object dropped;
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(elements_, arguments.at(0, ""));
    if (found == elements_.end()) throw ValueError("list.remove(x): x not in list");
    dropped.swap(*found);
    elements_.erase(found);
    return {};
}

Result List::reverse(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const std::lock_guard lock(mutex_);
    std::ranges::reverse(elements_);
    return {};
}

/// Python wants both by name; a proxy's arguments are all by place.
Result List::sort(const Arguments& arguments, const Caller&) {
    arguments.require(0, {"key", "reverse"});
    const Object* const key = arguments.find(0, "key");
    if (key && !key->is_none())
        throw TypeMismatch(
            "sort() argument 'key' must be None: there is no Python here to call it. "
            "Sort tuples that begin with the key.");
    const bool descends = arguments.flag_or(1, "reverse", false);
    // Of a copy, since what throws while it sorts loses elements.
    Elements sorted;
    const std::lock_guard lock(mutex_);
    sorted = elements_;
    std::ranges::stable_sort(sorted, [descends](const Object& left, const Object& right) {
        return descends ? detail::is_less(right, left) : detail::is_less(left, right);
    });
    sorted.swap(elements_);
    return {};
}

}  // namespace procession::inline v0::managers

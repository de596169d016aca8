// SPDX-License-Identifier: Apache-2.0
#include "managers/dict.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <utility>

#include "managers/exceptions.hpp"
#include "managers/iterator.hpp"
#include "managers/sequence.hpp"

namespace procession::inline v0::managers {
namespace {

using Item = ItemTable::Item;
using Items = std::vector<Item>;

Items items_of(const Object& dict) {
    Items items;
    items.reserve(dict.size());
    for (const auto& [key, value] : dict.items()) items.push_back({key, value});
    return items;
}

/// One of a sequence of pairs.
Item item_of(const Object& pair, std::size_t number) {
    std::vector<Object> parts;
    try {
        parts = elements_of(pair);
    } catch (const TypeMismatch&) {
        throw TypeMismatch(
            fmt::format("cannot convert dictionary update sequence element #{} to a sequence", number));
    }
    if (parts.size() != 2)
        throw ValueError(
            fmt::format("dictionary update sequence element #{} has length {}; 2 is required", number,
                        parts.size()));
    (void)parts[0].hash();  // that it can be, before anything is changed
    return {std::move(parts[0]), std::move(parts[1])};
}

/// What dict() and update() are called with.
Items items_given(const Arguments& arguments) {
    if (arguments.size() > 1)
        throw TypeMismatch(
            fmt::format("{} expected at most 1 argument, got {}", arguments.method(), arguments.size()));
    Items items;
    if (arguments.size() == 1) {
        const Object given = resolved(arguments.at(0, ""));
        if (given.is_dict()) {
            items = items_of(given);
        } else {
            for (const Object& each : elements_of(given)) items.push_back(item_of(each, items.size()));
        }
    }
    if (!arguments.keywords().is_none())
        for (const auto& [name, value] : arguments.keywords().items()) items.push_back({name, value});
    return items;
}

Object dict_of(const Items& items, Object dict = Object::dict()) {
    for (const auto& [key, value] : items) dict.set(key, value);
    return dict;
}

const Object& operand(const Arguments& arguments) {
    arguments.require(1, {""});
    const Object& other = arguments.at(0, "");
    if (!other.is_dict())
        throw TypeMismatch(
            fmt::format("unsupported operand type(s) for |: 'dict' and '{}'", other.type()));
    return other;
}

}  // namespace

std::span<const Method<Dict>> Dict::methods() {
    static constexpr Method<Dict> all[] = {
        {"__getitem__", &Dict::at},
        {"__setitem__", &Dict::set},
        {"__contains__", &Dict::contains},
        {"__delitem__", &Dict::erase},
        {"__ior__", &Dict::merge_into},
        {"__iter__", &Dict::iterate},
        {"__len__", &Dict::size},
        {"__or__", &Dict::merged},
        {"__reversed__", &Dict::iterate_back},
        {"__ror__", &Dict::merged_from_right},
        {"clear", &Dict::clear},
        {"copy", &Dict::copy},
        {"fromkeys", &Dict::from_keys},
        {"get", &Dict::get},
        {"items", &Dict::list_items},
        {"keys", &Dict::list_keys},
        {"pop", &Dict::pop},
        {"popitem", &Dict::pop_item},
        {"setdefault", &Dict::set_default},
        {"update", &Dict::update},
        {"values", &Dict::list_values},
    };
    return all;
}

std::shared_ptr<Referent> Dict::make(const Arguments& arguments) {
    auto made = std::make_shared<Dict>();
    made->merge(items_given(arguments));
    return made;
}

Object Dict::value() const { return dict_of(items()); }

std::string Dict::to_string() const { return value().to_string(); }

void Dict::merge(const Items& items) {
    Items dropped;
    dropped.reserve(items.size());
    const std::lock_guard lock(mutex_);
    for (const auto& [key, value] : items)
        if (auto replaced = items_.set(key, value)) dropped.push_back({{}, *std::move(replaced)});
}

Items Dict::items() const {
    const std::lock_guard lock(mutex_);
    return items_.items();
}

/// As in Python, it holds only the places that it has been at, so it notices what is inserted or erased
/// meanwhile only by their number.
Result Dict::iterator(Direction direction) {
    const bool is_forth = direction == Direction::forth;
    const std::lock_guard lock(mutex_);
    auto next = [self = shared_from_this(), is_forth, size = items_.size(), left = items_.size(),
                 place = is_forth ? 0 : items_.places()]() mutable -> std::optional<Object> {
        const std::lock_guard lock(self->mutex_);
        const ItemTable& table = self->items_;
        if (table.size() != size) {
            size = -1;  // nor is it ever right again
            throw StateError("dictionary changed size during iteration");
        }
        place = std::min(place, table.places());
        while (is_forth ? place < table.places() : place > 0) {
            const auto& item = table.at(is_forth ? place++ : --place);
            if (!item) continue;
            if (left == 0) throw StateError("dictionary keys changed during iteration");
            --left;
            return item->key;
        }
        return std::nullopt;
    };
    return Iterator::result(is_forth ? "dict_keyiterator" : "dict_reversekeyiterator", std::move(next));
}

// ---- the methods

Result Dict::contains(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const std::lock_guard lock(mutex_);
    return Object(items_.find(arguments.at(0, "")) != nullptr);
}

Result Dict::erase(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    std::optional<Item> dropped;
    {
        const std::lock_guard lock(mutex_);
        dropped = items_.take(arguments.at(0, ""));
    }
    if (!dropped) throw_key_error(arguments.at(0, ""));
    return {};
}

Result Dict::at(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    {
        const std::lock_guard lock(mutex_);
        if (const Object* const found = items_.find(arguments.at(0, ""))) return *found;
    }
    throw_key_error(arguments.at(0, ""));
}

// Python's answer is the dict itself, which every proxy drops.
Result Dict::merge_into(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    merge(items_given(arguments));
    return {};
}

Result Dict::iterate(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    return iterator(Direction::forth);
}

Result Dict::size(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const std::lock_guard lock(mutex_);
    return Object(items_.size());
}

Result Dict::merged(const Arguments& arguments, const Caller&) {
    const Object& other = operand(arguments);
    return dict_of(items_of(other), value());
}

Result Dict::iterate_back(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    return iterator(Direction::back);
}

Result Dict::merged_from_right(const Arguments& arguments, const Caller&) {
    return dict_of(items(), operand(arguments));
}

Result Dict::set(const Arguments& arguments, const Caller&) {
    arguments.require(2, {"", ""});
    std::optional<Object> dropped;
    const std::lock_guard lock(mutex_);
    dropped = items_.set(arguments.at(0, ""), arguments.at(1, ""));
    return {};
}

Result Dict::clear(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    ItemTable dropped;
    const std::lock_guard lock(mutex_);
    std::swap(dropped, items_);
    return {};
}

Result Dict::copy(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    return value();
}

Result Dict::from_keys(const Arguments& arguments, const Caller&) {
    arguments.require(1, {"", ""});
    const Object* const value = arguments.find(1, "");
    Object dict = Object::dict();
    for (const Object& each : elements_of(resolved(arguments.at(0, ""))))
        dict.set(each, value ? *value : Object());
    return dict;
}

Result Dict::get(const Arguments& arguments, const Caller&) {
    arguments.require(1, {"", ""});
    const Object* const otherwise = arguments.find(1, "");
    const std::lock_guard lock(mutex_);
    const Object* const found = items_.find(arguments.at(0, ""));
    return found ? *found : otherwise ? *otherwise : Object();
}

Result Dict::list_items(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    std::vector<Object> pairs;
    for (const auto& [key, value] : items()) pairs.push_back(Object::tuple({key, value}));
    return list_of(std::move(pairs));
}

Result Dict::list_keys(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    std::vector<Object> keys;
    for (Item& each : items()) keys.push_back(std::move(each.key));
    return list_of(std::move(keys));
}

Result Dict::pop(const Arguments& arguments, const Caller&) {
    arguments.require(1, {"", ""});
    std::optional<Item> taken;
    {
        const std::lock_guard lock(mutex_);
        taken = items_.take(arguments.at(0, ""));
    }
    if (taken) return std::move(taken->value);
    if (const Object* const otherwise = arguments.find(1, "")) return *otherwise;
    throw_key_error(arguments.at(0, ""));
}

Result Dict::pop_item(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    std::optional<Item> taken;
    {
        const std::lock_guard lock(mutex_);
        taken = items_.take_last();
    }
    if (!taken) throw KeyError("popitem(): dictionary is empty");
    return Object::tuple({std::move(taken->key), std::move(taken->value)});
}

Result Dict::set_default(const Arguments& arguments, const Caller&) {
    arguments.require(1, {"", ""});
    const Object* const otherwise = arguments.find(1, "");
    const std::lock_guard lock(mutex_);
    if (const Object* const found = items_.find(arguments.at(0, ""))) return *found;
    const Object value = otherwise ? *otherwise : Object();
    items_.set(arguments.at(0, ""), value);
    return value;
}

Result Dict::update(const Arguments& arguments, const Caller&) {
    merge(items_given(arguments));
    return {};
}

Result Dict::list_values(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    std::vector<Object> values;
    for (Item& each : items()) values.push_back(std::move(each.value));
    return list_of(std::move(values));
}

}  // namespace procession::inline v0::managers

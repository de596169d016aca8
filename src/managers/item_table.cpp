// SPDX-License-Identifier: Apache-2.0
#include "managers/item_table.hpp"

#include <utility>

#include "wire/object_hash.hpp"

namespace procession::inline v0::managers {
namespace {

/// Nothing is hashed where a map is empty.
void check(const Object& key) { (void)key.hash(); }

}  // namespace

bool ItemTable::IsSame::operator()(const Object& left, const Object& right) const {
    return detail::is_same_key(left, right);
}

const Object* ItemTable::find(const Object& key) const {
    check(key);
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &items_[found->second]->value;
}

std::optional<Object> ItemTable::set(const Object& key, Object value) {
    const auto found = places_.find(key);
    if (found != places_.end()) return std::exchange(items_[found->second]->value, std::move(value));
    // A gap until nothing throws any more.
    items_.emplace_back();
    places_.emplace(key, items_.size() - 1);
    items_.back() = Item{key, std::move(value)};
    return std::nullopt;
}

std::optional<ItemTable::Item> ItemTable::take(const Object& key) {
    check(key);
    const auto found = places_.find(key);
    return found == places_.end() ? std::nullopt : take(found);
}

std::optional<ItemTable::Item> ItemTable::take_last() {
    while (!items_.empty() && !items_.back()) items_.pop_back();
    return items_.empty() ? std::nullopt : take(places_.find(items_.back()->key));
}

std::vector<ItemTable::Item> ItemTable::items() const {
    std::vector<Item> all;
    all.reserve(size());
    for (const auto& each : items_)
        if (each) all.push_back(*each);
    return all;
}

std::optional<ItemTable::Item> ItemTable::take(
    std::unordered_map<Object, std::size_t, Hash, IsSame>::iterator found) {
    std::optional<Item> taken = std::exchange(items_[found->second], std::nullopt);
    places_.erase(found);
    constexpr std::size_t few = 8;
    if (items_.size() > 2 * size() + few) close_gaps();
    return taken;
}

void ItemTable::close_gaps() {
    std::size_t place = 0;
    for (auto& each : items_) {
        if (!each) continue;
        places_.find(each->key)->second = place;
        if (&items_[place] != &each) items_[place] = std::exchange(each, std::nullopt);
        ++place;
    }
    items_.resize(place);
}

}  // namespace procession::inline v0::managers

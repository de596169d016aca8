// SPDX-License-Identifier: Apache-2.0
#include "wire/key_table.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "wire/object_hash.hpp"

namespace procession::inline v0::detail {
namespace {

constexpr std::size_t few = 8;

/// For one more.
template <class T>
void make_room(std::vector<T>& elements) {
    if (elements.size() == elements.capacity()) elements.reserve(2 * elements.size() + 4);
}

}  // namespace

template <class IsKey>
std::size_t KeyTable::find(std::size_t hash, IsKey is_key) const {
    const auto is_at = [&](std::size_t at) { return hashes_[at] == hash && is_key(keys_[at]); };
    if (places_.empty()) {
        for (std::size_t at = 0; at < keys_.size(); ++at)
            if (is_at(at)) return at;
        return none;
    }
    const std::size_t mask = places_.size() - 1;
    for (std::size_t place = hash & mask; places_[place] != 0; place = (place + 1) & mask)
        if (is_at(places_[place] - 1)) return places_[place] - 1;
    return none;
}

std::size_t KeyTable::find(const Object& key) const {
    return find(key.hash(), [&](const Object& each) { return is_same_key(each, key); });
}

std::size_t KeyTable::find(std::string_view key) const {
    return find(hash_of_text(key),
                [&](const Object& each) { return each.is_str() && each.text() == key; });
}

void KeyTable::add(Object key, Object value) {
    if (size() == std::numeric_limits<std::uint32_t>::max())
        throw std::length_error("Object: a dict or set has no room for more than 4294967295 keys");
    make_room(hashes_);
    make_room(keys_);
    if (holds_ == Holds::items) make_room(values_);
    const std::size_t hash = key.hash();
    if (size() + 1 > few && (size() + 1) * 3 > places_.size() * 2)
        place_all(std::max(4 * few, 2 * places_.size()));
    // Nothing throws from here on.
    hashes_.push_back(hash);
    keys_.push_back(std::move(key));
    if (holds_ == Holds::items) values_.push_back(std::move(value));
    if (!places_.empty()) place(size() - 1);
}

void KeyTable::erase(std::size_t at) {
    const auto offset = static_cast<std::ptrdiff_t>(at);
    hashes_.erase(hashes_.begin() + offset);
    keys_.erase(keys_.begin() + offset);
    if (holds_ == Holds::items) values_.erase(values_.begin() + offset);
    if (!places_.empty()) place_all(places_.size());
}

void KeyTable::place(std::size_t at) {
    const std::size_t mask = places_.size() - 1;
    std::size_t place = hashes_[at] & mask;
    while (places_[place] != 0) place = (place + 1) & mask;
    places_[place] = static_cast<std::uint32_t>(at + 1);
}

void KeyTable::place_all(std::size_t places) {
    places_.assign(places, 0);
    for (std::size_t at = 0; at < size(); ++at) place(at);
}

}  // namespace procession::inline v0::detail

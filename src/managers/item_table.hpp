// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <vector>

namespace procession::inline v0::managers {

/// Keys and their values in the order of insertion. All is done in constant time but what says otherwise.
///
/// What goes out of it is handed out, not destroyed: a value may own other referents, whose end is to be
/// outside of every lock.
class ItemTable {
  public:
    struct Item {
        Object key;
        Object value;
    };

    std::size_t size() const { return places_.size(); }
    /// The value, or null. @throws TypeMismatch  the key cannot be hashed, as for the others
    const Object* find(const Object& key) const;
    /// A key that is there stays the one that it is. @returns the value that was there
    std::optional<Object> set(const Object& key, Object value);
    std::optional<Item> take(const Object& key);
    /// What was inserted last.
    std::optional<Item> take_last();
    /// In time that grows with their number.
    std::vector<Item> items() const;

    /// One more than the last item's place.
    std::size_t places() const { return items_.size(); }
    /// None: there was one, and it is gone.
    const std::optional<Item>& at(std::size_t place) const { return items_[place]; }

  private:
    struct Hash {
        std::size_t operator()(const Object& key) const { return key.hash(); }
    };
    struct IsSame {
        bool operator()(const Object& left, const Object& right) const;
    };

    std::optional<Item> take(std::unordered_map<Object, std::size_t, Hash, IsSame>::iterator found);
    void close_gaps();

    std::vector<std::optional<Item>> items_;
    std::unordered_map<Object, std::size_t, Hash, IsSame> places_;
};

}  // namespace procession::inline v0::managers

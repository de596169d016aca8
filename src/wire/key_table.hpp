// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace procession::inline v0::detail {

/// The keys of a set, or the keys and values of a dict, in the order of insertion.
///
/// Keys are found by hash in a table of places with open addressing; a few need no table.
class KeyTable {
  public:
    enum class Holds : bool { keys, items };
    static constexpr std::size_t none = -1;

    explicit KeyTable(Holds holds) : holds_(holds) {}

    Holds holds() const { return holds_; }
    std::span<const Object> keys() const { return keys_; }
    /// As many as keys, or none in a set.
    std::span<const Object> values() const { return values_; }
    std::size_t size() const { return keys_.size(); }

    /// Where the key is, or none. @throws TypeMismatch  it cannot be hashed
    std::size_t find(const Object& key) const;
    std::size_t find(std::string_view key) const;
    /// Adds a key that is not there.
    void add(Object key, Object value = {});
    void replace(std::size_t at, Object value) { values_[at] = std::move(value); }
    /// In time that grows with the number of keys: those behind move up.
    void erase(std::size_t at);

  private:
    template <class IsKey>
    std::size_t find(std::size_t hash, IsKey is_key) const;
    void place(std::size_t at);
    void place_all(std::size_t places);

    Holds holds_;
    std::vector<Object> keys_;
    std::vector<Object> values_;
    std::vector<std::size_t> hashes_;
    std::vector<std::uint32_t>
        places_;  ///< empty, or a power of two of them: 1 + the key's number, or 0
};

}  // namespace procession::inline v0::detail

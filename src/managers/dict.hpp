// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "managers/item_table.hpp"
#include "managers/referent.hpp"

namespace procession::inline v0::managers {

/// A dict. @see Python: dict
class Dict final : public MethodsOf<Dict>, public std::enable_shared_from_this<Dict> {
  public:
    static constexpr std::string_view type = "dict";
    static std::span<const Method<Dict>> methods();
    /// dict(), dict(mapping), dict(pairs), and names with their values.
    static std::shared_ptr<Referent> make(const Arguments&);

    Object value() const override;
    std::string to_string() const override;

  private:
    enum class Direction : bool { forth, back };

    void merge(const std::vector<ItemTable::Item>& items);
    std::vector<ItemTable::Item> items() const;
    Result iterator(Direction direction);

    Result contains(const Arguments&, const Caller&);
    Result erase(const Arguments&, const Caller&);
    Result at(const Arguments&, const Caller&);
    Result merge_into(const Arguments&, const Caller&);
    Result iterate(const Arguments&, const Caller&);
    Result size(const Arguments&, const Caller&);
    Result merged(const Arguments&, const Caller&);
    Result iterate_back(const Arguments&, const Caller&);
    Result merged_from_right(const Arguments&, const Caller&);
    Result set(const Arguments&, const Caller&);
    Result clear(const Arguments&, const Caller&);
    Result copy(const Arguments&, const Caller&);
    Result from_keys(const Arguments&, const Caller&);
    Result get(const Arguments&, const Caller&);
    Result list_items(const Arguments&, const Caller&);
    Result list_keys(const Arguments&, const Caller&);
    Result pop(const Arguments&, const Caller&);
    Result pop_item(const Arguments&, const Caller&);
    Result set_default(const Arguments&, const Caller&);
    Result update(const Arguments&, const Caller&);
    Result list_values(const Arguments&, const Caller&);

    mutable std::mutex mutex_;
    ItemTable items_;
};

}  // namespace procession::inline v0::managers

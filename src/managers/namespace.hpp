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

/// Attributes by their names. @see Python: multiprocessing.managers.Namespace
class Namespace final : public MethodsOf<Namespace> {
  public:
    static constexpr std::string_view type = "Namespace";
    static std::span<const Method<Namespace>> methods();
    /// Namespace(), and names with their values.
    static std::shared_ptr<Referent> make(const Arguments&);

    /// An instance of Python's class.
    Object value() const override;
    std::string to_string() const override;

  private:
    Result get(const Arguments&, const Caller&);
    Result set(const Arguments&, const Caller&);
    Result erase(const Arguments&, const Caller&);

    mutable std::mutex mutex_;
    ItemTable attributes_;
};

}  // namespace procession::inline v0::managers

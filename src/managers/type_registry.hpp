// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/managed_type.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "managers/referent.hpp"

namespace procession::inline v0::managers {

/// The types of which clients may have objects made, by name.
class TypeRegistry {
  public:
    TypeRegistry() = default;
    TypeRegistry(TypeRegistry&&) = delete;  // what it has made refers to it

    /// Makes one, or returns one that there is already.
    using Make = std::function<std::shared_ptr<Referent>(const Arguments&, const Caller&)>;

    /// One of the same name is replaced.
    void add(std::string type_id, Make make) { types_[std::move(type_id)] = std::move(make); }
    /// A class of the program's.
    void add(const detail::Registration& registration);
    /// @throws KeyError  there is no such type; and what making throws
    std::shared_ptr<Referent> make(std::string_view type_id, const Arguments& arguments,
                                   const Caller& caller) const;
    /// What a method of an object of one of the program's classes has made. @throws as make()
    std::shared_ptr<Referent> wrap(std::string_view type_id, const detail::MadeObject& made) const;

  private:
    [[noreturn]] static void throw_unknown(std::string_view type_id);

    std::map<std::string, Make, std::less<>> types_;
    std::map<std::string, std::shared_ptr<const detail::ManagedType>, std::less<>> classes_;
};

/// Those of SyncManager, under Python's names.
void add_builtin_types(TypeRegistry& registry);

}  // namespace procession::inline v0::managers

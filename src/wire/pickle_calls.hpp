// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <vector>

#include "wire/pickle_budget.hpp"
#include "wire/pickle_globals.hpp"
#include "wire/pickle_names.hpp"

namespace procession::inline v0::pickle {

/// What is built where a pickle says that something is to be called. Nothing is.
///
/// All throw SerializationError, ValueError or TypeMismatch where there is no such value.
class Calls {
  public:
    /// @param proxies  gets the manager's proxies that are made; may be null
    Calls(Budget& budget, Names names, std::vector<Object>* proxies)
        : budget_(budget), names_(names), proxies_(proxies) {}

    /// The value of `function(*arguments)`.
    Object call(const Object& function, const Object& arguments);
    /// The value of `type.__new__(type, *arguments)`.
    Object make_new(const Object& type, const Object& arguments);
    /// An exception, in a message that may name any class; elsewhere as call().
    Object instantiate(const Object& type, const Object& arguments);
    /// What `value.__setstate__(state)` does; the value is changed where it lies.
    void set_state(const Object& value, const Object& state);

  private:
    Known known(const Object& function) const;
    Object recorded(const Object& function, const Object& arguments, Object::Made made);
    Object reconstructed(const Object& function, const Object& arguments);
    Object made_new(const Object& arguments);
    Object made_new_ex(const Object& arguments);

    Budget& budget_;
    Names names_;
    std::vector<Object>* proxies_;
};

}  // namespace procession::inline v0::pickle

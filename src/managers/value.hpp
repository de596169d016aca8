// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "managers/referent.hpp"

namespace procession::inline v0::managers {

/// A value of any type: as in Python, the typecode is only kept. @see Python: multiprocessing.managers.Value
class Value final : public MethodsOf<Value> {
  public:
    static constexpr std::string_view type = "Value";
    static std::span<const Method<Value>> methods();
    /// Value(typecode, value, lock=True).
    static std::shared_ptr<Referent> make(const Arguments&);

    Value(Object typecode, Object value) : typecode_(std::move(typecode)), value_(std::move(value)) {}

    /// An instance of Python's class.
    Object value() const override;
    std::string to_string() const override;

  private:
    Object current() const;

    Result get(const Arguments&, const Caller&);
    Result set(const Arguments&, const Caller&);

    const Object typecode_;
    mutable std::mutex mutex_;
    Object value_;
};

}  // namespace procession::inline v0::managers

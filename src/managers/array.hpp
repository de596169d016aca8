// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "managers/referent.hpp"

namespace procession::inline v0::managers {

/// Numbers of one type, or characters. @see Python: array.array, multiprocessing.managers.Array
class Array final : public MethodsOf<Array> {
  public:
    static constexpr std::string_view type = "array.array";
    static std::span<const Method<Array>> methods();
    /// Array(typecode, sequence, lock=True).
    static std::shared_ptr<Referent> make(const Arguments&);

    explicit Array(Object::Array array) : array_(std::move(array)) {}

    Object value() const override;
    std::string to_string() const override;

  private:
    Result size(const Arguments&, const Caller&);
    Result at(const Arguments&, const Caller&);
    Result set(const Arguments&, const Caller&);

    mutable std::mutex mutex_;
    Object::Array array_;
};

}  // namespace procession::inline v0::managers

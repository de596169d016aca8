// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace procession::inline v0::pickle {

/// The arguments of what a pickle has called, looked at one by one. What is not as it must be is a
/// SerializationError that names the call and the arguments' types.
class Arguments {
  public:
    /// @param arguments  a tuple that outlives this
    Arguments(std::string_view name, const Object& arguments);

    std::size_t size() const { return arguments_.size(); }
    bool has(std::size_t index) const { return index < size() && !arguments_[index].is_none(); }
    void require_size(std::size_t least, std::size_t most) const;

    const Object& any(std::size_t index) const;
    const Object& of_kind(std::size_t index, Object::Kind kind) const;
    /// An int that fits.
    template <class T>
    T number(std::size_t index) const {
        const Object& object = of_kind(index, Object::Kind::integer);
        const auto value = small(object);
        if (!value || !std::in_range<T>(*value)) refuse();
        return static_cast<T>(*value);
    }
    /// A bool, or the int that it is in older pickles.
    bool flag(std::size_t index) const;
    std::string_view text(std::size_t index) const { return of_kind(index, Object::Kind::str).text(); }
    /// Bytes, which in those of Python 2 are text if ASCII.
    std::span<const std::byte> bytes(std::size_t index) const;
    /// The elements of a list or tuple.
    std::span<const Object> elements(std::size_t index) const;

    [[noreturn]] void refuse() const;

  private:
    static std::optional<std::int64_t> small(const Object& integer);

    std::string_view name_;
    std::span<const Object> arguments_;
};

}  // namespace procession::inline v0::pickle

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// A Python value whose type is known only at run time.

#include <procession/detail/export.hpp>
#include <procession/detail/type_name.hpp>

#include <fmt/format.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// Text characters are no numbers: Python has none, and 'a' is not 97 there.
template <class T>
concept CharacterType = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;
template <class T>
concept IntegerType = std::integral<T> && !std::same_as<T, bool> && !CharacterType<T>;

[[noreturn]] PROCESSION_API void throw_int_too_large(const std::string& value, const std::string& type);

}  // namespace detail

/// None, a bool, an int of 64 bits, a float, a str or bytes, as Python has them.
///
/// A value: a copy is another one. It is made of the C++ value by itself, compares as in Python and prints
/// as Python's repr.
/// @par Thread safety  as std::string
/// @see Python: the built-in types
class PROCESSION_API Object {
  public:
    using Bytes = std::vector<std::byte>;

    /// None.
    Object() = default;
    Object(std::nullptr_t) {}
    Object(std::monostate) {}
    Object(std::same_as<bool> auto value) : value_(value) {}
    /// An int. @throws ValueError  it does not fit into 64 bits with a sign
    template <detail::IntegerType T>
    Object(T value) : value_(static_cast<std::int64_t>(value)) {
        if (!std::in_range<std::int64_t>(value))
            detail::throw_int_too_large(fmt::format("{}", value), "int of 64 bits");
    }
    /// A character is no number here: write a text, "a", or a number of another type.
    Object(detail::CharacterType auto) = delete;
    Object(double value) : value_(value) {}
    Object(float value) : value_(static_cast<double>(value)) {}
    /// A str. @throws ValueError  the text is not UTF-8
    template <class T>
    requires std::convertible_to<const T&, std::string_view> Object(const T& text)
        : Object(Text{}, std::string_view(text)) {}
    /// Bytes.
    Object(Bytes bytes) : value_(std::move(bytes)) {}
    Object(std::span<const std::byte> bytes) : value_(Bytes(bytes.begin(), bytes.end())) {}

    bool is_none() const { return holds<std::monostate>(); }
    bool is_bool() const { return holds<bool>(); }
    bool is_int() const { return holds<std::int64_t>(); }
    bool is_float() const { return holds<double>(); }
    bool is_str() const { return holds<std::string>(); }
    bool is_bytes() const { return holds<Bytes>(); }

    /// The C++ value: bool, an integer type, double, float, std::string, Object::Bytes or std::monostate.
    /// @throws TypeMismatch  it is of another type: Python's True is no int here, and 1 no float
    /// @throws ValueError    an int that does not fit
    template <class T>
    T as() const {
        if constexpr (detail::IntegerType<T>) {
            const auto value = get<std::int64_t>(detail::type_name<T>());
            if (!std::in_range<T>(value))
                detail::throw_int_too_large(std::to_string(value), detail::type_name<T>());
            return static_cast<T>(value);
        } else if constexpr (std::floating_point<T>) {
            return static_cast<T>(get<double>(detail::type_name<T>()));
        } else {
            return get<T>(detail::type_name<T>());
        }
    }

    /// As Python compares: 1 == 1.0 == True, exactly; nan equals nothing.
    friend PROCESSION_API bool operator==(const Object&, const Object&);

    /// Python's repr: 'it\'s', b'\x00', 1.0, True, None.
    std::string to_string() const;
    /// What Python calls the type: NoneType, bool, int, float, str, bytes.
    std::string_view type() const;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(value_);
    }

  private:
    struct Text {};
    Object(Text, std::string_view);

    template <class T>
    bool holds() const {
        return std::holds_alternative<T>(value_);
    }
    template <class T>
    const T& get(const std::string& wanted) const {
        if (!holds<T>()) throw_mismatch(wanted);
        return std::get<T>(value_);
    }
    [[noreturn]] void throw_mismatch(const std::string& wanted) const;

    std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes> value_;
};

PROCESSION_API std::ostream& operator<<(std::ostream&, const Object&);

}  // namespace procession::inline v0

template <>
struct fmt::formatter<procession::Object> : formatter<std::string> {
    auto format(const procession::Object& object, format_context& context) const {
        return formatter<std::string>::format(object.to_string(), context);
    }
};

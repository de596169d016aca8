// SPDX-License-Identifier: Apache-2.0
#include <procession/error.hpp>
#include <procession/object.hpp>

#include <cmath>
#include <iterator>
#include <ostream>

#include "wire/printable.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0 {
namespace {

std::string repr(std::monostate) { return "None"; }
std::string repr(bool value) { return value ? "True" : "False"; }
std::string repr(std::int64_t value) { return std::to_string(value); }

std::string repr(double value) {
    if (std::isnan(value)) return "nan";  // Python shows no sign
    // fmt has Python's rules, the shortest digits and an exponent from 1e16 on and below 1e-4, but for
    // whole numbers.
    std::string text = fmt::format("{}", value);
    if (text.find_first_not_of("-0123456789") == text.npos) text += ".0";
    return text;
}

/// Double quotes only where that saves escapes.
char quote_for(std::string_view text) {
    return text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
}

/// What text and bytes have in common; false for what they show each in its own way.
bool append_short(std::string& out, char32_t code, char quote) {
    if (code == static_cast<char32_t>(quote) || code == '\\')
        out += {'\\', static_cast<char>(code)};
    else if (code == '\t')
        out += "\\t";
    else if (code == '\n')
        out += "\\n";
    else if (code == '\r')
        out += "\\r";
    else if (code >= ' ' && code < 0x7f)
        out += static_cast<char>(code);
    else
        return false;
    return true;
}

std::string repr(std::string_view text) {
    const char quote = quote_for(text);
    std::string out(1, quote);
    while (!text.empty()) {
        const auto [code, size] = *detail::decode_utf8(text);
        if (!append_short(out, code, quote)) {
            if (detail::is_printable(code))
                out += text.substr(0, size);
            else if (code < 0x100)
                out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(code));
            else if (code < 0x10000)
                out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
            else
                out += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(code));
        }
        text.remove_prefix(size);
    }
    return out += quote;
}

std::string repr(const Object::Bytes& bytes) {
    const char quote = quote_for({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    std::string out = {'b', quote};
    for (const std::byte byte : bytes) {
        const auto code = std::to_integer<unsigned char>(byte);
        if (!append_short(out, code, quote)) out += fmt::format("\\x{:02x}", code);
    }
    return out += quote;
}

bool equal(std::int64_t left, std::int64_t right) { return left == right; }
bool equal(double left, double right) { return left == right; }
// Not by conversion: above 2^53 that would make different numbers equal.
bool equal(double left, std::int64_t right) {
    // -2^63 and 2^63: between them every whole double is an int of 64 bits.
    return left >= -0x1p63 && left < 0x1p63 && std::trunc(left) == left &&
           static_cast<std::int64_t>(left) == right;
}
bool equal(std::int64_t left, double right) { return equal(right, left); }

template <class T>
decltype(auto) number_of(const T& value) {
    if constexpr (std::is_same_v<T, bool>)
        return std::int64_t{value};
    else
        return value;
}

template <class T>
constexpr bool is_number =
    std::is_same_v<T, bool> || std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>;

}  // namespace

namespace detail {
void throw_int_too_large(const std::string& value, const std::string& type) {
    throw ValueError(fmt::format("Object: {} does not fit into {}", value, type));
}
}  // namespace detail

Object::Object(Text, std::string_view text) : value_(std::string(text)) {
    if (!detail::is_utf8(text))
        throw ValueError("Object: a str is text in UTF-8, which this is not. Make bytes of it.");
}

bool operator==(const Object& left, const Object& right) {
    return std::visit(
        [](const auto& a, const auto& b) {
            using A = std::remove_cvref_t<decltype(a)>;
            using B = std::remove_cvref_t<decltype(b)>;
            if constexpr (is_number<A> && is_number<B>)
                return equal(number_of(a), number_of(b));
            else if constexpr (std::is_same_v<A, B>)
                return a == b;
            else
                return false;
        },
        left.value_, right.value_);
}

std::string Object::to_string() const {
    return std::visit([](const auto& value) { return repr(value); }, value_);
}

std::string_view Object::type() const {
    constexpr std::string_view names[] = {"NoneType", "bool", "int", "float", "str", "bytes"};
    static_assert(std::size(names) == std::variant_size_v<decltype(value_)>);
    return names[value_.index()];
}

void Object::throw_mismatch(const std::string& wanted) const {
    throw TypeMismatch(fmt::format("Object::as<{}>: it is of Python's type {}. Ask with is_{}() first.",
                                   wanted, type(), is_none() ? "none" : type()));
}

std::ostream& operator<<(std::ostream& out, const Object& object) { return out << object.to_string(); }

}  // namespace procession::inline v0

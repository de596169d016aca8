// SPDX-License-Identifier: Apache-2.0
#include <procession/object.hpp>

#include <cmath>
#include <iterator>
#include <ostream>

#include "wire/array_elements.hpp"
#include "wire/calendar.hpp"
#include "wire/object_node.hpp"
#include "wire/printable.hpp"
#include "wire/python_float.hpp"
#include "wire/python_int.hpp"
#include "wire/python_names.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0 {
namespace detail {
namespace {

using Kind = Object::Kind;

void print(std::string& out, const Object& object);

/// Double quotes only where that saves escapes.
char quote_for(std::string_view text) {
    return text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
}

/// What text and bytes have in common; false for what they show each in its own way.
bool print_short(std::string& out, char32_t code, char escaped) {
    if (code == static_cast<char32_t>(escaped) || code == '\\')
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

void print_text(std::string& out, std::string_view text) {
    const char quote = quote_for(text);
    out += quote;
    while (!text.empty()) {
        const auto [code, size] = *decode_utf8(text, Surrogates::pass);
        if (!print_short(out, code, quote)) {
            if (is_printable(code))
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
    out += quote;
}

/// A bytearray's single quotes are escaped even between double ones.
void print_bytes(std::string& out, std::span<const std::byte> bytes, bool is_bytearray) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const char quote = quote_for(text);
    out += {'b', quote};
    for (const std::byte byte : bytes) {
        const auto code = std::to_integer<unsigned char>(byte);
        if (!print_short(out, code, is_bytearray ? '\'' : quote)) out += fmt::format("\\x{:02x}", code);
    }
    out += quote;
}

void print_bytearray(std::string& out, std::span<const std::byte> bytes) {
    out += "bytearray(";
    print_bytes(out, bytes, true);
    out += ')';
}

void print_integer(std::string& out, const Object& integer) {
    if (ObjectAccess::is_boxed(integer))
        out += print_int(ObjectAccess::value<BigInteger>(integer).bytes);
    else
        fmt::format_to(std::back_inserter(out), "{}", ObjectAccess::integer(integer));
}

void print_elements(std::string& out, std::span<const Object> elements) {
    bool first = true;
    for (const Object& each : elements) {
        if (!std::exchange(first, false)) out += ", ";
        print(out, each);
    }
}

void print_list(std::string& out, std::span<const Object> elements) {
    out += '[';
    print_elements(out, elements);
    out += ']';
}

void print_tuple(std::string& out, std::span<const Object> elements) {
    out += '(';
    print_elements(out, elements);
    out += elements.size() == 1 ? ",)" : ")";
}

void print_dict(std::string& out, const Object& dict) {
    out += '{';
    bool first = true;
    for (const auto& [key, value] : dict.items()) {
        if (!std::exchange(first, false)) out += ", ";
        print(out, key);
        out += ": ";
        print(out, value);
    }
    out += '}';
}

void print_set(std::string& out, std::span<const Object> elements) {
    if (elements.empty()) {
        out += "set()";
        return;
    }
    out += '{';
    print_elements(out, elements);
    out += '}';
}

void print_frozenset(std::string& out, std::span<const Object> elements) {
    out += "frozenset(";
    if (!elements.empty()) print_set(out, elements);
    out += ')';
}

void print_array(std::string& out, const Object::Array& array) {
    out += fmt::format("array('{}'", array.typecode);
    const std::size_t size = array_size(array);
    if (size != 0 && is_text_typecode(array.typecode)) {
        std::string text;
        for (std::size_t i = 0; i < size; ++i) text += array_element(array, i).as<std::string>();
        out += ", ";
        print_text(out, text);
    } else if (size != 0) {
        out += ", [";
        for (std::size_t i = 0; i < size; ++i) {
            if (i != 0) out += ", ";
            print(out, array_element(array, i));
        }
        out += ']';
    }
    out += ')';
}

void print_ndarray(std::string& out, const Object::NdArray& array) {
    out += fmt::format("<ndarray {} ", dtype_name(array.dtype));
    print_tuple(out, Elements(array.shape.begin(), array.shape.end()));
    out += '>';
}

/// As format "r" of Python: without the point that a float has.
std::string print_part(double value) {
    std::string text = print_float(value);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text;
}

void print_complex(std::string& out, Object::Complex value) {
    const std::string imag = print_part(value.imag);
    if (value.real == 0 && !std::signbit(value.real)) {
        out += imag + 'j';
        return;
    }
    out += '(' + print_part(value.real);
    if (imag[0] != '-') out += '+';
    out += imag + "j)";
}

std::string_view last_name(std::string_view qualname) {
    return qualname.substr(qualname.rfind('.') + 1);
}

/// Of OSError and its kin with two arguments and file names, Python shows the two.
std::span<const Object> shown_arguments(const Object& exception) {
    const auto arguments = exception.args().elements();
    const bool has_file_name = arguments.size() >= 3 && arguments.size() <= 5 &&
                               is_os_error(exception.module(), exception.qualname());
    return has_file_name ? arguments.first(2) : arguments;
}

void print_call(std::string& out, std::string_view name, std::span<const Object> arguments) {
    out += name;
    out += '(';
    print_elements(out, arguments);
    out += ')';
}

/// Type, address and ident of what a proxy refers to; null: it has not the form of Python's,
/// RebuildProxy(class, Token, ...).
const Object* token_of(const Object& proxy) {
    const auto arguments = proxy.args().elements();
    if (arguments.size() < 2 || !arguments[0].is_global() || !arguments[1].is_instance()) return nullptr;
    const Object& token = arguments[1].state();
    const bool is_one = token.is_tuple() && token.size() == 3 && token[0].is_str() && token[2].is_str();
    return is_one ? &token : nullptr;
}

/// Where Python shows the proxy's own place in memory, its object's is shown.
void print_proxy(std::string& out, std::string_view class_name, const Object& token) {
    const std::string_view type_id = token[0].text();
    out += class_name == "AutoProxy" ? fmt::format("<AutoProxy[{}]", type_id)
                                     : fmt::format("<{}", class_name);
    out += " object, typeid ";
    print_text(out, type_id);
    out += fmt::format(" at 0x{}>", token[2].text());
}

void print_instance(std::string& out, const Object& instance) {
    if (is_proxy(instance))
        if (const Object* const token = token_of(instance))
            return print_proxy(out, instance.args()[0].qualname(), *token);
    if (instance.made() == Object::Made::by_call && instance.state().is_none())
        return print_call(out, last_name(instance.qualname()), instance.args().elements());
    out += fmt::format("<{}.{}", instance.module(), instance.qualname());
    if (!instance.args().empty()) {
        out += ' ';
        print(out, instance.args());
    }
    if (!instance.state().is_none()) {
        out += ' ';
        print(out, instance.state());
    }
    out += '>';
}

void print_global(std::string& out, const Object& global) {
    const bool is_builtin = global.module() == "builtins";
    out += fmt::format("<class '{}{}{}'>", is_builtin ? "" : global.module(), is_builtin ? "" : ".",
                       global.qualname());
}

/// Not in one with print(), which is in itself as often as values are nested and so has little on the stack.
[[gnu::noinline]] void print_leaf(std::string& out, const Object& object) {
    switch (object.kind()) {
        case Kind::none: out += "None"; break;
        case Kind::boolean: out += object.as<bool>() ? "True" : "False"; break;
        case Kind::integer: print_integer(out, object); break;
        case Kind::floating: out += print_float(object.as<double>()); break;
        case Kind::complex: print_complex(out, object.as<Object::Complex>()); break;
        case Kind::str: print_text(out, object.text()); break;
        case Kind::bytes: print_bytes(out, object.raw(), false); break;
        case Kind::bytearray: print_bytearray(out, object.raw()); break;
        case Kind::array: print_array(out, ObjectAccess::value<Object::Array>(object)); break;
        case Kind::ndarray: print_ndarray(out, ObjectAccess::value<Object::NdArray>(object)); break;
        case Kind::date: out += repr(ObjectAccess::value<Date>(object)); break;
        case Kind::time: out += repr(ObjectAccess::value<Time>(object)); break;
        case Kind::datetime: out += repr(ObjectAccess::value<DateTime>(object)); break;
        case Kind::timedelta: out += repr(ObjectAccess::value<TimeDelta>(object)); break;
        case Kind::timezone: out += repr(ObjectAccess::value<TimeZone>(object)); break;
        default: print_global(out, object);
    }
}

void print(std::string& out, const Object& object) {
    switch (object.kind()) {
        case Kind::list: print_list(out, object.elements()); break;
        case Kind::tuple: print_tuple(out, object.elements()); break;
        case Kind::dict: print_dict(out, object); break;
        case Kind::set: print_set(out, object.elements()); break;
        case Kind::frozenset: print_frozenset(out, object.elements()); break;
        case Kind::exception:
            print_call(out, last_name(object.qualname()), shown_arguments(object));
            break;
        case Kind::instance: print_instance(out, object); break;
        default: print_leaf(out, object);
    }
}

}  // namespace
}  // namespace detail

std::string Object::to_string() const {
    std::string out;
    detail::print(out, *this);
    return out;
}

std::ostream& operator<<(std::ostream& out, const Object& object) { return out << object.to_string(); }

}  // namespace procession::inline v0

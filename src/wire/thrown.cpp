// SPDX-License-Identifier: Apache-2.0
#include "wire/thrown.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <array>

#include "os/symbols.hpp"

namespace procession::inline v0::detail {
namespace {

// Derived from what was thrown, to have a std::nested_exception beside it.
constexpr auto wrappers =
    std::to_array<std::string_view>({"std::_Nested_exception<", "procession::detail::Carried<"});

std::string type_name(const std::type_info& type) {
    std::string name = os::demangle(type.name());
    for (const std::string_view wrapper : wrappers)
        if (name.starts_with(wrapper)) {
            name = name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
            if (name.ends_with(' ')) name.pop_back();  // between the brackets of two templates
        }
    return name;
}

template <class Number>
bool write_number(const std::exception_ptr& exception, const std::type_info& type, std::string& text) {
    if (type != typeid(Number)) return false;
    try {
        std::rethrow_exception(exception);
    } catch (const Number& number) {
        text = fmt::format("{}", number);
    }
    return true;
}

template <class... Numbers>
std::string number_in(const std::exception_ptr& exception, const std::type_info& type) {
    std::string text;
    static_cast<void>((write_number<Numbers>(exception, type, text) || ...));
    return text;
}

std::string text_of(const std::exception_ptr& exception, const std::type_info& type) {
    const auto text_or_empty = [](const char* text) { return std::string(text ? text : ""); };
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return text_or_empty(error.what());
    } catch (const std::string& text) {
        return text;
    } catch (std::string_view text) {
        return std::string(text);
    } catch (const char* text) {
        return text_or_empty(text);
    } catch (...) {
        return number_in<bool, char, signed char, unsigned char, short, unsigned short, int, unsigned,
                         long, unsigned long, long long, unsigned long long, float, double, long double>(
            exception, type);
    }
}

}  // namespace

const std::type_info* type_of(const std::exception_ptr& exception) {
    if (!exception) return nullptr;
    try {
        std::rethrow_exception(exception);
    } catch (...) {
        return abi::__cxa_current_exception_type();
    }
}

Thrown describe(const std::exception_ptr& exception) {
    const std::type_info* const type = type_of(exception);
    if (!type) return {"unknown exception, none of C++'s", {}};
    return {type_name(*type), text_of(exception, *type)};
}

std::string to_string(const Thrown& thrown) {
    return thrown.text.empty() ? thrown.type : fmt::format("{}: {}", thrown.type, thrown.text);
}

std::exception_ptr cause_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::nested_exception& outer) {
        return outer.nested_ptr();
    } catch (...) {
        return nullptr;
    }
}

}  // namespace procession::inline v0::detail

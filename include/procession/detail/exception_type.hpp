// SPDX-License-Identifier: Apache-2.0
#pragma once

// How exceptions of a type are written in one process and made again in another.

#include <procession/detail/export.hpp>
#include <procession/detail/function_table.hpp>
#include <procession/error.hpp>
#include <procession/serialize.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace procession::inline v0::detail {

template <class E>
concept StandardException = std::is_convertible_v<E*, std::exception*>;

template <class E>
concept MadeFromText = StandardException<E> &&
    (std::is_constructible_v<E, const std::string&> || std::is_constructible_v<E, const char*>);

/// Whether an exception has no members of its own, so that nothing is lost where its text alone travels.
template <class E>
inline constexpr bool has_text_alone =
    std::derived_from<E, Error> ? sizeof(E) == sizeof(Error)
    : std::derived_from<E, std::runtime_error> || std::derived_from<E, std::logic_error>
        ? sizeof(E) == sizeof(std::runtime_error)
        : StandardException<E> && sizeof(E) == sizeof(std::exception);
static_assert(sizeof(std::runtime_error) == sizeof(std::logic_error));

template <class E>
inline constexpr bool has_load_and_construct =
    cereal::traits::has_load_and_construct<E, NativeReader>::value;

/// What is written of an exception beside its text, and how it is made of both.
template <class E>
struct ExceptionForm {
    static void save(NativeWriter& writer, const E& exception) {
        // What cereal's loader of a pointer looks for first: that there is an object.
        if constexpr (has_load_and_construct<E>) writer(std::uint8_t{1});
        if constexpr (Sendable<E>) save_value(writer, exception);
    }
    static E load(NativeReader& reader, const std::string& text) {
        if constexpr (has_load_and_construct<E>) {
            std::unique_ptr<E> made;
            reader(cereal::memory_detail::make_ptr_wrapper(made));
            return std::move(*made);
        } else if constexpr (std::is_constructible_v<E, const std::string&> && StandardException<E>) {
            E made(text);
            if constexpr (Sendable<E>) reader(made);
            return made;
        } else if constexpr (MadeFromText<E>) {
            E made(text.c_str());
            if constexpr (Sendable<E>) reader(made);
            return made;
        } else {
            // The constructor may be private.
            const std::unique_ptr<E> made(access::construct<E>());
            if constexpr (Sendable<E>) reader(*made);
            return std::move(*made);
        }
    }
};

/// An exception from another process: caught as what it was, with what led to it as its nested exception
/// and with the text that it had, whatever its constructors make of one.
template <class E>
struct Carried : E, std::nested_exception {
    Carried(E original, std::string) : E(std::move(original)) {}
};
template <StandardException E>
struct Carried<E> : E, std::nested_exception {
    Carried(E original, std::string what) : E(std::move(original)), text(std::move(what)) {}
    const char* what() const noexcept override { return text.c_str(); }

    std::string text;
};

/// What std::throw_with_nested throws.
#ifdef __GLIBCXX__
template <class E>
using ThrownWithNested = std::_Nested_exception<E>;
#else
template <class E>
using ThrownWithNested = std::__nested<E>;
#endif

template <class E>
inline constexpr bool may_get_cause =
    std::is_class_v<E> && !std::is_final_v<E> && !std::derived_from<E, std::nested_exception>;

/// @pre called while the cause is being handled: std::nested_exception takes it from there
template <class E>
std::exception_ptr carry(E exception, std::string text) {
    if constexpr (may_get_cause<E>)
        return std::make_exception_ptr(Carried<E>(std::move(exception), std::move(text)));
    else
        return std::make_exception_ptr(std::move(exception));
}

template <class E>
std::string text_of(const E& exception) {
    if constexpr (StandardException<E>) {
        const char* const text = static_cast<const std::exception&>(exception).what();
        return text ? text : "";
    } else {
        return {};
    }
}

/// Writes the text and the rest, if it is an E or derived from it. @returns whether it is
template <class E>
bool save_exception_as(NativeWriter& writer, const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const E& found) {
        save_value(writer, text_of(found));
        ExceptionForm<E>::save(writer, found);
        return true;
    } catch (...) {
        return false;
    }
}

/// @pre called while the cause is being handled
template <class E>
std::exception_ptr load_exception_as(NativeReader& reader) {
    auto text = load_value<std::string>(reader);
    E exception = ExceptionForm<E>::load(reader, text);
    return carry(std::move(exception), std::move(text));
}

/// A type that comes back as itself.
struct ExceptionType {
    const std::type_info& plain;
    const std::type_info& carried;
    const std::type_info& with_nested;
    bool (*save)(NativeWriter&, const std::exception_ptr&);
    std::exception_ptr (*load)(NativeReader&);

    bool is(const std::type_info& type) const {
        return type == plain || type == carried || type == with_nested;
    }
};

template <class E>
constexpr ExceptionType exception_type() {
    if constexpr (may_get_cause<E>)
        return {typeid(E), typeid(Carried<E>), typeid(ThrownWithNested<E>), &save_exception_as<E>,
                &load_exception_as<E>};
    else
        return {typeid(E), typeid(E), typeid(E), &save_exception_as<E>, &load_exception_as<E>};
}

/// One of the program's. Each module makes a list of its own when it is loaded; `entry` names the type in
/// every process of the program.
class PROCESSION_API RegisteredException {
  public:
    RegisteredException(const ExceptionType& type, const FunctionEntry& entry);
    RegisteredException(RegisteredException&&) = delete;

    /// Null: exceptions of that type are not registered here.
    static const RegisteredException* find(const std::type_info& thrown);

    const ExceptionType type;
    const FunctionEntry& entry;

  private:
    const RegisteredException* next_;
};

template <class E>
[[gnu::visibility("hidden"),
  gnu::init_priority(101)]] inline const RegisteredException registered_exception{
    exception_type<E>(), entry_of<&load_exception_as<E>>};

}  // namespace procession::inline v0::detail

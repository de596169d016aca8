// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Exceptions that travel between the processes of a program. Those of the standard library and of this one
/// do so by themselves; a program's own are registered.

#include <procession/detail/exception_type.hpp>
#include <procession/error.hpp>

#include <string>
#include <type_traits>
#include <utility>

namespace procession::inline v0 {

/// The last nested exception of one that was thrown in another process: what it would have printed there.
/// @see Python: the `__cause__` of what a multiprocessing.pool raises
struct PROCESSION_API RemoteTraceback : Error {
    explicit RemoteTraceback(std::string text)
        : Error(Errc::remote, "\n\"\"\"\n" + text + "\"\"\""), traceback(std::move(text)) {}
    /// The calls, most recent last, and then type and text; before them what it goes back to.
    std::string traceback;
};

/// An E that is thrown in another process comes back as an E, where it would be a RemoteError.
///
/// To be called once, anywhere: it does nothing when it is reached, and holds for every process of the program,
/// also for one that never gets there.
///
/// What travels is the text, and the members by a cereal `serialize` (or `save` and `load`). It is made again by the
/// first of these that E has: cereal's `load_and_construct`; a constructor that takes the text; a constructor
/// without arguments, which may be private with `friend class mp::access`. Then the members are loaded. what() is
/// what it was, whatever the constructor makes of the text. An E that has no members needs no `serialize`, and a
/// plain aggregate needs nothing.
///
/// It is caught by `catch (const E&)`, and std::rethrow_if_nested leads on to what it was nested with, and in the
/// end to RemoteTraceback. A class that is final has no nested exception, and one that is a std::nested_exception
/// its own. Classes derived from E are registered by themselves.
/// @par Thread safety   safe
template <class E>
void register_exception() {
    static_assert(std::is_class_v<E> && std::is_same_v<E, std::remove_cvref_t<E>>,
                  "an exception that comes back as itself is of a class");
    static_assert(detail::Sendable<E> || detail::has_load_and_construct<E> || detail::has_text_alone<E>,
                  "this exception has members and cannot be sent to another process: give it a cereal "
                  "serialize function");
    static_assert(std::is_copy_constructible_v<E>, "an exception is copied while it is thrown");
    static_cast<void>(&detail::registered_exception<E>);
}

}  // namespace procession::inline v0

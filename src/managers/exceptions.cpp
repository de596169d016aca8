// SPDX-License-Identifier: Apache-2.0
#include "managers/exceptions.hpp"

#include <procession/error.hpp>

#include <stdexcept>

#include "wire/python_form.hpp"

namespace procession::inline v0::managers {

using detail::InPython;

void throw_key_error(const Object& key) {
    throw InPython<KeyError>(key.to_string(), Object::exception("KeyError", {key}));
}

void throw_overflow(const std::string& text) {
    throw InPython<ValueError>(
        text, Object::exception("builtins", "OverflowError", Object::tuple({text}),
                                Object::dict({{"cpp_type", "procession::ValueError"}})));
}

void throw_stop_iteration() {
    throw InPython<StopIteration>("the iterator is at its end", Object::exception("StopIteration", {}));
}

void throw_given(const Object& exception) {
    throw InPython<std::runtime_error>(exception.to_string(), exception);
}

}  // namespace procession::inline v0::managers

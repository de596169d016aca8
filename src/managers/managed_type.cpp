// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <cereal/types/string.hpp>
#include <procession/detail/managed_type.hpp>
#include <procession/error.hpp>

#include "os/symbols.hpp"

namespace procession::inline v0::detail {

void Registration::save(NativeWriter& writer) const {
    writer(type_id);
    save_place(writer, name_of(type->entry()));
    type->save(writer);
}

void Registration::load(NativeReader& reader) {
    reader(type_id);
    using Type = std::shared_ptr<const ManagedType>;
    type = find_entry(load_place(reader)).call<Type>(reader);
}

void throw_made_of_another_type(const std::string& wanted, const std::type_info& made) {
    throw TypeMismatch(fmt::format("the method has made a {}, and its result type is registered for {}",
                                   os::demangle(made.name()), wanted));
}

void throw_factory_stays_here(const std::string& factory) {
    throw SerializationError(
        fmt::format("BaseManager::start: the factory {} cannot be sent to the server's process. Use a "
                    "function, a lambda "
                    "without captures, an object with a cereal serialize function or mp::bind(f, "
                    "args...); or have the "
                    "server here, by get_server().",
                    factory));
}

void throw_no_object(const std::string& type) {
    throw StateError(fmt::format("the factory of {} returned a null pointer, and no object", type));
}

void throw_no_constructor(const ManagedCall& call, const std::string& type) {
    throw TypeMismatch(fmt::format("{}() has no constructor of {} argument{}", type,
                                   call.arguments.size(), call.arguments.size() == 1 ? "" : "s"));
}

}  // namespace procession::inline v0::detail

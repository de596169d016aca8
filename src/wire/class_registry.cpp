// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/class_registry.hpp>
#include <procession/error.hpp>
#include <procession/pickle.hpp>

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <unordered_map>

#include "os/fork_mutex.hpp"
#include "os/symbols.hpp"

namespace procession::inline v0::detail {
namespace {

struct Registry {
    os::ForkMutex mutex;
    std::unordered_map<std::type_index, RegisteredClass> classes;
    std::map<std::pair<std::string, std::string>, const RegisteredClass*, std::less<>> by_name;
};
// Never destroyed, as messages are read until the very end.
Registry& registry() {
    static auto* const instance = new Registry;
    return *instance;
}

void refuse_another(const RegisteredClass& before, const RegisteredClass& now) {
    throw ValueError(fmt::format(
        "pickle::register_class<{}>(\"{}\", \"{}\"): {} is {}.{} already. One class of C++ is one of "
        "Python.",
        now.type_name(), now.module, now.qualname, before.type_name(), before.module, before.qualname));
}

}  // namespace

void add_class(RegisteredClass added) {
    std::pair name(added.module, added.qualname);
    pickle::register_global(added.module, added.qualname);
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    if (const auto found = all.classes.find(added.type); found != all.classes.end()) {
        const RegisteredClass& before = found->second;
        if (before.module != added.module || before.qualname != added.qualname ||
            before.names != added.names)
            refuse_another(before, added);
        return;
    }
    if (const auto found = all.by_name.find(name); found != all.by_name.end())
        refuse_another(*found->second, added);
    const std::type_index type = added.type;
    const auto place = all.classes.emplace(type, std::move(added)).first;
    all.by_name.emplace(std::move(name), &place->second);
}

const RegisteredClass* find_class(std::type_index type) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    const auto found = all.classes.find(type);
    return found == all.classes.end() ? nullptr : &found->second;
}

const RegisteredClass* find_class(std::string_view module, std::string_view qualname) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    const auto found = all.by_name.find(std::pair<std::string, std::string>(module, qualname));
    return found == all.by_name.end() ? nullptr : found->second;
}

Object write_derived(const Place& place, std::type_index type, const char* mangled_name,
                     const void* object) {
    const RegisteredClass* const known = find_class(type);
    if (!known)
        throw_unnatural(place,
                        fmt::format("the object behind the pointer is a {0}, which is no class of "
                                    "Python's. Call pickle::register_class<{0}>(module, name) first.",
                                    os::demangle(mangled_name)));
    return known->write(place, object);
}

const RegisteredClass& class_of(const Place& place, const Object& object, const std::string& base) {
    if (object.is_instance())
        if (const auto* const known = find_class(object.module(), object.qualname())) return *known;
    throw_wanted(place, fmt::format("an instance of a registered class derived from {}", base), object);
}

}  // namespace procession::inline v0::detail

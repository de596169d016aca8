// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/class_registry.hpp>
#include <procession/detail/object_forms.hpp>
#include <procession/detail/type_name.hpp>

#include <memory>
#include <type_traits>
#include <typeinfo>

// Pointers: None, or what they point to. What several point to is several values then.
namespace procession::inline v0::detail::forms {

/// A new one, read; also by cereal's load_and_construct.
template <class T>
std::unique_ptr<T> make_new(const Place&, const Object&);

/// What a pointer to a polymorphic class points to may be of a derived one: an instance of its registered
/// class.
template <class T>
Object write_pointed(const Place& place, const T& object) {
    if constexpr (std::is_polymorphic_v<T>)
        if (const std::type_info& type = typeid(object); type != typeid(T))
            return write_derived(place, type, type.name(), dynamic_cast<const void*>(&object));
    if constexpr (std::is_abstract_v<T>)
        throw_native_only(place, type_name<T>());
    else
        return forms::write<T>(place, object);
}

template <class T>
std::unique_ptr<T> read_derived(const Place& place, const Object& object, const RegisteredClass& known) {
    void* const made = known.make(place, object);
    try {
        known.throw_address(made);
    } catch (T* const base) {
        return std::unique_ptr<T>(base);
    } catch (...) {
        known.destroy(made);
    }
    throw_wanted(place, "an instance of a class derived from " + type_name<T>(), object);
}

template <class T>
std::unique_ptr<T> read_pointed(const Place& place, const Object& object) {
    if constexpr (std::is_abstract_v<T>) {
        return read_derived<T>(place, object, class_of(place, object, type_name<T>()));
    } else {
        if constexpr (std::is_polymorphic_v<T>)
            if (object.is_instance())
                if (const auto* const known = find_class(object.module(), object.qualname());
                    known && known->type != typeid(T))
                    return read_derived<T>(place, object, *known);
        return make_new<T>(place, object);
    }
}

template <class T>
struct PointerForm {
    using Pointed = std::remove_const_t<T>;
    static constexpr Kinds kinds =
        NoneForm::kinds |
        (std::is_polymorphic_v<Pointed> ? Kinds{set_of(Kind::instance)} : Kinds{KindSet{0}}) |
        kinds_of<Pointed>();
    template <class Pointer>
    static Object write(const Place& place, const Pointer& pointer) {
        return pointer ? write_pointed<Pointed>(place, *pointer) : Object();
    }
    static Object write(const Place& place, const std::weak_ptr<T>& pointer) {
        return write(place, pointer.lock());
    }
    template <class Pointer>
    static void read(const Place& place, const Object& object, Pointer& pointer) {
        if (object.is_none())
            pointer.reset();
        else
            assign(pointer, read_pointed<Pointed>(place, object));
    }

  private:
    template <class D>
    static void assign(std::unique_ptr<T, D>& pointer, std::unique_ptr<Pointed> made) {
        pointer.reset(made.release());
    }
    static void assign(std::shared_ptr<T>& pointer, std::unique_ptr<Pointed> made) {
        pointer = std::move(made);
    }
    /// Nothing else holds it: it is gone at once.
    static void assign(std::weak_ptr<T>& pointer, std::unique_ptr<Pointed>) { pointer.reset(); }
};
template <class T, class D>
PointerForm<T> form_of(Here, const std::unique_ptr<T, D>*);
template <class T>
PointerForm<T> form_of(Here, const std::shared_ptr<T>*);
template <class T>
PointerForm<T> form_of(Here, const std::weak_ptr<T>*);

}  // namespace procession::inline v0::detail::forms

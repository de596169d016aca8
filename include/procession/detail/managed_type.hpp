// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/function_table.hpp>
#include <procession/detail/managed_method.hpp>
#include <procession/detail/managed_twin.hpp>
#include <procession/detail/target.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace procession::inline v0::detail {

/// What a member function is called.
struct MethodName {
    std::uint64_t tag;  ///< member_tag()
    std::string name;
};

/// A class that a manager offers: how its objects are made, and what their methods are called.
class ManagedType {
  public:
    virtual ~ManagedType() = default;
    /// A new object, or the one that there is.
    /// @throws TypeMismatch  not with these arguments; and what the factory throws
    virtual std::shared_ptr<ManagedObject> create(const ManagedCall&) const = 0;
    /// An object that a method has made. @throws TypeMismatch  it is of another class
    virtual std::shared_ptr<ManagedObject> wrap(const MadeObject&) const = 0;
    /// Of the methods that have one in C++.
    virtual std::vector<MethodName> method_names() const = 0;
    /// For the server's process: written natively.
    /// @throws SerializationError  the factory cannot be sent
    virtual void save(NativeWriter&) const = 0;
    /// What reads in another process what save() wrote.
    virtual const FunctionEntry& entry() const = 0;
};

[[noreturn]] PROCESSION_API void throw_made_of_another_type(const std::string& wanted,
                                                            const std::type_info& made);
[[noreturn]] PROCESSION_API void throw_factory_stays_here(const std::string& factory);
[[noreturn]] PROCESSION_API void throw_no_object(const std::string& type);
[[noreturn]] PROCESSION_API void throw_no_constructor(const ManagedCall&, const std::string& type);

/// What mp::method() makes.
template <class D>
concept MethodDescription = requires {
    { D::is_description } -> std::convertible_to<bool>;
};

// ---- how objects are made

template <class... A>
struct Constructor {};

/// The constructors that are registered, of different numbers of parameters; if none is, the default one.
template <class T, class... C>
struct Constructors {
    std::shared_ptr<T> operator()(const ManagedCall& call) const {
        std::shared_ptr<T> made;
        if constexpr (sizeof...(C) == 0) {
            static_assert(std::is_default_constructible_v<T>,
                          "the class has no default constructor: register another one with "
                          "mp::constructor<A...>(), or give a factory");
            try_construct(call, made, Constructor<>());
        } else {
            (try_construct(call, made, C()) || ...);
        }
        if (!made) throw_no_constructor(call, type_name<T>());
        return made;
    }

  private:
    template <class... A>
    static bool try_construct(const ManagedCall& call, std::shared_ptr<T>& made, Constructor<A...>) {
        if (sizeof...(C) > 1 && call.arguments.size() != sizeof...(A)) return false;
        made = call_with_arguments<Signature<void, A...>>(call, []<class... B>(B&&... arguments) {
            if constexpr (std::is_constructible_v<T, B...>)
                return std::make_shared<T>(std::forward<B>(arguments)...);
            else  // an aggregate
                return std::shared_ptr<T>(new T{std::forward<B>(arguments)...});
        });
        return true;
    }
};
template <class F>
inline constexpr bool is_constructors = false;
template <class T, class... C>
inline constexpr bool is_constructors<Constructors<T, C...>> = true;

/// What is known of a factory: all of a function, or of an object that can be called in one way.
template <class F>
struct FactorySignature {
    using type = Signature<std::invoke_result_t<F&>>;
};
template <class R, class... A>
struct FactorySignature<R (*)(A...)> {
    using type = Signature<R, A...>;
};
template <class F>
requires requires { signature_of(&F::operator()); }
struct FactorySignature<F> {
    using type = decltype(signature_of(&F::operator()));
};

template <class T, class F>
std::shared_ptr<T> make_object(F& factory, const ManagedCall& call) {
    if constexpr (is_constructors<F>) {
        return factory(call);
    } else {
        using Signature = typename FactorySignature<F>::type;
        std::shared_ptr<T> made = shared_of<T>(call_with_arguments<Signature>(call, factory));
        if (!made) throw_no_object(type_name<T>());
        return made;
    }
}

// ---- the class itself

template <class T, class Factory, MethodDescription... D>
class ManagedTypeOf final : public ManagedType {
  public:
    ManagedTypeOf(Factory factory, D... descriptions)
        : factory_(std::move(factory)), descriptions_(std::move(descriptions)...), methods_(table()) {}

    std::shared_ptr<ManagedObject> create(const ManagedCall& call) const override {
        return manage(make_object<T>(factory_, call));
    }
    std::shared_ptr<ManagedObject> wrap(const MadeObject& made) const override {
        if (*made.type != typeid(T)) throw_made_of_another_type(type_name<T>(), *made.type);
        return manage(std::static_pointer_cast<T>(made.object));
    }
    std::vector<MethodName> method_names() const override {
        return std::apply(
            [](const D&... each) {
                return std::vector<MethodName>{MethodName{each.tag(), each.name}...};
            },
            descriptions_);
    }
    void save(NativeWriter& writer) const override {
        if constexpr (is_sendable_callable<Factory>) {
            save_callable(writer, factory_);
            std::apply([&](const D&... each) { (each.save(writer), ...); }, descriptions_);
        } else {
            throw_factory_stays_here(type_name<Factory>());
        }
    }
    static std::shared_ptr<const ManagedType> load(NativeReader& reader) {
        if constexpr (is_sendable_callable<Factory>) {
            Factory factory = load_callable<Factory>(reader);
            std::tuple<D...> descriptions;
            std::apply([&](D&... each) { (each.load(reader), ...); }, descriptions);
            return std::apply(
                [&](D&... each) {
                    return std::make_shared<ManagedTypeOf>(std::move(factory), std::move(each)...);
                },
                descriptions);
        } else {
            throw_factory_stays_here(type_name<Factory>());
        }
    }
    const FunctionEntry& entry() const override { return entry_of<&ManagedTypeOf::load>; }

  private:
    std::shared_ptr<const MethodTable<T>> table() const {
        auto methods = std::make_shared<MethodTable<T>>(ManagedTwin<T>::methods());
        std::apply([&](const D&... each) { (methods->push_back(each.template of<T>()), ...); },
                   descriptions_);
        return methods;
    }
    std::shared_ptr<ManagedObject> manage(std::shared_ptr<T> object) const {
        return std::make_shared<ManagedObjectOf<T>>(std::move(object), methods_);
    }

    mutable Factory factory_;  ///< called by several threads at once, as methods are
    std::tuple<D...> descriptions_;
    std::shared_ptr<const MethodTable<T>> methods_;
};

template <class T>
struct ManagedTypeMaker {
    // The constructors come first among what is registered, or last, or between.
    template <class... C, class... D>
    static std::shared_ptr<const ManagedType> make(std::tuple<C...>, std::tuple<D...> descriptions) {
        return std::apply(
            [](D&... each) {
                using Type = ManagedTypeOf<T, Constructors<T, C...>, D...>;
                return std::make_shared<Type>(Constructors<T, C...>(), std::move(each)...);
            },
            descriptions);
    }
};

template <class P>
inline constexpr bool is_constructor = false;
template <class... A>
inline constexpr bool is_constructor<Constructor<A...>> = true;
/// What register_type() takes beside a factory.
template <class P>
concept Registered = MethodDescription<P> || is_constructor<P>;

/// `part` in a tuple, if it is wanted.
template <bool wanted, class P>
auto tuple_if(P part) {
    if constexpr (wanted)
        return std::tuple<P>(std::move(part));
    else
        return std::tuple<>();
}

/// A class whose constructors make its objects.
template <class T, Registered... P>
std::shared_ptr<const ManagedType> managed_type(P... parts) {
    return ManagedTypeMaker<T>::make(std::tuple_cat(tuple_if<is_constructor<P>>(parts)...),
                                     std::tuple_cat(tuple_if<MethodDescription<P>>(parts)...));
}
/// One whose objects a factory makes, or has.
template <class T, class Factory, MethodDescription... D>
requires(!Registered<Factory>) std::shared_ptr<const ManagedType> managed_type(Factory factory,
                                                                               D... descriptions) {
    return std::make_shared<ManagedTypeOf<T, Factory, D...>>(std::move(factory),
                                                             std::move(descriptions)...);
}

/// A class under the name that it is registered by, as a value that can be sent to the server's process.
struct PROCESSION_API Registration {
    std::string type_id = {};
    std::shared_ptr<const ManagedType> type = {};

    /// @throws SerializationError  the factory cannot be sent
    void save(NativeWriter&) const;
    void load(NativeReader&);
};

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/managed_object.hpp>
#include <procession/detail/member_function.hpp>
#include <procession/detail/object_archive.hpp>
#include <procession/error.hpp>

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// How methods of C++ are called with Objects.
namespace procession::inline v0::detail {

template <class T>
struct ManagedMethod {
    std::string name;
    ManagedResult (*call)(const std::shared_ptr<T>& object, const ManagedCall&,
                          const std::string& result_type);
    std::string result_type = {};  ///< the registered name of what it makes; empty: it returns values
};
template <class T>
using MethodTable = std::vector<ManagedMethod<T>>;

/// The name of an argument that is given by its place alone.
template <class>
inline constexpr std::string_view unnamed = "";

template <class Signature, class F, class... P, std::size_t... I>
decltype(auto) call_with_arguments(const ManagedCall& call, F&& f, std::type_identity<std::tuple<P...>>,
                                   std::index_sequence<I...>) {
    call.require(sizeof...(P), {unnamed<P>...});
    const Place place(call.method);
    // Braces: the arguments are read in their order.
    std::tuple<Stored<P>...> arguments{
        from_object<Stored<P>>(call.at(I, unnamed<P>), place.argument(I))...};
    if constexpr (Signature::takes_stop)
        return std::invoke(std::forward<F>(f), call.stop, hand_to<P>(std::get<I>(arguments))...);
    else
        return std::invoke(std::forward<F>(f), hand_to<P>(std::get<I>(arguments))...);
}
/// Reads the arguments of a call, and hands them to `f`, before them the caller's stop token if it takes one.
template <class Signature, class F>
decltype(auto) call_with_arguments(const ManagedCall& call, F&& f) {
    using Parameters = typename Signature::Arguments;
    return call_with_arguments<Signature>(call, std::forward<F>(f), std::type_identity<Parameters>(),
                                          std::make_index_sequence<std::tuple_size_v<Parameters>>());
}

/// What a member function returns is as an Object, while its arguments are there.
template <auto Member, class T>
Object call_for_value(T& object, const ManagedCall& call) {
    using Result = typename SignatureOf<Member>::Result;
    return call_with_arguments<SignatureOf<Member>>(call, [&]<class... A>(A&&... arguments) -> Object {
        if constexpr (std::is_void_v<Result>) {
            std::invoke(Member, object, std::forward<A>(arguments)...);
            return {};
        } else {
            const auto& result = std::invoke(Member, object, std::forward<A>(arguments)...);
            if constexpr (is_optional<std::decay_t<Result>>)
                if (!result && call.method == "__next__")
                    throw StopIteration("__next__: the iterator is at its end");
            return detail::to_object(result);
        }
    });
}

/// An object for the server to keep, of what a function has returned.
/// @param owner  of what it returned a reference to
template <class T, class R>
std::shared_ptr<T> shared_of(R&& result, std::shared_ptr<void> owner = {}) {
    using Returned = std::remove_cvref_t<R>;
    if constexpr (is_owning_pointer<Returned>)
        return std::shared_ptr<T>(std::forward<R>(result));
    else if constexpr (std::is_lvalue_reference_v<R> && !std::is_const_v<std::remove_reference_t<R>> &&
                       !HandleType<Returned>)
        return std::shared_ptr<T>(std::move(owner), std::addressof(result));
    else
        return std::make_shared<T>(std::forward<R>(result));
}

/// A method that is named, as mp::method() has it.
template <auto Member>
struct ValueMethod {
    static constexpr bool is_description = true;
    std::string name;

    template <class T>
    ManagedMethod<T> of() const {
        return {
            name,
            [](const std::shared_ptr<T>& object, const ManagedCall& call,
               const std::string&) -> ManagedResult { return call_for_value<Member>(*object, call); }};
    }
    std::uint64_t tag() const { return member_tag<Member>(); }
    void save(NativeWriter& writer) const { writer(name); }
    void load(NativeReader& reader) { reader(name); }
};

/// The class of what a function makes.
template <class R>
struct MadeBy {
    using type = R;
};
template <class R>
requires is_owning_pointer<R>
struct MadeBy<R> {
    using type = typename R::element_type;
};

/// The same of one that makes objects for the server to keep.
template <auto Member>
struct MakingMethod {
    static constexpr bool is_description = true;
    std::string name;
    std::string result_type;

    template <class T>
    ManagedMethod<T> of() const {
        return {name,
                [](const std::shared_ptr<T>& object, const ManagedCall& call,
                   const std::string& type) -> ManagedResult {
                    using Made =
                        typename MadeBy<std::decay_t<typename SignatureOf<Member>::Result>>::type;
                    std::shared_ptr<Made> made = call_with_arguments<SignatureOf<Member>>(
                        call, [&]<class... A>(A&&... arguments) {
                            return shared_of<Made>(
                                std::invoke(Member, *object, std::forward<A>(arguments)...), object);
                        });
                    if (!made) return {};
                    return {{std::move(made), &typeid(Made)}, type};
                },
                result_type};
    }
    std::uint64_t tag() const { return member_tag<Member>(); }
    void save(NativeWriter& writer) const { writer(name, result_type); }
    void load(NativeReader& reader) { reader(name, result_type); }
};

/// An object of a class, with a table of its methods.
template <class T>
class ManagedObjectOf final : public ManagedObject {
  public:
    ManagedObjectOf(std::shared_ptr<T> object, std::shared_ptr<const MethodTable<T>> methods)
        : object_(std::move(object)), methods_(std::move(methods)) {}

    ManagedResult call(const ManagedCall& call) override {
        if (const ManagedMethod<T>* const method = find(call.method))
            return method->call(object_, call, method->result_type);
        throw_no_such_method(type_name<T>(), call.method);
    }
    std::vector<std::string> exposed() const override {
        std::vector<std::string> names;
        for (const ManagedMethod<T>& each : *methods_) names.push_back(each.name);
        return names;
    }
    Object value() const override {
        // A mere aggregate may have members that nobody can send.
        if constexpr (forms::HasForm<T> || (CerealSerializable<T> && !HandleType<T>))
            return detail::to_object(*object_);
        else
            throw_no_value(type_name<T>());
    }
    std::string to_string() const override {
        if (const ManagedMethod<T>* const method = find("__str__")) {
            const Object arguments = Object::tuple(), keywords;
            return method->call(object_, {"__str__", arguments, keywords}, {})
                .value.template as<std::string>();
        }
        if constexpr (fmt::is_formattable<T>::value)
            return fmt::format("{}", *object_);
        else
            return describe_object(type_name<T>(), object_.get());
    }

  private:
    const ManagedMethod<T>* find(std::string_view name) const {
        for (const ManagedMethod<T>& each : *methods_)
            if (each.name == name) return &each;
        return nullptr;
    }

    std::shared_ptr<T> object_;
    std::shared_ptr<const MethodTable<T>> methods_;
};

}  // namespace procession::inline v0::detail

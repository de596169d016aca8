// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/error.hpp>
#include <procession/object.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "managers/arguments.hpp"
#include "managers/caller.hpp"

namespace procession::inline v0::managers {

class Referent;

/// What a call comes to: a value, or an object that the server is to keep and the caller gets a proxy of.
struct Result {
    Object value = {};
    std::shared_ptr<Referent> referent = {};
    std::string type_id = {};  ///< the referent's: "Iterator"

    Result() = default;
    Result(Object returned) : value(std::move(returned)) {}
    Result(std::shared_ptr<Referent> made, std::string type)
        : referent(std::move(made)), type_id(std::move(type)) {}
};

/// What a manager's server keeps for its clients, who call its methods by their names.
///
/// All members may be called by several threads at once: each client's thread is one of the server's. What
/// waits ends when the caller's stop is requested (CancelledError), but takes first what is there already.
class Referent {
  public:
    virtual ~Referent() = default;
    /// @throws NoSuchMethod  it has none of that name
    /// @throws TypeMismatch    or not with these arguments; and what the method throws
    virtual Result call(const Arguments&, const Caller&) = 0;
    /// The methods' names.
    virtual std::vector<std::string> exposed() const = 0;
    /// A copy of what it is, for `#GETVALUE`. @throws TypeMismatch  it cannot be sent
    virtual Object value() const = 0;
    /// Python's str() of it.
    virtual std::string to_string() const = 0;
    /// Whether it knows something of its clients, and is to be told when one that has called it is gone.
    virtual bool minds_clients() const { return false; }
    /// A client is gone. Called once for each, after its last call has ended.
    virtual void depart(const Caller&, Departure) {}
};

/// A method of a referent of type T; its table is sorted by nothing and searched by name.
template <class T>
struct Method {
    std::string_view name;
    Result (T::*call)(const Arguments&, const Caller&);
};

/// A call of a method that there is none of, or none that clients may call.
struct NoSuchMethod : AttributeError {
    using AttributeError::AttributeError;
};
/// @throws NoSuchMethod
[[noreturn]] void throw_no_such_method(std::string_view type, std::string_view method);

/// A referent whose methods are in a table: `static std::span<const Method<Derived>> methods()`, and whose
/// `static constexpr std::string_view type` names it in errors. `Base`: what it has in common with others.
template <class Derived, class Base = Referent>
class MethodsOf : public Base {
  public:
    using Base::Base;
    Result call(const Arguments& arguments, const Caller& caller) override {
        for (const Method<Derived>& each : Derived::methods())
            if (each.name == arguments.method())
                return (static_cast<Derived&>(*this).*each.call)(arguments, caller);
        throw_no_such_method(Derived::type, arguments.method());
    }
    std::vector<std::string> exposed() const override {
        std::vector<std::string> names;
        for (const Method<Derived>& each : Derived::methods()) names.emplace_back(each.name);
        return names;
    }
};

}  // namespace procession::inline v0::managers

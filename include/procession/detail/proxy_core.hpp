// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/address.hpp>
#include <procession/detail/export.hpp>
#include <procession/detail/handle.hpp>
#include <procession/object.hpp>
#include <procession/serialize.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace procession::inline v0::detail {

/// What every proxy is: a reference to an object behind a manager's server.
///
/// The object lives as long as anybody refers to it: a proxy in any process, a message that carries one, or
/// another object behind the server in which one was stored. A handle: a copy refers to the same object, and
/// may be passed to processes and sent in messages, pickled ones too.
/// @par Thread safety   safe on a shared object; each thread has its own connection to the server
class PROCESSION_API ProxyCore : public Handle {
  public:
    /// To nothing: every call throws StateError.
    ProxyCore();
    /// To what a message names.
    explicit ProxyCore(Handle handle);
    /// To what an Object is a proxy of. @throws TypeMismatch  it is none
    explicit ProxyCore(const Object& proxy);

    /// Calls a method of the object, and waits for its result: what that is a proxy of lives as long as it.
    /// @throws what the method throws; RemoteError of an exception of an unknown type, or where there is no
    ///         such method
    /// @throws EndOfFile       the server is gone
    /// @throws CancelledError  a stop was requested, or the server was shut down meanwhile
    Object call(std::string_view method, std::span<const Object> arguments,
                const std::stop_token& stop = {}) const;
    Object call(std::string_view method, std::initializer_list<Object> arguments = {},
                const std::stop_token& stop = {}) const {
        return call(method, std::span(arguments.begin(), arguments.size()), stop);
    }
    /// The same with arguments by name as well. @param keywords  a dict
    Object call(std::string_view method, std::span<const Object> arguments, const Object& keywords,
                const std::stop_token& stop = {}) const;
    /// A copy of the object itself. @throws as call()
    Object get_value() const { return call("#GETVALUE"); }
    /// As Python prints the object: {0: 0, 1: 2}. @throws as call()
    std::string to_string() const;
    /// As Python prints the proxy: <ListProxy object, typeid 'list' at 7f00>.
    std::string repr() const;

    /// The proxy as a value, to be stored in others and pickled.
    Object to_object() const;
    operator Object() const { return to_object(); }
    /// The registered name of what it refers to: "list".
    std::string type_id() const;
    /// The object's name at its server.
    std::string ident() const;
    Address address() const;
    /// The names of its methods.
    std::vector<std::string> exposed() const;
    /// What a member function of C++ is called there, by its tag: as it was registered.
    /// @throws AttributeError  it was not
    std::string method_name(std::uint64_t tag) const;
};

/// It says where its object is.
template <std::derived_from<ProxyCore> T>
inline constexpr bool stays_here<T> = false;

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/address.hpp>
#include <procession/detail/proxy_core.hpp>
#include <procession/object.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// CPython's manager protocol. A request is the pickle of `(ident, function, args, kwds)`, a reply that of
// `(kind, value)`. The ident None is the server itself. docs/protocol.md says the rest.

namespace procession::inline v0::managers {

using Bytes = std::vector<std::byte>;

/// A request as it came.
struct Request {
    std::string_view ident = {};  ///< empty: the server
    std::string_view method = {};
    Object arguments = Object::tuple();
    Object keywords = {};  ///< a dict, or None
    Object source = {};    ///< where the texts lie, if not in the message
};
/// A request that is to be sent, where its parts lie.
struct Call {
    std::string_view ident = {};  ///< empty: the server
    std::string_view method = {};
    std::span<const Object> arguments = {};
    Object keywords = {};  ///< a dict, or None
};

enum class ReplyKind {
    returned,        ///< a value
    proxy,           ///< its methods and its token: an object that the server has made
    error,           ///< an exception
    traceback,       ///< a text: the request itself was wrong
    unserializable,  ///< a text: the value cannot be sent
    native_error     ///< within a program: an exception as itself
};

struct Reply {
    ReplyKind kind = ReplyKind::returned;
    Object value = {};
};
/// "#RETURN" and the like.
std::string_view name_of(ReplyKind kind);

/// What lives as long as a proxy in a value.
struct Attachment {
    virtual ~Attachment() = default;
    /// For this process, to what it keeps. @throws KeyError  that is gone
    virtual detail::ProxyCore proxy() const = 0;
};

/// A message with what is attached to the proxies in it, in the order in which they come.
struct Encoded {
    Bytes bytes;
    std::vector<std::shared_ptr<const Attachment>> attached;  ///< null: nothing is
};
/// In place of what was there, with its memory.
void encode(const Call& call, Encoded& into);
void encode(const Reply& reply, Encoded& into);
/// Several in one go: the arguments, or the value, of a batch.
Object to_object(const Call& call);
Object to_object(const Reply& reply);
/// @param proxies  as pickle::decode() has it @throws SerializationError  it is none
Request decode_request(std::span<const std::byte> bytes, std::vector<Object>& proxies);
Reply decode_reply(std::span<const std::byte> bytes, std::vector<Object>& proxies);
/// @throws TypeMismatch  it is none
Request request_of(const Object& object);
Reply reply_of(const Object& object);

/// What a referent is known by.
struct Token {
    std::string type_id;
    Object address;  ///< as Python has it: text, bytes, or a tuple of host and port
    std::string ident;
};
Object to_object(const Token& token);
/// @throws TypeMismatch  it is none
Token token_of(const Object& object);

/// The proxy of a referent, as Python makes it.
Object make_proxy(const Token& token, const std::vector<std::string>& exposed);
/// @throws TypeMismatch  it is no proxy
Token token_of_proxy(const Object& proxy);

Object address_object(const Address& address);
/// @throws TypeMismatch, ValueError  it is none
Address address_of(const Object& object);

/// What is attached to a proxy. To be set while nobody else has it.
void attach(Object& proxy, std::shared_ptr<const Attachment> attachment);
std::shared_ptr<const Attachment> attachment_of(const Object& proxy);

}  // namespace procession::inline v0::managers

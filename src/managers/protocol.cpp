// SPDX-License-Identifier: Apache-2.0
#include "managers/protocol.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/pickle.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include "wire/object_node.hpp"
#include "wire/pickle_decoder.hpp"
#include "wire/pickle_encoder.hpp"
#include "wire/pickle_opcodes.hpp"

namespace procession::inline v0::managers {
namespace {

using pickle::Opcode;

constexpr const char* module = "multiprocessing.managers";

/// Python's classes of proxies, by what they are proxies of. Others are made by their methods' names.
constexpr std::pair<std::string_view, const char*> proxy_classes[] = {
    {"dict", "DictProxy"},
    {"list", "ListProxy"},
    {"Namespace", "NamespaceProxy"},
    {"Value", "ValueProxy"},
    {"Array", "ArrayProxy"},
    {"Lock", "AcquirerProxy"},
    {"RLock", "AcquirerProxy"},
    {"Semaphore", "AcquirerProxy"},
    {"BoundedSemaphore", "AcquirerProxy"},
    {"Condition", "ConditionProxy"},
    {"Event", "EventProxy"},
    {"Barrier", "BarrierProxy"},
    {"Pool", "PoolProxy"},
    {"Iterator", "IteratorProxy"},
};

/// As ReplyKind has them.
constexpr std::string_view reply_kinds[] = {"#RETURN",    "#PROXY",          "#ERROR",
                                            "#TRACEBACK", "#UNSERIALIZABLE", "#NATIVE"};

ReplyKind reply_kind_of(std::string_view name) {
    const auto* const found = std::ranges::find(reply_kinds, name);
    if (found == std::end(reply_kinds))
        throw SerializationError(fmt::format("managers: there is no kind of reply '{}'", name));
    return static_cast<ReplyKind>(found - std::begin(reply_kinds));
}

const char* proxy_class_of(std::string_view type_id) {
    for (const auto& [type, name] : proxy_classes)
        if (type == type_id) return name;
    return nullptr;
}

std::span<const Object> elements_of(const Object& tuple, std::size_t count, const char* what) {
    if (!tuple.is_tuple() || tuple.size() != count)
        throw TypeMismatch(
            fmt::format("managers: {} is a tuple of {}, and this is a {}", what, count, tuple.type()));
    return tuple.elements();
}

std::string_view text_of(const Object& object, const char* what) {
    if (!object.is_str())
        throw TypeMismatch(fmt::format("managers: {} is a str, and this is a {}", what, object.type()));
    return object.text();
}

[[noreturn]] void refuse_arguments() {
    throw TypeMismatch("managers: a request's arguments are a tuple and a dict");
}

/// A message's pickle, written piece by piece: its outermost tuple is no Object.
class Writer {
  public:
    explicit Writer(Encoded& into) : encoded_(into) {
        encoded_.bytes.clear();
        encoded_.attached.clear();
        put(Opcode::proto, std::byte{pickle::default_protocol}, Opcode::mark);
    }

    void write_none() { put(Opcode::none); }
    void write_no_items() { put(Opcode::empty_dict); }
    void write_text(std::string_view text) {
        constexpr std::size_t longest = 255;
        if (text.size() > longest) return write(Object(text));
        auto& bytes = encoded_.bytes;
        const std::size_t begin = bytes.size();
        bytes.resize(begin + 2 + text.size());
        bytes[begin] = static_cast<std::byte>(Opcode::short_binunicode);
        bytes[begin + 1] = static_cast<std::byte>(text.size());
        std::memcpy(&bytes[begin] + 2, text.data(), text.size());
    }
    void write(const Object& value) {
        pickle::append(encoded_.bytes, value, pickle::Names::known, &attached_);
    }
    void write_tuple(std::span<const Object> elements) {
        pickle::append_tuple(encoded_.bytes, elements, pickle::Names::known, &attached_);
    }
    void finish() {
        put(Opcode::tuple, Opcode::stop);
        for (auto& each : attached_)
            encoded_.attached.push_back(std::static_pointer_cast<const Attachment>(std::move(each)));
    }

  private:
    void put(auto... bytes) { (encoded_.bytes.push_back(static_cast<std::byte>(bytes)), ...); }

    Encoded& encoded_;
    std::vector<std::shared_ptr<const void>> attached_;
};

/// Reads what a Writer has written, without making Objects of all that is known beforehand. Any other pickle it
/// does not know, and that is read as such.
class WrittenReader {
  public:
    explicit WrittenReader(std::span<const std::byte> bytes) : rest_(bytes) {
        knows_ = take(Opcode::proto) && take(std::byte{pickle::default_protocol}) && take(Opcode::mark);
    }
    explicit operator bool() const { return knows_; }

    /// A text, or an empty one for None.
    std::string_view text() {
        if (take(Opcode::none)) return {};
        if (!take(Opcode::short_binunicode) || rest_.empty()) return fail();
        const auto size = std::to_integer<std::size_t>(rest_[0]);
        if (rest_.size() <= size) return fail();
        const auto bytes = rest_.subspan(1, size);
        rest_ = rest_.subspan(1 + size);
        return {reinterpret_cast<const char*>(bytes.data()), size};
    }
    /// All but what it ends with.
    std::span<const std::byte> value_before(std::initializer_list<Opcode> ending) {
        const auto is_same = [](std::byte byte, Opcode opcode) {
            return byte == static_cast<std::byte>(opcode);
        };
        if (rest_.size() < ending.size() ||
            !std::ranges::equal(rest_.last(ending.size()), ending, is_same)) {
            knows_ = false;
            return {};
        }
        return rest_.first(rest_.size() - ending.size());
    }

  private:
    bool take(auto byte) {
        if (rest_.empty() || rest_[0] != static_cast<std::byte>(byte)) return false;
        rest_ = rest_.subspan(1);
        return true;
    }
    std::string_view fail() {
        knows_ = false;
        return {};
    }

    std::span<const std::byte> rest_;
    bool knows_;
};

Object decode_object(std::span<const std::byte> bytes, std::vector<Object>& proxies) {
    return pickle::decode(bytes, {}, pickle::Names::all, &proxies);
}

}  // namespace

// ---------------------------------------------------------------- messages

std::string_view name_of(ReplyKind kind) { return reply_kinds[static_cast<std::size_t>(kind)]; }

Object to_object(const Call& call) {
    return Object::tuple({call.ident.empty() ? Object() : Object(call.ident), call.method,
                          Object::tuple(call.arguments),
                          call.keywords.is_none() ? Object::dict() : call.keywords});
}

Object to_object(const Reply& reply) { return Object::tuple({name_of(reply.kind), reply.value}); }

void encode(const Call& call, Encoded& into) {
    Writer writer(into);
    if (call.ident.empty())
        writer.write_none();
    else
        writer.write_text(call.ident);
    writer.write_text(call.method);
    writer.write_tuple(call.arguments);
    if (call.keywords.is_none())
        writer.write_no_items();
    else
        writer.write(call.keywords);
    writer.finish();
}

void encode(const Reply& reply, Encoded& into) {
    Writer writer(into);
    writer.write_text(name_of(reply.kind));
    writer.write(reply.value);
    writer.finish();
}

Request request_of(const Object& object) {
    const auto parts = elements_of(object, 4, "a request");
    if (!parts[2].is_tuple() || !parts[3].is_dict()) refuse_arguments();
    return {parts[0].is_none() ? std::string_view() : text_of(parts[0], "an ident"),
            text_of(parts[1], "a method"), parts[2], parts[3], object};
}

Reply reply_of(const Object& object) {
    const auto parts = elements_of(object, 2, "a reply");
    return {reply_kind_of(text_of(parts[0], "a reply's kind")), parts[1]};
}

Request decode_request(std::span<const std::byte> bytes, std::vector<Object>& proxies) {
    if (WrittenReader reader(bytes); reader) {
        const std::string_view ident = reader.text(), method = reader.text();
        const auto arguments = reader.value_before({Opcode::empty_dict, Opcode::tuple, Opcode::stop});
        if (reader) {
            Request request{ident, method, pickle::decode_part(arguments, pickle::Names::all, &proxies)};
            if (!request.arguments.is_tuple()) refuse_arguments();
            return request;
        }
    }
    return request_of(decode_object(bytes, proxies));
}

Reply decode_reply(std::span<const std::byte> bytes, std::vector<Object>& proxies) {
    if (WrittenReader reader(bytes); reader) {
        const std::string_view kind = reader.text();
        const auto value = reader.value_before({Opcode::tuple, Opcode::stop});
        if (reader)
            return {reply_kind_of(kind), pickle::decode_part(value, pickle::Names::all, &proxies)};
    }
    return reply_of(decode_object(bytes, proxies));
}

// ---------------------------------------------------------------- names of referents

Object to_object(const Token& token) {
    return Object::instance(module, "Token", Object::tuple(),
                            Object::tuple({token.type_id, token.address, token.ident}));
}

Token token_of(const Object& object) {
    if (!object.is_instance() || object.qualname() != "Token")
        throw TypeMismatch(fmt::format("managers: a {} is no Token", object.type()));
    const auto parts = elements_of(object.state(), 3, "a Token's state");
    return {std::string(text_of(parts[0], "a type id")), parts[1],
            std::string(text_of(parts[2], "an ident"))};
}

Object make_proxy(const Token& token, const std::vector<std::string>& exposed) {
    Object keywords = Object::dict();
    const char* const proxy_class = proxy_class_of(token.type_id);
    if (!proxy_class) keywords.set("exposed", Object::tuple(exposed));
    return Object::instance(
        module, "RebuildProxy",
        Object::tuple({Object::global(module, proxy_class ? proxy_class : "AutoProxy"), to_object(token),
                       "pickle", keywords}),
        {}, Object::Made::by_call);
}

Token token_of_proxy(const Object& proxy) {
    if (!detail::is_proxy(proxy) || proxy.args().size() != 4)
        throw TypeMismatch(fmt::format("managers: a {} is no proxy", proxy.type()));
    return token_of(proxy.args()[1]);
}

Object address_object(const Address& address) {
    switch (address.family()) {
        case Address::Family::tcp: return Object::tuple({address.host(), address.port()});
        case Address::Family::path: return address.path();
        case Address::Family::abstract: {
            const std::string name = '\0' + address.abstract_name();
            return Object(std::as_bytes(std::span(name)));
        }
        case Address::Family::none: break;
    }
    return {};
}

Address address_of(const Object& object) {
    if (object.is_tuple() && object.size() == 2)
        return Address(std::string(text_of(object[0], "a host")), object[1].as<int>());
    std::string name;
    if (object.is_bytes()) {
        const auto raw = object.raw();
        name.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
    } else {
        name = text_of(object, "an address");
    }
    if (!name.empty() && name.front() == '\0') return Address::abstract(name.substr(1));
    return Address(std::move(name));
}

void attach(Object& proxy, std::shared_ptr<const Attachment> attachment) {
    detail::ObjectAccess::in_place<detail::Named>(proxy).value.attachment = std::move(attachment);
}

std::shared_ptr<const Attachment> attachment_of(const Object& proxy) {
    return std::static_pointer_cast<const Attachment>(
        detail::ObjectAccess::value<detail::Named>(proxy).attachment);
}

}  // namespace procession::inline v0::managers

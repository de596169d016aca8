// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/detail/proxy_core.hpp>
#include <procession/error.hpp>

#include "heap/object.hpp"
#include "managers/protocol.hpp"
#include "managers/proxy_state.hpp"

namespace procession::inline v0::detail {

using managers::ProxyState;

namespace {

const managers::ProxyInfo& info_of(const Handle& proxy) { return ProxyState::of(proxy).info(); }

Handle handle_in(const Object& proxy) {
    static_cast<void>(managers::token_of_proxy(proxy));
    if (const auto attached = managers::attachment_of(proxy)) return attached->proxy();
    throw TypeMismatch("Proxy: this proxy did not come from a manager's server, and leads nowhere");
}

}  // namespace

ProxyCore::ProxyCore() : Handle("Proxy") {}

ProxyCore::ProxyCore(Handle handle) : Handle(std::move(handle)) {
    if (!exists()) return;
    if (type_of(heap::Heap::program(), offset()) != heap::ObjectType::proxy)
        throw TypeMismatch("Proxy: this is another kind of object; receive it as that");
    // Whose server counts by processes is to know of this one before the message is gone.
    static_cast<void>(ProxyState::of(*this));
}

ProxyCore::ProxyCore(const Object& proxy) : ProxyCore(handle_in(proxy)) {}

Object ProxyCore::call(std::string_view method, std::span<const Object> arguments,
                       const std::stop_token& stop) const {
    return call(method, arguments, Object(), stop);
}

Object ProxyCore::call(std::string_view method, std::span<const Object> arguments,
                       const Object& keywords, const std::stop_token& stop) const {
    ProxyState& state = ProxyState::of(*this);
    return state.link().call(
        {.ident = state.info().ident, .method = method, .arguments = arguments, .keywords = keywords},
        stop);
}

std::string ProxyCore::to_string() const { return call("__str__").as<std::string>(); }

std::string ProxyCore::repr() const {
    const auto& info = info_of(*this);
    return fmt::format("<Proxy of '{}' {} at {}>", info.type_id, info.ident, info.destination.address);
}

Object ProxyCore::to_object() const {
    const auto& info = info_of(*this);
    Object proxy = managers::make_proxy(
        {info.type_id, managers::address_object(info.destination.address), info.ident}, info.exposed);
    managers::attach(proxy, std::make_shared<managers::ProxyAttachment>(*this));
    return proxy;
}

std::string ProxyCore::type_id() const { return info_of(*this).type_id; }
std::string ProxyCore::ident() const { return info_of(*this).ident; }
Address ProxyCore::address() const { return info_of(*this).destination.address; }
std::vector<std::string> ProxyCore::exposed() const { return info_of(*this).exposed; }

std::string ProxyCore::method_name(std::uint64_t tag) const {
    for (const MethodName& each : info_of(*this).method_names)
        if (each.tag == tag) return each.name;
    throw AttributeError(
        fmt::format("Proxy: this member function is not among the methods that were "
                    "registered of '{}'. Register it by mp::method<>(), or call the "
                    "method by its name.",
                    info_of(*this).type_id));
}

}  // namespace procession::inline v0::detail

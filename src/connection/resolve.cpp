// SPDX-License-Identifier: Apache-2.0
#include "connection/resolve.hpp"

namespace procession::inline v0::connection {

std::vector<os::SocketAddress> resolve(const Address& address) {
    switch (address.family()) {
        case Address::Family::none: break;
        case Address::Family::tcp: return os::SocketAddress::of_host(address.host(), address.port());
        case Address::Family::path: return {os::SocketAddress::of_path(address.path())};
        case Address::Family::abstract: return {os::SocketAddress::of_abstract(address.abstract_name())};
    }
    return {};
}

std::optional<Address> address_of(const os::SocketAddress& address) {
    if (!address.is_unix()) return Address(address.host(), address.port());
    if (auto path = address.path(); !path.empty()) return Address(std::move(path));
    if (auto name = address.abstract_name(); !name.empty()) return Address::abstract(std::move(name));
    return {};
}

}  // namespace procession::inline v0::connection

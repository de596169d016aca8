// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/address.hpp>
#include <procession/authkey.hpp>
#include <procession/detail/handle.hpp>
#include <procession/detail/managed_type.hpp>
#include <procession/listener.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "managers/door.hpp"

namespace procession::inline v0::managers {

/// Connections to the server from its own program, which it takes as they come.
using Knocks = SimpleQueue<Connection>;

/// Where a server is, and how one comes to it.
struct Destination {
    Address address = {};
    std::string authkey = {};
    std::optional<Tls> tls = {};
    std::uint64_t max_message = default_max_message;
    std::optional<Door> door = {};  ///< of a server of this program
    std::optional<Knocks> knocks = {};

    template <class Archive>
    void serialize(Archive& archive) {
        archive(address, authkey, tls, max_message, door, knocks);
    }
};

/// What a proxy refers to.
struct ProxyInfo {
    Destination destination = {};
    std::string type_id = {};
    std::string ident = {};
    std::vector<std::string> exposed = {};
    std::vector<detail::MethodName> method_names = {};

    template <class Archive>
    void serialize(Archive& archive) {
        archive(destination, type_id, ident, exposed, method_names);
    }
};

/// A new object of the heap that says so, held by this process.
/// @param bell_place  of a reference that the server has counted for it; none: this process counts its own
detail::Handle make_proxy_object(const ProxyInfo& info, std::optional<std::uint32_t> bell_place);
ProxyInfo read_proxy_object(const detail::Handle& proxy);
/// Whether whoever holds it needs no reference of his own at the server.
bool is_counted_by_heap(const detail::Handle& proxy);

}  // namespace procession::inline v0::managers

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "managers/server_link.hpp"

// This process's ways to managers' servers.

namespace procession::inline v0::managers {

/// The one to a server, which all proxies to it share.
std::shared_ptr<ServerLink> link_to(const Destination& destination);
/// From now on another one goes there: the server may be another.
void forget_link_to(const Destination& destination);

/// What this process is known by to servers. A forked child has another name.
std::string client_name();

}  // namespace procession::inline v0::managers

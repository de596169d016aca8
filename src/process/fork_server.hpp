// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/spare.hpp"

namespace procession::inline v0::detail {

/// The fork server for processes with these credentials, which is started where there is none.
ServerState& fork_server_for(std::uint64_t credentials);

/// Reaps the servers that this process started and that have ended.
void reap_fork_servers();

/// Whether this process is one.
bool is_fork_server();

/// In a new run of the program's own file: serves until the program's first process is gone, or until
/// it is told to go and its children have ended.
[[noreturn]] void run_fork_server(std::size_t index);

}  // namespace procession::inline v0::detail

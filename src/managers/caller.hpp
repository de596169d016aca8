// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace procession::inline v0::managers {

/// Who calls a method of a referent. A client is a process; of one that does not say which it is, each
/// connection is a client of its own. A thread of it is what a managed RLock is held by.
struct Caller {
    std::uint64_t client = 0;  ///< never the same for two clients of a server
    std::uint64_t thread = 0;  ///< nor this for two threads of a client
    int pid = 0;               ///< 0: not known
    std::string name = {};     ///< "MainProcess", "Worker-1", "MainProcess|Thread-2"
    /// Requested when the client is gone, cancels its call, or the server ends.
    std::stop_token stop = {};
    /// Requested when the client is gone or the server ends: nobody waits for the call to come to anything.
    std::stop_token gone = {};
};

/// Whether they are the same thread of the same client.
bool is_same_thread(const Caller& one, const Caller& other);

/// As messages call it: process "Worker-1" (pid 4121).
std::string describe(const Caller& caller);

/// How a client left.
enum class Departure {
    ended,  ///< it said so: what it held stays held, or is abandoned, as of a process that ends
    died    ///< it did not: what it held is given back
};

/// "ended" or "died".
std::string_view describe(Departure departure);

}  // namespace procession::inline v0::managers

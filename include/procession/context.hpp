// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// How processes are started, and what the program as a whole is set to.

#include <procession/detail/export.hpp>

#include <vector>

namespace procession::inline v0 {

/// How a process is made.
enum class StartMethod {
    fork,   ///< a copy of this process: takes every target, captures and all; not for threaded programs
    spawn,  ///< a fresh run of the program's own file
    forkserver  ///< a copy of a small server that is itself a fresh run: the default
};

/// Lets a child take over where the library cannot do so before main by itself (fully static
/// programs): then it is the first line of main. Calling it always does no harm.
PROCESSION_API void init(int argc, char** argv);

/// Sets how processes are started from now on, in this process and the ones it starts.
/// @throws StateError   it was set or used already and `force` is false
/// @par Thread safety   set it before other threads start processes
PROCESSION_API void set_start_method(StartMethod, bool force = false);
/// How processes are started: as set, else what PROCESSION_START_METHOD says, else forkserver.
PROCESSION_API StartMethod get_start_method();
/// All of them, the default first.
PROCESSION_API std::vector<StartMethod> get_all_start_methods();

/// Has `load` run once in the fork server, before it makes a process: what it loads is shared by all
/// children, copy on write. Set it before processes are started; a server that runs already is
/// replaced, and its children live on. Null: nothing. What `load` throws is reported by the next
/// start().
/// @throws SerializationError  not a plain function of the program or its modules
/// @see Python: multiprocessing.set_forkserver_preload
PROCESSION_API void set_forkserver_preload(void (*load)());

/// The processors that this process may use: affinity mask and cgroup quota counted; a pool's worker has its
/// share of its pool's. At least 1.
PROCESSION_API int cpu_count();

/// What exit() throws in a child's target. No std::exception: rethrow it from catch (...).
struct PROCESSION_API ExitRequest {
    int status;
};

/// Ends the process. In a child's target the stack is unwound (ExitRequest is thrown); elsewhere it
/// is std::exit.
/// @see Python: sys.exit
[[noreturn]] PROCESSION_API void exit(int status = 0);

}  // namespace procession::inline v0

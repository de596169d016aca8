// SPDX-License-Identifier: Apache-2.0

// A library that is linked with --build-id=none, so that its variables have no names elsewhere.

#include <procession/mp.hpp>

extern "C" PROCESSION_API void use_handle_with_static_storage() {
    static mp::Queue<int> queue;
    queue.put(1);
}
extern "C" PROCESSION_API void use_local_handle() {
    mp::Queue<int> queue;
    queue.put(1);
}

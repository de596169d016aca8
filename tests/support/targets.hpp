// SPDX-License-Identifier: Apache-2.0
#pragma once

// Functions that several tests run in processes.

#include <unistd.h>
#include <procession/mp.hpp>

namespace procession::test {

inline void nothing() {}
inline void wait_for_ever() {
    for (;;) ::pause();
}
inline void set_mark(Queue<int> mark) { mark.put(1); }
inline void mark_when_told(Queue<int> go, Queue<int> mark) {
    static_cast<void>(go.get());
    mark.put(1);
}
inline void exit_with(int status) { procession::exit(status); }

}  // namespace procession::test

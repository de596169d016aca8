// SPDX-License-Identifier: Apache-2.0

// A library that a test opens at run time. Its handles must be one object for the program too.

#include <procession/mp.hpp>

namespace {

mp::Queue<int> queue_of_the_library;
void put_into_it(int item) { queue_of_the_library.put(item); }

}  // namespace

extern "C" PROCESSION_API int put_in_a_process_and_get(int item) {
    mp::Process process(put_into_it, item);
    process.start();
    process.join();
    return queue_of_the_library.try_get().value_or(-1);
}

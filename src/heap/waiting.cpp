// SPDX-License-Identifier: Apache-2.0
#include "heap/waiting.hpp"

#include "heap/object.hpp"

namespace procession::inline v0::heap {

void Awaiting::sleep_on(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                        const os::Deadline& deadline) {
    constexpr std::chrono::milliseconds short_sleep(5);
    if (object_ == 0) {
        os::futex_wait(word, expected, deadline);
    } else if (!sleep_) {
        sleep_.emplace(std::stop_token());
        os::futex_wait(word, expected, deadline.sooner(short_sleep));
    } else if (const ParticipantId one = living_holder(heap_, object_)) {
        // Any of them will do: as long as it lives, somebody may come.
        (*sleep_)(word, expected, heap_.slot(one), deadline);
    } else {
        os::futex_wait(word, expected, deadline);
    }
}

}  // namespace procession::inline v0::heap

// SPDX-License-Identifier: Apache-2.0

// Says that it has reached main, and as whom.

#include <unistd.h>
#include <procession/mp.hpp>

#include <cstdio>

int main() {
    // Brings the takeover in.
    mp::Process process([] {});
    std::printf("main of %u as %u\n", ::getuid(), ::geteuid());
}

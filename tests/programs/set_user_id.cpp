// SPDX-License-Identifier: Apache-2.0

// Says that it has reached main, and as whom.

#include <procession/mp.hpp>
#include <unistd.h>

#include <cstdio>

int main() {
    // Brings the takeover in.
    mp::Process process([] {});
    std::printf("main of %u as %u\n", ::getuid(), ::geteuid());
}

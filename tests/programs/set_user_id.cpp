// SPDX-License-Identifier: Apache-2.0

// Says that it has reached main, and as whom. With an argument, it makes a block of memory without a name.

#include <unistd.h>
#include <procession/mp.hpp>

#include <cstdio>

int main(int argc, char**) {
    // Brings the takeover in.
    mp::Process process([] {});
    std::printf("main of %u as %u\n", ::getuid(), ::geteuid());
    std::fflush(stdout);
    if (argc > 1) mp::SharedMemory(mp::create, 1);
}

// SPDX-License-Identifier: Apache-2.0

// Two processes take turns at the terminal.

#include <procession/mp.hpp>

#include <iostream>
#include <mutex>

void worker_with(mp::Lock lock) {
    const std::scoped_lock guard(lock);
    std::cout << "Lock acquired via with\n" << std::flush;
}

void worker_no_with(mp::Lock lock) {
    lock.acquire();
    std::cout << "Lock acquired directly\n" << std::flush;
    lock.release();
}

int main() {
    mp::Lock lock;
    mp::Process w(worker_with, lock);
    mp::Process nw(worker_no_with, lock);
    w.start();
    nw.start();
    w.join();
    nw.join();
}

// SPDX-License-Identifier: Apache-2.0
// message: cannot be sent to another process
#include <procession/mp.hpp>

#include <mutex>
#include <vector>

void use(const std::mutex&) {}

int main() {
    std::vector<std::mutex> items(3);
    mp::Pool().map(use, items);
}

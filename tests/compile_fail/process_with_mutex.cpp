// SPDX-License-Identifier: Apache-2.0
// error: this type cannot be sent to another process
#include <procession/mp.hpp>

#include <mutex>
struct Guarded {
    std::mutex mutex;
    Guarded() = default;
    Guarded(const Guarded&) {}
};
int main() {
    mp::Process process([](Guarded) {}, Guarded());
}

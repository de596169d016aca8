// SPDX-License-Identifier: Apache-2.0
// message: deleted (function|constructor)
#include <procession/mp.hpp>

struct Worker : mp::Subclass<Worker> {
    void run() override {}
};
int main() {
    mp::Process process = Worker();
}

// SPDX-License-Identifier: Apache-2.0
// message: deleted function
#include <procession/mp.hpp>

struct Worker : mp::Subclass<Worker> {
    void run() override {}
};
int main() { mp::Process process = Worker(); }

// SPDX-License-Identifier: Apache-2.0
// message: a subclass with members needs a cereal serialize function
#include <procession/mp.hpp>

struct Worker : mp::Subclass<Worker> {
    void run() override {}
    int number = 0;
};

void begin() { Worker().start(); }

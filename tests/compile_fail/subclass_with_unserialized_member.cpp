// SPDX-License-Identifier: Apache-2.0
// error: a subclass with members needs a cereal serialize function
#include <procession/mp.hpp>

struct Worker : mp::Subclass<Worker> {
    void run() override {}
    bool flag = false;
};
int main() { Worker().start(); }

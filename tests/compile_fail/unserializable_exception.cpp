// SPDX-License-Identifier: Apache-2.0
// message: this exception has members and cannot be sent to another process: give it a cereal serialize function
#include <procession/mp.hpp>

#include <stdexcept>

struct Failure : std::runtime_error {
    using runtime_error::runtime_error;
    int number = 0;
};

void start() { mp::register_exception<Failure>(); }

// SPDX-License-Identifier: Apache-2.0
// message: the function cannot be called with these arguments, nor with a std::stop_token before them
// conformance: executor.submit_keyword
#include <procession/mp.hpp>

int power(int, int);

void give(const mp::ProcessPoolExecutor& executor) { static_cast<void>(executor.submit(power, 2)); }

// SPDX-License-Identifier: Apache-2.0
// message: only a trivially copyable type can lie in shared memory
#include <procession/mp.hpp>

int main() { mp::Array<std::string> names(3); }

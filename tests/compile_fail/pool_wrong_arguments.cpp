// SPDX-License-Identifier: Apache-2.0
// message: the function cannot be called with these arguments
#include <procession/mp.hpp>

#include <string>

int square(int x) { return x * x; }

int main() { return mp::Pool().apply(square, std::string("text")); }

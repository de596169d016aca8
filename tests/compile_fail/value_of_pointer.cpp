// SPDX-License-Identifier: Apache-2.0
// message: a pointer means nothing in another process
#include <procession/mp.hpp>

int main() { mp::Value<const char*> name("x"); }

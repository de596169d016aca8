// SPDX-License-Identifier: Apache-2.0
// message: shared_vector<T>: a pointer means nothing in another process: keep an index
#include <procession/mp.hpp>

mp::shared_vector<const char*> names;

// SPDX-License-Identifier: Apache-2.0
// message: shared_vector<T>: T must be trivially copyable
#include <procession/mp.hpp>

mp::shared_vector<std::string> names;

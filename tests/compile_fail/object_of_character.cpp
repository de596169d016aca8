// SPDX-License-Identifier: Apache-2.0
// message: deleted
#include <procession/mp.hpp>

mp::Object text_or_number() { return 'a'; }

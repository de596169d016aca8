// SPDX-License-Identifier: Apache-2.0
// message: this type cannot be sent to another process: give it a cereal serialize function
#include <procession/mp.hpp>

class Opaque {
  public:
    Opaque() = default;

  private:
    int number_ = 0;
};

void set(mp::shared_map<int, Opaque> map) { map.set(1, Opaque()); }

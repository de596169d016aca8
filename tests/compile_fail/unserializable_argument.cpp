// SPDX-License-Identifier: Apache-2.0
// message: this type cannot be sent to another process: give it a cereal serialize function
#include <procession/mp.hpp>

class Opaque {
  public:
    Opaque() = default;

  private:
    int number_ = 0;
};
void target(Opaque) {}

void give() { mp::Process process(target, Opaque()); }

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/placement.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

#include "os/topology.hpp"

namespace procession::inline v0::detail {

/// Where the workers of one pool go.
class Places {
  public:
    /// @param what  the call that got the placement, for the error's text
    /// @throws ValueError  it names what the machine does not have, or what this process may not use
    Places(const Placement&, const os::Topology&, std::string_view what);

    /// The processors of a worker, counted from 0, for ProcessState::processors: empty where it is not to be
    /// placed.
    std::vector<int> of(std::size_t worker) const {
        return places_.empty() ? std::vector<int>() : places_[worker % places_.size()];
    }

  private:
    std::vector<std::vector<int>> places_;  ///< in turn
};

}  // namespace procession::inline v0::detail

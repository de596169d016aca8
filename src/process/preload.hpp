// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace procession::inline v0::detail {

/// In a fork server: runs what the program wants to have loaded once for all children.
void run_preload();

}  // namespace procession::inline v0::detail

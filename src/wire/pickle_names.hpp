// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace procession::inline v0::pickle {

/// Which classes a pickle may name: those that are known or registered, or, in a message within this
/// program, all. There OBJ makes an exception, whatever its class.
enum class Names : bool { known, all };

}  // namespace procession::inline v0::pickle

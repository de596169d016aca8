// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace procession::inline v0::detail {

/// Whether Python's repr shows a character as it is. @see Python: str.isprintable
bool is_printable(char32_t code);

}  // namespace procession::inline v0::detail

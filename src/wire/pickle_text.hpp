// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

// Text as the opcodes of protocol 0 have it.
namespace procession::inline v0::pickle {

/// Python's 'raw-unicode-escape': Latin-1, and \uXXXX and \UXXXXXXXX. None: an escape is none.
std::optional<std::string> read_raw_unicode_escape(std::string_view line);
/// The same without what would end the line. The text is UTF-8, perhaps with surrogates.
std::string write_raw_unicode_escape(std::string_view text);

/// A literal of Python 2's str in quotes. None: it is none.
std::optional<std::string> read_quoted(std::string_view line);

/// UTF-8 of Latin-1. @see Python: bytes.decode('latin1')
std::string utf8_of_latin1(std::string_view bytes);
/// None: there is a character above U+00FF.
std::optional<std::string> latin1_of_utf8(std::string_view text);

}  // namespace procession::inline v0::pickle

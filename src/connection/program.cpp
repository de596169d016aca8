// SPDX-License-Identifier: Apache-2.0
#include "connection/program.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include "os/module.hpp"

namespace procession::inline v0::connection {

std::optional<std::string> program_for(Format format) {
    if (format != Format::native) return {};
    return os::find_module([](const os::Module& each) { return each.path.empty(); })->build_id;
}

void check_format(Format format, bool is_unix, bool has_key, bool is_encrypted, const char* object) {
    if (format != Format::native) return;
    if (!is_unix && !has_key && !is_encrypted)
        throw ValueError(fmt::format(
            "{}: Format::native over TCP without knowing who the peer is. Set an authkey, or TLS",
            object));
    if (program_for(format)->empty())
        throw ValueError(fmt::format(
            "{}: Format::native, but this program has no build-id. Link it with -Wl,--build-id",
            object));
}

}  // namespace procession::inline v0::connection

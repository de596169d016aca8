// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <sys/utsname.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace procession::benchmark {

using Stream = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// Empty at the end of the stream.
inline std::string read_line(std::FILE* stream) {
    char line[256];
    if (!stream || !std::fgets(line, sizeof line, stream)) return {};
    std::string text = line;
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

inline std::string first_line_of(const char* command) {
    const Stream stream(::popen(command, "re"), ::pclose);
    const std::string line = read_line(stream.get());
    return line.empty() ? "unknown" : line;
}

/// What figures are worth nothing without.
inline void print_surroundings() {
    utsname system{};
    ::uname(&system);
    fmt::print("{}, {} of its processors; Linux {}; gcc {}; commit {}\n",
               first_line_of("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo"), mp::cpu_count(),
               system.release, __VERSION__,
               first_line_of("git -C " SOURCE_DIRECTORY " describe --always --dirty 2>/dev/null"));
}

}  // namespace procession::benchmark

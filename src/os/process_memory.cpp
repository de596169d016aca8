// SPDX-License-Identifier: Apache-2.0
#include "os/process_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "os/descriptor.hpp"
#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

// Longer than what is read here: a status file has some 1500 bytes.
using Page = std::array<char, 4096>;

std::string_view read_file(Page& page, pid_t pid, const char* name) {
    std::array<char, 64> path;
    *fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}/{}", pid, name).out = '\0';
    const Descriptor file(::open(path.data(), O_RDONLY | O_CLOEXEC));
    if (!file) return {};
    const ssize_t size = retry_on_signal([&] { return ::read(file.get(), page.data(), page.size()); });
    return {page.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
}

// The number that comes next, after blanks; takes it off the text.
std::optional<std::size_t> next_number(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::size_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    return number;
}

}  // namespace

std::optional<ProcessMemory> memory_of(pid_t pid) {
    Page page;
    std::string_view text = read_file(page, pid, "statm");
    const auto size = next_number(text), resident = next_number(text), shared = next_number(text);
    if (!size || !resident || !shared) return std::nullopt;
    const auto page_size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return ProcessMemory{*resident * page_size, *shared * page_size};
}

std::optional<std::size_t> peak_resident_of(pid_t pid) {
    Page page;
    std::string_view text = read_file(page, pid, "status");
    constexpr std::string_view name = "\nVmHWM:";
    const auto at = text.find(name);
    if (at == text.npos) return std::nullopt;
    text.remove_prefix(at + name.size());
    const auto kilobytes = next_number(text);
    return kilobytes ? std::optional(*kilobytes * 1024) : std::nullopt;
}

}  // namespace procession::inline v0::os

// SPDX-License-Identifier: Apache-2.0
#include "os/named_memory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "os/error.hpp"
#include "os/kill_point.hpp"

namespace procession::inline v0::os {
namespace {

constexpr const char* folder = "/dev/shm";

std::string path_of(const std::string& name) { return fmt::format("{}/{}", folder, name); }

/// What this file system has left; none where it has no limit of its own.
std::optional<std::uint64_t> free_space(const Descriptor& block) {
    struct statvfs info {};
    if (::fstatvfs(block.get(), &info) != 0 || info.f_blocks == 0) return std::nullopt;
    return std::uint64_t{info.f_bavail} * info.f_frsize;
}

bool is_ours(DIR* entries, const char* name) {
    struct stat info {};
    return ::fstatat(::dirfd(entries), name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           info.st_uid == ::geteuid();
}

[[noreturn]] void throw_no_space(std::string_view object, const Descriptor& block) {
    throw_errno(object, "fallocate",
                fmt::format("{} has {} bytes free: remove blocks that nobody needs, or enlarge it "
                            "(mount -o remount,size=SIZE {}).",
                            folder, free_space(block).value_or(0), folder),
                ENOSPC);
}

}  // namespace

Descriptor make_block(std::string_view object, std::uint64_t size) {
    Descriptor block =
        Descriptor::above_stdio(checked(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), object,
                                        "open(/dev/shm)", "A tmpfs must be mounted there."));
    // Asked beforehand, since the attempt would use up what there is, which others need.
    if (const auto left = free_space(block); left && *left < size) throw_no_space(object, block);
    // In pieces: a signal undoes the one that it interrupts.
    constexpr std::uint64_t piece = 16 << 20;
    for (std::uint64_t done = 0; done < size; done += piece) {
        const auto reserve = [&] {
            return ::fallocate(block.get(), 0, static_cast<off_t>(done),
                               static_cast<off_t>(std::min(piece, size - done)));
        };
        if (retry_on_signal(reserve) == 0) continue;
        if (errno == ENOSPC) throw_no_space(object, block);
        throw_errno(object, "fallocate");
    }
    PROCESSION_KILL_POINT("block.reserved");
    return block;
}

bool publish_block(std::string_view object, const Descriptor& block, const std::string& name) {
    const std::string from = fmt::format("/proc/self/fd/{}", block.get());
    const int result =
        ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path_of(name).c_str(), AT_SYMLINK_FOLLOW);
    PROCESSION_KILL_POINT("block.published");
    if (result != 0 && errno == EEXIST) return false;
    checked(result, object, "linkat", "/proc must be mounted.");
    return true;
}

Descriptor open_block(std::string_view object, const std::string& name) {
    return Descriptor::above_stdio(checked(::shm_open(name.c_str(), O_RDWR, 0), object, "shm_open",
                                           "ENOENT: it was never created, or it was unlinked."));
}

BlockInfo block_info(std::string_view object, const Descriptor& block) {
    struct stat info {};
    checked(::fstat(block.get(), &info), object, "fstat");
    return {info.st_ino, static_cast<std::uint64_t>(info.st_size)};
}

void unlink_block(std::string_view object, const std::string& name, std::uint64_t inode) {
    struct stat info {};
    const int found = ::lstat(path_of(name).c_str(), &info);
    if (found == 0 && info.st_ino != inode)
        throw_errno(object, "shm_unlink", "The name is another block's by now.", ENOENT);
    checked(found == 0 ? ::shm_unlink(name.c_str()) : found, object, "shm_unlink",
            "ENOENT: it was unlinked before.");
}

bool block_exists(const std::string& name) {
    return ::faccessat(AT_FDCWD, path_of(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void unlink_blocks(std::string_view prefix, const std::function<bool(std::string_view)>& is_due) {
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder), ::closedir);
    if (!entries) return;
    while (const dirent* const entry = ::readdir(entries.get())) {
        const std::string_view name = entry->d_name;
        if (!name.starts_with(prefix) || !is_ours(entries.get(), entry->d_name) || !is_due(name))
            continue;
        ::shm_unlink(entry->d_name);
        PROCESSION_KILL_POINT("block.swept");
    }
}

}  // namespace procession::inline v0::os

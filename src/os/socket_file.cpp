// SPDX-License-Identifier: Apache-2.0
#include "os/socket_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

/// What the path means now, for the directory may be another later.
std::string absolute(const std::string& path) {
    if (path.starts_with('/')) return path;
    const std::unique_ptr<char, void (*)(void*)> here(::get_current_dir_name(), std::free);
    return here ? std::string(here.get()) + '/' + path : path;
}

}  // namespace

SocketFile::SocketFile(const std::string& path, std::string directory)
    : path_(absolute(path)), directory_(std::move(directory)), process_(::getpid()) {
    struct stat status {};
    checked(::lstat(path_.c_str(), &status), path_, "lstat");
    device_ = status.st_dev;
    number_ = status.st_ino;
}

void SocketFile::remove() noexcept {
    const std::string path = std::exchange(path_, {});
    if (path.empty() || process_ != ::getpid()) return;
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == number_)
        ::unlink(path.c_str());
    if (!directory_.empty()) ::rmdir(directory_.c_str());
}

std::string make_private_directory() {
    constexpr std::size_t longest_parent = 60;
    const char* const wanted = ::secure_getenv("TMPDIR");
    const std::string_view parent =
        wanted && wanted[0] == '/' && std::string_view(wanted).size() <= longest_parent ? wanted
                                                                                        : "/tmp";
    std::string path = std::string(parent) + "/procession-XXXXXX";
    if (!::mkdtemp(path.data())) throw_errno(path, "mkdtemp", "Set TMPDIR to a writable directory.");
    return path;
}

}  // namespace procession::inline v0::os

// SPDX-License-Identifier: Apache-2.0
#include "os/memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {
constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
}

Descriptor make_sealed_memfd(const char* name, std::uint64_t size) {
    Descriptor fd(checked(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), name, "memfd_create",
                          "Raise RLIMIT_NOFILE if it says EMFILE."));
    checked(::ftruncate(fd.get(), static_cast<off_t>(size)), name, "ftruncate",
            "Raise RLIMIT_FSIZE if it says EFBIG.");
    checked(::fcntl(fd.get(), F_ADD_SEALS, seals), name, "fcntl(F_ADD_SEALS)");
    return fd;
}

std::uint64_t check_sealed_memfd(int fd) {
    const int found = checked(::fcntl(fd, F_GET_SEALS), "inherited heap", "fcntl(F_GET_SEALS)",
                              "The descriptor is no memfd: do not set PROCESSION_CHILD by hand.");
    struct stat info {};
    checked(::fstat(fd, &info), "inherited heap", "fstat");
    // A program that was started as root and has dropped its privileges still has root's.
    if ((found & seals) != seals || (info.st_uid != ::geteuid() && info.st_uid != 0))
        throw_errno("inherited heap", "check of seals and owner", "Do not set PROCESSION_CHILD by hand.",
                    EPERM);
    return static_cast<std::uint64_t>(info.st_size);
}

Mapping::Mapping(int fd, std::uint64_t size, std::string_view object, std::string_view next)
    : size_(size) {
    void* where = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (where == MAP_FAILED) throw_errno(object, "mmap", next);
    base_ = static_cast<std::byte*>(where);
}

Mapping::~Mapping() {
    if (size_ != 0) ::munmap(base_, size_);
}

void* make_wipe_on_fork_page() {
    const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw_errno("identity page", "mmap");
    checked(::madvise(page, size, MADV_WIPEONFORK), "identity page", "madvise(MADV_WIPEONFORK)",
            "Linux 4.14 or later is needed.");
    return page;
}

}  // namespace procession::inline v0::os

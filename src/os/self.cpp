// SPDX-License-Identifier: Apache-2.0
#include "os/self.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <procession/detail/type_name.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "os/descriptor.hpp"
#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

// Of one thing after another.
class Hash {
  public:
    template <class T>
    void add(const T& value) {
        add_bytes(std::as_bytes(std::span(&value, 1)));
    }
    void add_bytes(std::span<const std::byte> bytes) {
        value_ = detail::hash({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, value_);
    }
    std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = detail::hash({});
};

}  // namespace

std::uint64_t credentials_fingerprint() {
    Hash hash;
    std::array<uid_t, 3> users{};
    std::array<gid_t, 3> groups{};
    ::getresuid(&users[0], &users[1], &users[2]);
    ::getresgid(&groups[0], &groups[1], &groups[2]);
    hash.add(users);
    hash.add(groups);
    // An id that cannot be set: the calls only tell what there is (setfsuid(2)).
    hash.add(::setfsuid(static_cast<uid_t>(-1)));
    hash.add(::setfsgid(static_cast<gid_t>(-1)));
    std::vector<gid_t> others(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    if (::getgroups(static_cast<int>(others.size()), others.data()) > 0)
        hash.add_bytes(std::as_bytes(std::span(others)));

    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> capabilities{};
    ::syscall(SYS_capget, &header, capabilities.data());
    hash.add(capabilities);
    hash.add(::getsid(0));

    // The links' texts name the namespaces, and cost a third of what a look at the namespaces would.
    if (const Descriptor links(::open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC)); links)
        for (const char* name :
             {"cgroup", "ipc", "mnt", "net", "pid_for_children", "time_for_children", "user", "uts"}) {
            std::array<std::byte, 64> text;
            const ssize_t size =
                ::readlinkat(links.get(), name, reinterpret_cast<char*>(text.data()), text.size());
            if (size > 0) hash.add_bytes(std::span(text).first(static_cast<std::size_t>(size)));
        }
    if (const Descriptor file(::open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC)); file) {
        std::array<std::byte, 1024> text;
        const ssize_t size =
            retry_on_signal([&] { return ::read(file.get(), text.data(), text.size()); });
        if (size > 0) hash.add_bytes(std::span(text).first(static_cast<std::size_t>(size)));
    }
    return hash.value();
}

HardLimits hard_limits() {
    HardLimits most{};
    for (unsigned i = 0; i < most.size(); ++i) {
        rlimit limit{};
        ::getrlimit(static_cast<__rlimit_resource>(i), &limit);
        most[i] = limit.rlim_max;
    }
    return most;
}

void raise_limits() {
    const HardLimits most = hard_limits();
    for (unsigned i = 0; i < most.size(); ++i) {
        const rlimit limit{most[i], most[i]};
        ::setrlimit(static_cast<__rlimit_resource>(i), &limit);
    }
}

int thread_count() {
    // A folder's link count: two, and one for each folder in it (proc(5)).
    struct stat tasks {};
    return ::stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 2
               ? static_cast<int>(tasks.st_nlink) - 2
               : 1;
}

}  // namespace procession::inline v0::os

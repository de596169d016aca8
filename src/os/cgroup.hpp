// SPDX-License-Identifier: Apache-2.0
#pragma once

// Control groups, version 2, as far as they are delegated to this program (cgroups(7)). Where they are not,
// which is common, that is no error: what is asked for is not there, and says why.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace procession::inline v0::os {

/// Where this process's control group is.
struct OwnGroup {
    std::string folder = {};   ///< empty: there is none
    std::string top = {};      ///< the highest one that can be seen
    std::string trouble = {};  ///< why there is none
};
/// @param proc_self  what the kernel says of this process
OwnGroup own_group(const std::string& proc_self = "/proc/self");

/// A control group with a limit of memory, for one process and its descendants: when they pass it, the
/// kernel kills them all, and none else. Gone with this object, or once its processes have ended.
class MemoryGroup {
  public:
    struct Made;
    /// A new one below this process's group or beside it. Also removes what dead programs have left there.
    static Made make(std::size_t limit, const OwnGroup& = own_group());

    MemoryGroup(MemoryGroup&&) noexcept;
    MemoryGroup& operator=(MemoryGroup&&) noexcept;
    ~MemoryGroup() { remove(); }

    const std::string& folder() const { return folder_; }
    /// How many of its processes the kernel has killed for lack of memory.
    std::optional<std::uint64_t> oom_kills() const;
    /// False while it has processes.
    bool remove() noexcept;

  private:
    explicit MemoryGroup(std::string folder) : folder_(std::move(folder)) {}
    std::string folder_;
};
struct MemoryGroup::Made {
    std::optional<MemoryGroup> group;
    std::string trouble;  ///< why there is none
};

/// This process is one of the group's from now on. @returns why not; empty: it is
std::string join_group(const std::string& folder);

/// How many processes the kernel has killed for lack of memory, up to now: in this process's control
/// group, or where that does not count, on the whole machine. It counts before it kills. None where
/// neither is told.
std::optional<std::uint64_t> oom_kills(const OwnGroup& = own_group(),
                                       const std::string& vmstat = "/proc/vmstat");

}  // namespace procession::inline v0::os

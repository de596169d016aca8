// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <string>

namespace procession::inline v0::os {

/// What a child gets of its parent without anybody saying so: taken down here where it is asked for,
/// put on there where it was not inherited, because the real parent is another process.
struct Inherited {
    std::string environment;  ///< each entry with the NUL that ends it
    std::string directory;
    std::uint32_t umask;
    std::uint64_t blocked;  ///< signals, bit n - 1 for signal n
    std::uint64_t ignored;
    std::array<rlimit, RLIM_NLIMITS> limits;
    int nice;
    cpu_set_t affinity;

    static Inherited capture();
    /// Puts on what differs from `now`, which is how this process is; as far as the system lets it:
    /// what it may not raise stays as it is.
    void apply(const Inherited& now) const;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(environment, directory, umask, blocked, ignored, nice);
        for (rlimit& limit : limits) archive(limit.rlim_cur, limit.rlim_max);
        for (auto& word : affinity.__bits) archive(word);
    }
};

}  // namespace procession::inline v0::os

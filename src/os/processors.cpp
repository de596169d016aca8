// SPDX-License-Identifier: Apache-2.0
#include "os/processors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <memory>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

// As many as Linux can be built for. A cpu_set_t has 1024.
constexpr int most_processors = 8192;

class ProcessorSet {
  public:
    ProcessorSet() { CPU_ZERO_S(size(), set_.get()); }
    static std::size_t size() { return CPU_ALLOC_SIZE(most_processors); }
    cpu_set_t* get() const { return set_.get(); }
    bool has(int cpu) const { return CPU_ISSET_S(static_cast<std::size_t>(cpu), size(), get()); }
    void add(int cpu) { CPU_SET_S(static_cast<std::size_t>(cpu), size(), get()); }

  private:
    struct Free {
        void operator()(cpu_set_t* set) const { CPU_FREE(set); }
    };
    std::unique_ptr<cpu_set_t, Free> set_{CPU_ALLOC(most_processors)};
};

}  // namespace

std::vector<int> usable_processors() {
    const ProcessorSet set;
    checked(::sched_getaffinity(0, ProcessorSet::size(), set.get()), "processors", "sched_getaffinity");
    std::vector<int> cpus;
    for (int cpu = 0; cpu < most_processors; ++cpu)
        if (set.has(cpu)) cpus.push_back(cpu);
    return cpus;
}

void use_processors(std::span<const int> cpus) {
    ProcessorSet set;
    for (const int cpu : cpus)
        if (cpu >= 0 && cpu < most_processors) set.add(cpu);
    checked(
        ::sched_setaffinity(0, ProcessorSet::size(), set.get()), "processors",
        fmt::format("sched_setaffinity({})", fmt::join(cpus, ", ")),
        "EINVAL: the machine has none of these, or they are offline or not in this process's cpuset.");
}

}  // namespace procession::inline v0::os

// SPDX-License-Identifier: Apache-2.0
#include "os/kill_point.hpp"

#ifdef PROCESSION_KILL_POINTS

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace procession::inline v0::os {
namespace {
std::atomic<const char*> selected{nullptr};
std::atomic<int> arrivals_left{0};
}  // namespace

void select_kill_point(const char* name, int nth) {
    arrivals_left = nth;
    selected = name;
}

void at_kill_point(const char* name) {
    const char* wanted = selected.load(std::memory_order_relaxed);
    if (!wanted || (*wanted && std::strcmp(wanted, name) != 0)) return;
    if (arrivals_left.fetch_sub(1) == 1) ::kill(::getpid(), SIGKILL);
}

}  // namespace procession::inline v0::os

#endif

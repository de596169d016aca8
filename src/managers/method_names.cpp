// SPDX-License-Identifier: Apache-2.0
#include "managers/method_names.hpp"

#include <algorithm>
#include <map>

#include "os/fork_mutex.hpp"

namespace procession::inline v0::managers {
namespace {

struct Known {
    os::ForkMutex mutex;
    std::map<std::string, std::vector<detail::MethodName>> names;
};
// Never destroyed: proxies with static storage end after everything else.
Known& known() {
    static auto* const instance = new Known;
    return *instance;
}

}  // namespace

void note_method_names(const std::string& type_id, const std::vector<detail::MethodName>& names) {
    const std::lock_guard lock(known().mutex);
    auto& there = known().names[type_id];
    for (const detail::MethodName& each : names) {
        std::erase_if(there, [&](const auto& one) { return one.tag == each.tag; });
        there.push_back(each);
    }
}

std::vector<detail::MethodName> method_names_of(const std::string& type_id) {
    const std::lock_guard lock(known().mutex);
    const auto found = known().names.find(type_id);
    return found == known().names.end() ? std::vector<detail::MethodName>() : found->second;
}

}  // namespace procession::inline v0::managers

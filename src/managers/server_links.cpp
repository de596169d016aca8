// SPDX-License-Identifier: Apache-2.0
#include "managers/server_links.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "os/at_load.hpp"
#include "os/fork_mutex.hpp"
#include "process/finalize.hpp"
#include "process/state.hpp"

namespace procession::inline v0::managers {
namespace {

std::string random_name() {
    std::uint64_t parts[2] = {};
    if (::getrandom(parts, sizeof parts, 0) != sizeof parts)
        parts[0] = static_cast<std::uint64_t>(::getpid());
    return fmt::format("{:016x}{:016x}", parts[0], parts[1]);
}

struct Links {
    os::ForkMutex mutex;  ///< guards what follows
    std::map<std::string, std::weak_ptr<ServerLink>> links;
    std::string client = random_name();
    bool says_goodbye = false;
    std::optional<detail::Finalizer> at_exit;
};

// Never destroyed: proxies with static storage end after everything else.
Links& links() {
    static auto* const instance = [] {
        auto* const made = new Links;
        ::pthread_atfork(nullptr, nullptr, [] {
            links().links.clear();
            links().says_goodbye = false;
            links().at_exit.reset();
            links().client = random_name();
        });
        return made;
    }();
    return *instance;
}

PROCESSION_AT_LOAD void make_links() { links(); }

std::string key_of(const Destination& destination) {
    return fmt::format(
        "{}\n{}\n{}", destination.address, destination.authkey,
        destination.door && destination.door->is_valid() ? destination.door->offset() : 0);
}

void say_goodbye_to_all() {
    std::vector<std::shared_ptr<ServerLink>> living;
    {
        const std::lock_guard lock(links().mutex);
        for (const auto& [key, weak] : links().links)
            if (auto link = weak.lock()) living.push_back(std::move(link));
    }
    for (const auto& link : living) link->say_goodbye();
}

// Not under the lock: who makes a finalizer takes another.
void say_goodbye_at_exit(Links& all) {
    {
        const std::lock_guard lock(all.mutex);
        if (std::exchange(all.says_goodbye, true)) return;
    }
    detail::Finalizer goodbye([] { say_goodbye_to_all(); }, 0);
    const std::lock_guard lock(all.mutex);
    all.at_exit.emplace(std::move(goodbye));
}

}  // namespace

std::shared_ptr<ServerLink> link_to(const Destination& destination) {
    Links& all = links();
    say_goodbye_at_exit(all);
    const std::lock_guard lock(all.mutex);
    auto& known = all.links[key_of(destination)];
    if (auto link = known.lock()) return link;
    auto link = std::make_shared<ServerLink>(destination);
    known = link;
    return link;
}

void forget_link_to(const Destination& destination) {
    const std::lock_guard lock(links().mutex);
    links().links.erase(key_of(destination));
}

std::string client_name() {
    const std::lock_guard lock(links().mutex);
    return links().client;
}

}  // namespace procession::inline v0::managers

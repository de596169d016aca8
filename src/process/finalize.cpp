// SPDX-License-Identifier: Apache-2.0
#include "process/finalize.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "log/log.hpp"
#include "os/fork_mutex.hpp"
#include "process/state.hpp"
#include "process/unnamed_blocks.hpp"

namespace procession::inline v0::detail {

struct Finalizer::Entry {
    std::function<void()> action;
    std::optional<int> exit_priority;
    std::atomic<bool> done{false};

    void run() {
        if (!done.exchange(true)) std::exchange(action, nullptr)();
    }
};

namespace {

// Never destroyed: finalizers run until the very end.
struct Registry {
    os::ForkMutex mutex;
    std::vector<std::shared_ptr<Finalizer::Entry>> entries;  ///< the oldest first

    static bool is_due(const Finalizer::Entry& entry, std::optional<int> lowest) {
        return entry.exit_priority && (!lowest || *entry.exit_priority >= *lowest);
    }
    /// Takes out the one that comes first; null when there is none.
    std::shared_ptr<Finalizer::Entry> take_next(std::optional<int> lowest) {
        const std::lock_guard lock(mutex);
        auto next = entries.end();
        for (auto it = entries.begin(); it != entries.end(); ++it)
            if (is_due(**it, lowest) &&
                (next == entries.end() || (*it)->exit_priority >= (*next)->exit_priority))
                next = it;
        if (next == entries.end()) return nullptr;
        auto entry = *next;
        entries.erase(next);
        return entry;
    }
    void remove(const std::shared_ptr<Finalizer::Entry>& entry) {
        const std::lock_guard lock(mutex);
        std::erase(entries, entry);
    }
};
Registry& registry() {
    static auto* const instance = new Registry;
    return *instance;
}

}  // namespace

Finalizer::Finalizer(std::function<void()> action, std::optional<int> exit_priority)
    : entry_(std::make_shared<Entry>(std::move(action), exit_priority)) {
    const std::lock_guard lock(registry().mutex);
    registry().entries.push_back(entry_);
}

void Finalizer::operator()() {
    if (!entry_) return;
    registry().remove(entry_);
    entry_->run();
}

// One at a time and without the lock, since each may make others or end them.
void run_finalizers(std::optional<int> lowest) {
    while (const auto entry = registry().take_next(lowest)) {
        try {
            entry->run();
        } catch (const std::exception& error) {
            log_warning("a finalizer has thrown: {}", error.what());
        }
    }
}

void forget_finalizers_after_fork() {
    const std::lock_guard lock(registry().mutex);
    for (const auto& entry : registry().entries) entry->done = true;
    registry().entries.clear();
}

void shut_down() {
    log_info("process shutting down");
    log_debug("running all \"atexit\" finalizers with priority >= 0");
    run_finalizers(0);
    end_children();
    log_debug("running the remaining \"atexit\" finalizers");
    run_finalizers();
    unlink_unnamed_blocks_of_root();
}

void shut_down_at_exit() {
    [[maybe_unused]] static const bool registered = (is_child_process() || std::atexit(shut_down) == 0);
}

}  // namespace procession::inline v0::detail

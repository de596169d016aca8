// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>
#include <procession/error.hpp>
#include <procession/shared_memory.hpp>

#include "log/log.hpp"

namespace procession::inline v0 {

SharedMemoryManager::~SharedMemoryManager() {
    try {
        if (creator_ == ::getpid()) shutdown();
    } catch (const std::exception& error) {
        detail::log_warning("SharedMemoryManager: a block stays until the program ends: {}",
                            error.what());
    }
}

void SharedMemoryManager::start() {
    const std::lock_guard lock(mutex_);
    if (stage_ != Stage::fresh)
        throw StateError("SharedMemoryManager::start: it was started before. Make another one.");
    stage_ = Stage::started;
    creator_ = ::getpid();
}

void SharedMemoryManager::shutdown() {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::started) stage_ = Stage::shut_down;
    while (!blocks_.empty()) {
        const procession::SharedMemory block = blocks_.back();
        blocks_.pop_back();
        try {
            block.unlink();
        } catch (const std::system_error& error) {
            // The program may have unlinked it itself.
            if (error.code() != std::errc::no_such_file_or_directory) throw;
        }
    }
}

void SharedMemoryManager::check_started(const char* what) const {
    if (stage_ != Stage::started)
        throw ValueError(fmt::format(
            "SharedMemoryManager::{}: {}", what,
            stage_ == Stage::fresh ? "it was not started. Call start() first." : "it is shut down"));
}

procession::SharedMemory SharedMemoryManager::SharedMemory(std::size_t size) {
    const std::lock_guard lock(mutex_);
    check_started("SharedMemory");
    return blocks_.emplace_back(create, size);
}

procession::ShareableList SharedMemoryManager::ShareableList(const std::vector<Object>& items) {
    const std::lock_guard lock(mutex_);
    check_started("ShareableList");
    procession::ShareableList list(create, items);
    blocks_.push_back(list.shm());
    return list;
}

}  // namespace procession::inline v0

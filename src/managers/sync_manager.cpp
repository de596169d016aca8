// SPDX-License-Identifier: Apache-2.0
#include <procession/sync_manager.hpp>

#include <utility>

namespace procession::inline v0 {

SyncManager::SyncManager(Address address, AuthKey authkey, ManagerOptions options)
    : BaseManager(std::move(address), std::move(authkey), std::move(options)) {
    add_builtin_types();
}

SyncManager Manager() {
    SyncManager manager;
    manager.start();
    return manager;
}

}  // namespace procession::inline v0

// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_pool.hpp"

#include <procession/error.hpp>
#include <procession/method.hpp>

#include <chrono>
#include <mutex>

namespace procession::inline v0::managers {
namespace {

Timeout limit_of(std::optional<double> seconds) {
    return seconds ? Timeout(std::chrono::duration<double>(*seconds)) : Timeout();
}

template <class Results>
class ImapOf final : public ManagedImap {
  public:
    explicit ImapOf(Results results) : results_(std::move(results)) {}

    std::optional<Packed> next() override {
        const std::lock_guard lock(mutex_);
        return results_.next();
    }

  private:
    std::mutex mutex_;  ///< guards what follows
    Results results_;
};

template <class Results>
std::shared_ptr<ManagedImap> keep(Results results) {
    return std::make_shared<ImapOf<Results>>(std::move(results));
}

/// Waits for a result that nobody wants any more once the caller is gone.
template <class T>
T wait_for(const AsyncResult<T>& result, std::stop_token stop) {
    try {
        return result.get(std::move(stop));
    } catch (const CancelledError&) {
        result.cancel();
        throw;
    }
}

template <class T>
std::shared_ptr<T> made_by_pools_only() {
    throw ValueError("a manager's pool makes these, by its methods: apply_async, map_async, imap");
}

}  // namespace

template <class T>
T ManagedAsyncResult<T>::get(std::stop_token stop, std::optional<double> timeout) const {
    return result_.get(limit_of(timeout), std::move(stop));
}

template <class T>
bool ManagedAsyncResult<T>::wait(std::stop_token stop, std::optional<double> timeout) const {
    return result_.wait(limit_of(timeout), std::move(stop));
}

ManagedPool::ManagedPool(int processes) : processes_(processes), pool_(processes) {}

Packed ManagedPool::apply(std::stop_token stop, const Packed& task) const {
    return wait_for(pool_.apply_async(detail::run_packed, task), std::move(stop));
}

ManagedAsyncResult<Packed> ManagedPool::apply_async(const Packed& task) const {
    return ManagedAsyncResult(pool_.apply_async(detail::run_packed, task));
}

PackedAll ManagedPool::map(std::stop_token stop, const PackedAll& chunks) const {
    return wait_for(pool_.map_async(detail::run_packed, chunks, 1), std::move(stop));
}

ManagedAsyncResult<PackedAll> ManagedPool::map_async(const PackedAll& chunks) const {
    return ManagedAsyncResult(pool_.map_async(detail::run_packed, chunks, 1));
}

std::shared_ptr<ManagedImap> ManagedPool::imap(PackedAll chunks) const {
    return keep(pool_.imap(detail::run_packed, std::move(chunks)));
}

std::shared_ptr<ManagedImap> ManagedPool::imap_unordered(PackedAll chunks) const {
    return keep(pool_.imap_unordered(detail::run_packed, std::move(chunks)));
}

bool ManagedPool::join(std::stop_token stop, std::optional<double> timeout) const {
    return pool_.join(limit_of(timeout), std::move(stop));
}

void add_pool(TypeRegistry& registry) {
    using One = ManagedAsyncResult<Packed>;
    using All = ManagedAsyncResult<PackedAll>;
    registry.add(
        {"Pool",
         detail::managed_type<ManagedPool>(
             [](std::optional<int> processes) {
                 return std::make_shared<ManagedPool>(processes.value_or(cpu_count()));
             },
             method<&ManagedPool::apply>("apply"),
             method<&ManagedPool::apply_async>("apply_async", "AsyncResult"),
             method<&ManagedPool::map>("map"), method<&ManagedPool::map_async>("map_async", "MapResult"),
             method<&ManagedPool::imap>("imap", "Iterator"),
             method<&ManagedPool::imap_unordered>("imap_unordered", "Iterator"),
             method<&ManagedPool::processes>("processes"), method<&ManagedPool::close>("close"),
             method<&ManagedPool::terminate>("terminate"), method<&ManagedPool::join>("join"))});
    registry.add({"AsyncResult",
                  detail::managed_type<One>(made_by_pools_only<One>, method<&One::get>("get"),
                                            method<&One::wait>("wait"), method<&One::ready>("ready"),
                                            method<&One::successful>("successful"))});
    registry.add(
        {"MapResult", detail::managed_type<All>(made_by_pools_only<All>, method<&All::get>("get"),
                                                method<&All::wait>("wait"), method<&All::ready>("ready"),
                                                method<&All::successful>("successful"))});
    registry.add(
        {"Iterator", detail::managed_type<ManagedImap>(made_by_pools_only<ManagedImap>,
                                                       method<&ManagedImap::next>("__next__"))});
}

}  // namespace procession::inline v0::managers

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/packed_call.hpp>
#include <procession/pool.hpp>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "managers/type_registry.hpp"

// The pool of a manager's server. What its tasks are it does not know: they are bytes for its workers.
namespace procession::inline v0::managers {

using detail::Packed;
using PackedAll = std::vector<Packed>;

/// What comes of a task, or of all chunks of a map.
template <class T>
class ManagedAsyncResult {
  public:
    explicit ManagedAsyncResult(AsyncResult<T> result) : result_(std::move(result)) {}
    T get(std::stop_token stop, std::optional<double> timeout) const;
    bool wait(std::stop_token stop, std::optional<double> timeout) const;
    bool ready() const { return result_.ready(); }
    bool successful() const { return result_.successful(); }

  private:
    AsyncResult<T> result_;
};

/// The chunks of a map as they come. Several clients may take them.
class ManagedImap {
  public:
    virtual ~ManagedImap() = default;
    virtual std::optional<Packed> next() = 0;
};

class ManagedPool {
  public:
    explicit ManagedPool(int processes);

    Packed apply(std::stop_token stop, const Packed& task) const;
    ManagedAsyncResult<Packed> apply_async(const Packed& task) const;
    PackedAll map(std::stop_token stop, const PackedAll& chunks) const;
    ManagedAsyncResult<PackedAll> map_async(const PackedAll& chunks) const;
    std::shared_ptr<ManagedImap> imap(PackedAll chunks) const;
    std::shared_ptr<ManagedImap> imap_unordered(PackedAll chunks) const;
    int processes() const { return processes_; }
    void close() const { pool_.close(); }
    void terminate() const { pool_.terminate(); }
    bool join(std::stop_token stop, std::optional<double> timeout) const;

  private:
    int processes_;
    Pool pool_;
};

/// Pool, and what its methods make.
void add_pool(TypeRegistry& registry);

}  // namespace procession::inline v0::managers

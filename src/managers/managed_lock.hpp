// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "managers/lock_state.hpp"
#include "managers/synchronizer.hpp"

namespace procession::inline v0::managers {

/// What a manager's Lock and RLock have in common.
class LockReferent : public Synchronizer {
  public:
    Result acquire(const Arguments&, const Caller&);
    Result release(const Arguments&, const Caller&);
    Result locked(const Arguments&, const Caller&);
    Result recover(const Arguments&, const Caller&);

    std::string to_string() const override;
    void depart(const Caller&, Departure) override;
    const std::shared_ptr<LockState>& state() const { return state_; }

  protected:
    explicit LockReferent(LockState::Kind kind) : state_(std::make_shared<LockState>(kind)) {}

  private:
    const std::shared_ptr<LockState> state_;
};

/// A manager's Lock. @see Python: threading.Lock
class ManagedLock final : public MethodsOf<ManagedLock, LockReferent> {
  public:
    static constexpr std::string_view type = "Lock";
    static std::shared_ptr<Referent> make(const Arguments&);
    static std::span<const Method<ManagedLock>> methods();

    ManagedLock() : MethodsOf(LockState::Kind::lock) {}
};

/// A manager's RLock. @see Python: threading.RLock
class ManagedRLock final : public MethodsOf<ManagedRLock, LockReferent> {
  public:
    static constexpr std::string_view type = "RLock";
    static std::shared_ptr<Referent> make(const Arguments&);
    static std::span<const Method<ManagedRLock>> methods();

    ManagedRLock() : MethodsOf(LockState::Kind::rlock) {}
};

}  // namespace procession::inline v0::managers

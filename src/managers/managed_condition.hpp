// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <span>

#include "managers/lock_state.hpp"
#include "managers/synchronizer.hpp"

namespace procession::inline v0::managers {

/// A manager's Condition. Its lock is an RLock of its own, or that of a managed Lock or RLock.
///
/// A wait that is cancelled has the lock again before it throws, as one that ends otherwise; that of a client
/// that is gone has not, and a notification that it got goes to the next. When who holds the lock is gone, all
/// waits end: by OwnerDied, or in order once the lock was recovered.
/// @see Python: threading.Condition
class ManagedCondition final : public MethodsOf<ManagedCondition, Synchronizer> {
  public:
    static constexpr std::string_view type = "Condition";
    /// With a lock of its own. @throws TypeMismatch  a lock is given: on() is for that
    static std::shared_ptr<Referent> make(const Arguments&);
    /// With that of another referent. @throws TypeMismatch  it is no managed Lock or RLock
    static std::shared_ptr<Referent> on(const std::shared_ptr<Referent>& lock);
    static std::span<const Method<ManagedCondition>> methods();

    explicit ManagedCondition(std::shared_ptr<LockState> lock);
    ~ManagedCondition() override;

    Result acquire(const Arguments&, const Caller&);
    Result release(const Arguments&, const Caller&);
    Result locked(const Arguments&, const Caller&);
    Result recover(const Arguments&, const Caller&);
    Result wait(const Arguments&, const Caller&);
    Result notify(const Arguments&, const Caller&);
    Result notify_all(const Arguments&, const Caller&);

    std::string to_string() const override;
    void depart(const Caller&, Departure) override;

  private:
    using Guard = LockState::Guard;
    struct Waiter {
        bool is_notified = false;
        os::Waiters itself = {};
    };

    // With the lock's guard:
    void check_held(const Caller&, const char* method) const;
    void notify_oldest(std::size_t count);

    const std::shared_ptr<LockState> lock_;
    std::list<Waiter*> waiters_;  ///< those that are not notified, the oldest first
    LockState::Listeners::iterator listener_;
};

}  // namespace procession::inline v0::managers

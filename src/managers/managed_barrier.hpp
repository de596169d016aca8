// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>

#include "managers/synchronizer.hpp"

namespace procession::inline v0::managers {

/// A manager's Barrier, without an action.
///
/// Its parties are the clients that have waited at it. One that dies breaks it, whether or not it waits;
/// one that ends only if it waits: who gives up breaks it for all. reset() makes it usable again, without
/// those that are gone.
/// @see Python: threading.Barrier
class ManagedBarrier final : public MethodsOf<ManagedBarrier, Synchronizer> {
  public:
    static constexpr std::string_view type = "Barrier";
    /// @throws TypeMismatch  it has an action: that would have to run in the server
    static std::shared_ptr<Referent> make(const Arguments&);
    static std::span<const Method<ManagedBarrier>> methods();

    ManagedBarrier(std::int64_t parties, Timeout limit) : parties_(parties), limit_(limit) {}

    Result wait(const Arguments&, const Caller&);
    Result reset(const Arguments&, const Caller&);
    Result abort(const Arguments&, const Caller&);
    /// Of 'parties', 'n_waiting' and 'broken'. @throws AttributeError  another
    Result get_attribute(const Arguments&, const Caller&);

    std::string to_string() const override;
    void depart(const Caller&, Departure) override;

  private:
    enum class Verdict { open, passed, reset, broken };
    /// Those who wait for each other, and how that ended.
    struct Cycle {
        std::int64_t came = 0;
        Verdict verdict = Verdict::open;
        std::string why_broken = {};
    };

    // With the lock:
    bool is_broken() const { return cycle_->verdict == Verdict::broken; }
    std::int64_t waiting() const { return is_broken() ? 0 : cycle_->came; }
    void end_cycle(Verdict);
    void break_it(std::string why);
    void throw_unless_passed(const Cycle&) const;

    const std::int64_t parties_;
    const Timeout limit_;
    mutable os::Monitor monitor_;  ///< whose waiters wait for the cycle's end
    std::shared_ptr<Cycle> cycle_ = std::make_shared<Cycle>();  ///< open, or broken
    std::set<std::uint64_t> clients_;
};

}  // namespace procession::inline v0::managers

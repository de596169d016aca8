// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "managers/synchronizer.hpp"

namespace procession::inline v0::managers {

/// What a manager's Semaphore and BoundedSemaphore have in common: a count of permits, and who holds how many.
///
/// Anyone may release. What a client held that died is free again, which never makes more free than there were
/// at first; what one held that ended stays taken.
class SemaphoreReferent : public Synchronizer {
  public:
    Result acquire(const Arguments&, const Caller&);
    Result release(const Arguments&, const Caller&);
    Result locked(const Arguments&, const Caller&);
    Result get_value(const Arguments&, const Caller&);

    std::string to_string() const override;
    void depart(const Caller&, Departure) override;

  protected:
    enum class Kind { semaphore, bounded };
    /// @throws ValueError  below zero
    SemaphoreReferent(Kind kind, std::int64_t value);
    /// That of the arguments, `value=1`.
    static std::int64_t initial_value(const Arguments& arguments);

  private:
    const char* name() const { return kind_ == Kind::bounded ? "BoundedSemaphore" : "Semaphore"; }
    void take_back(const Caller&, std::int64_t count);

    const Kind kind_;
    const std::int64_t initial_;
    mutable os::Monitor monitor_;  ///< whose waiters wait for a permit
    std::int64_t value_;
    std::map<std::uint64_t, std::int64_t> held_;  ///< by clients; none is zero
    std::int64_t left_ = 0;                       ///< by clients that are gone
};

/// A manager's Semaphore. @see Python: threading.Semaphore
class ManagedSemaphore final : public MethodsOf<ManagedSemaphore, SemaphoreReferent> {
  public:
    static constexpr std::string_view type = "Semaphore";
    static std::shared_ptr<Referent> make(const Arguments&);
    static std::span<const Method<ManagedSemaphore>> methods();

    explicit ManagedSemaphore(const Arguments& arguments)
        : MethodsOf(Kind::semaphore, initial_value(arguments)) {}
};

/// A manager's BoundedSemaphore. @see Python: threading.BoundedSemaphore
class ManagedBoundedSemaphore final : public MethodsOf<ManagedBoundedSemaphore, SemaphoreReferent> {
  public:
    static constexpr std::string_view type = "BoundedSemaphore";
    static std::shared_ptr<Referent> make(const Arguments&);
    static std::span<const Method<ManagedBoundedSemaphore>> methods();

    explicit ManagedBoundedSemaphore(const Arguments& arguments)
        : MethodsOf(Kind::bounded, initial_value(arguments)) {}
};

}  // namespace procession::inline v0::managers

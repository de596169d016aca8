// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "managers/synchronizer.hpp"

namespace procession::inline v0::managers {

/// A manager's Event: nobody's departure changes it. @see Python: threading.Event
class ManagedEvent final : public MethodsOf<ManagedEvent, Synchronizer> {
  public:
    static constexpr std::string_view type = "Event";
    static std::shared_ptr<Referent> make(const Arguments&);
    static std::span<const Method<ManagedEvent>> methods();

    Result is_set(const Arguments&, const Caller&);
    Result set(const Arguments&, const Caller&);
    Result clear(const Arguments&, const Caller&);
    Result wait(const Arguments&, const Caller&);

    std::string to_string() const override;

  private:
    mutable os::Monitor monitor_;
    bool is_set_ = false;
    std::uint64_t times_set_ =
        0;  ///< a wait that began before one of them ends, also if it was cleared since
};

}  // namespace procession::inline v0::managers

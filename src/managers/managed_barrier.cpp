// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_barrier.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

namespace procession::inline v0::managers {

std::shared_ptr<Referent> ManagedBarrier::make(const Arguments& arguments) {
    arguments.require(1, {"parties", "action", "timeout"});
    const std::int64_t parties = arguments.integer(0, "parties");
    if (parties < 1)
        throw ValueError(fmt::format("Barrier: {} parties; it needs one at least", parties));
    const Object* const action = arguments.find(1, "action");
    if (action && !action->is_none())
        throw TypeMismatch(fmt::format(
            "Barrier: its action is a {}, which the manager's server cannot call. Do it in the "
            "party whose wait() returned 0.",
            action->type()));
    return std::make_shared<ManagedBarrier>(parties, arguments.timeout(2, "timeout"));
}

std::span<const Method<ManagedBarrier>> ManagedBarrier::methods() {
    static constexpr Method<ManagedBarrier> all[] = {
        {"__getattribute__", &ManagedBarrier::get_attribute},
        {"wait", &ManagedBarrier::wait},
        {"abort", &ManagedBarrier::abort},
        {"reset", &ManagedBarrier::reset},
    };
    return all;
}

// ---------------------------------------------------------------- with the lock

void ManagedBarrier::end_cycle(Verdict verdict) {
    cycle_->verdict = verdict;
    if (verdict != Verdict::broken) cycle_ = std::make_shared<Cycle>();
    monitor_.notify_all();
}

void ManagedBarrier::break_it(std::string why) {
    if (is_broken()) return;
    cycle_->why_broken = std::move(why);
    end_cycle(Verdict::broken);
}

void ManagedBarrier::throw_unless_passed(const Cycle& cycle) const {
    if (cycle.verdict == Verdict::broken)
        throw BrokenBarrierError(
            fmt::format("Barrier({} parties): it is broken: {}. reset() makes it usable again.",
                        parties_, cycle.why_broken));
    if (cycle.verdict == Verdict::reset)
        throw BrokenBarrierError(
            fmt::format("Barrier({} parties): reset() was called meanwhile. The next wait() is of a new "
                        "cycle.",
                        parties_));
}

// ---------------------------------------------------------------- methods

Result ManagedBarrier::wait(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {"timeout"});
    const Timeout timeout = arguments.timeout(0, "timeout");
    const os::Deadline deadline = os::Deadline::after(timeout ? timeout : limit_);
    auto lock = monitor_.lock();
    clients_.insert(caller.client);
    const std::shared_ptr<Cycle> cycle = cycle_;
    throw_unless_passed(*cycle);
    const std::int64_t index = cycle->came++;
    if (cycle->came == parties_) end_cycle(Verdict::passed);
    const os::Waited waited =
        monitor_.wait(lock, deadline, caller.stop, [&] { return cycle->verdict != Verdict::open; });
    if (waited == os::Waited::stopped) {
        break_it(fmt::format("a wait of {} was stopped", describe(caller)));
        throw CancelledError("Barrier::wait: the wait was stopped; the barrier is broken");
    }
    if (waited == os::Waited::timed_out) break_it("a wait for the others ran out of time");
    throw_unless_passed(*cycle);
    return Object(index);
}

Result ManagedBarrier::reset(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const auto lock = monitor_.lock();
    if (is_broken())
        cycle_ = std::make_shared<Cycle>();
    else
        end_cycle(Verdict::reset);
    return {};
}

Result ManagedBarrier::abort(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const auto lock = monitor_.lock();
    break_it("abort() was called");
    return {};
}

Result ManagedBarrier::get_attribute(const Arguments& arguments, const Caller&) {
    arguments.require(1, {"name"});
    const std::string_view name = arguments.text(0, "name");
    const auto lock = monitor_.lock();
    if (name == "parties") return Object(parties_);
    if (name == "n_waiting") return Object(waiting());
    if (name == "broken") return Object(is_broken());
    throw AttributeError(fmt::format("'Barrier' object has no attribute '{}'", name));
}

std::string ManagedBarrier::to_string() const {
    const auto lock = monitor_.lock();
    return is_broken() ? "<Barrier(broken)>"
                       : fmt::format("<Barrier(waiters={}/{})>", waiting(), parties_);
}

// One that ended while it waited has broken it by that.
void ManagedBarrier::depart(const Caller& caller, Departure departure) {
    const auto lock = monitor_.lock();
    if (clients_.erase(caller.client) == 0 || departure == Departure::ended) return;
    break_it(fmt::format("{}, one of its parties, {}", describe(caller), describe(departure)));
}

}  // namespace procession::inline v0::managers

// SPDX-License-Identifier: Apache-2.0
#include <procession/condition_proxy.hpp>
#include <procession/detail/proxy_call.hpp>

#include "os/deadline.hpp"

namespace procession::inline v0 {

bool ConditionProxy::wait_within(Timeout timeout, const std::stop_token& stop) const {
    return detail::call_method<bool>(stop, *this, "wait", detail::seconds_or_none(timeout));
}

bool ConditionProxy::wait_until_true(const std::function<bool()>& predicate, Timeout timeout,
                                     const std::stop_token& stop) const {
    const os::Deadline deadline = os::Deadline::after(timeout);
    while (!predicate()) {
        if (!wait_within(deadline.left(), stop)) return predicate();
    }
    return true;
}

void ConditionProxy::notify(int n) const { call("notify", {n}); }
void ConditionProxy::notify_all() const { call("notify_all"); }

}  // namespace procession::inline v0

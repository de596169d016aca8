// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/proxy_call.hpp>
#include <procession/event_proxy.hpp>

namespace procession::inline v0 {

bool EventProxy::is_set() const { return detail::call_method<bool>(*this, "is_set"); }
void EventProxy::set() const { call("set"); }
void EventProxy::clear() const { call("clear"); }

bool EventProxy::wait_within(Timeout timeout, const std::stop_token& stop) const {
    return detail::call_method<bool>(stop, *this, "wait", detail::seconds_or_none(timeout));
}

}  // namespace procession::inline v0

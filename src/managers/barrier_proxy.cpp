// SPDX-License-Identifier: Apache-2.0
#include <procession/barrier_proxy.hpp>
#include <procession/detail/proxy_call.hpp>

namespace procession::inline v0 {

int BarrierProxy::wait_within(Timeout timeout, const std::stop_token& stop) const {
    return detail::call_method<int>(stop, *this, "wait", detail::seconds_or_none(timeout));
}

void BarrierProxy::reset() const { call("reset"); }
void BarrierProxy::abort() const { call("abort"); }

int BarrierProxy::parties() const {
    return detail::call_method<int>(*this, "__getattribute__", "parties");
}
int BarrierProxy::n_waiting() const {
    return detail::call_method<int>(*this, "__getattribute__", "n_waiting");
}
bool BarrierProxy::broken() const {
    return detail::call_method<bool>(*this, "__getattribute__", "broken");
}

}  // namespace procession::inline v0

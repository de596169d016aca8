// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/proxy_call.hpp>
#include <procession/lock_proxy.hpp>

#include "log/log.hpp"

namespace procession::inline v0 {
namespace detail {

// Python's locks take no None for a limit, and acquire at once with none at all.
bool AcquirerProxy::acquire_within(Timeout timeout, const std::stop_token& stop) const {
    if (!timeout) return call_method<bool>(stop, *this, "acquire", true);
    if (*timeout == timeout->zero()) return try_lock();
    return call_method<bool>(stop, *this, "acquire", true, seconds(*timeout));
}

void AcquirerProxy::lock() const { acquire(); }
bool AcquirerProxy::try_lock() const { return call_method<bool>(*this, "acquire", false); }
void AcquirerProxy::release() const { call("release"); }
void AcquirerProxy::unlock() const noexcept {
    log_failure([this] { release(); });
}

void LockProxyCore::recover() const { call("recover"); }

}  // namespace detail

// Without a number Python's own servers of before 3.9 know it as well.
void SemaphoreProxy::release(int n) const {
    if (n == 1)
        call("release");
    else
        call("release", {n});
}

int SemaphoreProxy::get_value() const { return detail::call_method<int>(*this, "get_value"); }

}  // namespace procession::inline v0

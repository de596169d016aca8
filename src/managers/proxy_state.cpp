// SPDX-License-Identifier: Apache-2.0
#include "managers/proxy_state.hpp"

#include <utility>

#include "managers/server_links.hpp"
#include "os/fork_count.hpp"

namespace procession::inline v0::managers {

using detail::Handle;
using detail::ProxyCore;

ProxyState::ProxyState(ProxyInfo info, bool counts, Counted counted)
    : info_(std::move(info)),
      counts_(counts),
      link_(link_to(info_.destination)),
      is_counted_(counted == Counted::already),
      made_at_(os::fork_count()) {
    if (!counts_) return;
    if (is_counted_)
        link_->note_counted(info_.ident);
    else
        count();
}

// A forked child has its parent's, which is not its own to give back.
ProxyState::~ProxyState() {
    if (counts_ && is_counted_ && made_at_ == os::fork_count()) link_->decrease(info_.ident);
}

void ProxyState::count() {
    try {
        link_->increase(info_.ident);
        is_counted_ = true;
    } catch (...) {
        failure_ = std::current_exception();
    }
}

ServerLink& ProxyState::link() {
    if (made_at_ != os::fork_count()) use_own();
    if (failure_) std::rethrow_exception(failure_);
    return *link_;
}

void ProxyState::use_own() {
    const std::lock_guard lock(mutex_);
    if (made_at_ == os::fork_count()) return;
    link_ = link_to(info_.destination);
    is_counted_ = false;
    failure_ = nullptr;
    if (counts_) count();
    made_at_ = os::fork_count();
}

ProxyState& ProxyState::of(const Handle& proxy) {
    if (auto* const there = proxy.companion()) return static_cast<ProxyState&>(*there);
    return static_cast<ProxyState&>(proxy.companion_or(std::make_unique<ProxyState>(
        read_proxy_object(proxy), !is_counted_by_heap(proxy), Counted::not_yet)));
}

ProxyCore make_counting_proxy(ProxyInfo info, Counted counted) {
    const Handle proxy = make_proxy_object(info, std::nullopt);
    static_cast<void>(proxy.companion_or(std::make_unique<ProxyState>(std::move(info), true, counted)));
    return ProxyCore(proxy);
}

}  // namespace procession::inline v0::managers

// SPDX-License-Identifier: Apache-2.0
#include <procession/error.hpp>
#include <procession/wait.hpp>

#include <algorithm>

#include "os/error.hpp"
#include "os/poll.hpp"

namespace procession::inline v0::detail {
namespace {

using Ready = std::vector<std::size_t>;

/// Notes those that say of themselves that they are ready.
void look(const std::vector<Awaited>& all, std::vector<bool>& ready) {
    for (std::size_t i = 0; i < all.size(); ++i)
        if (!ready[i]) ready[i] = all[i].is_ready && all[i].is_ready(all[i].object);
}

int descriptor_of(const Awaited& each) {
    return each.descriptor ? each.descriptor(each.object) : each.fd;
}

/// Those whose descriptor says so, or that do themselves.
Ready all_ready(const std::vector<pollfd>& descriptors, const std::vector<bool>& by_themselves) {
    Ready ready;
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
        if (descriptors[i].revents & POLLNVAL)
            os::throw_errno("wait", "ppoll", "One of those that are waited for is no open descriptor.",
                            EBADF);
        if (by_themselves[i] || descriptors[i].revents != 0) ready.push_back(i);
    }
    return ready;
}

}  // namespace

Ready wait_for(std::vector<Awaited> all, const Timeout& timeout, const std::stop_token& stop) {
    if (all.empty() && !timeout && !stop.stop_possible())
        throw ValueError("wait: nothing is waited for, and for ever");
    const auto deadline = os::Deadline::after(timeout);
    const os::Interruption interruption(stop);
    std::vector<bool> ready(all.size());
    look(all, ready);
    const bool waits = std::ranges::find(ready, true) == ready.end();
    // Those that are not ready need a descriptor only where there is to be waited; it costs them a thread.
    std::vector<pollfd> descriptors;
    for (const Awaited& each : all)
        descriptors.push_back({waits || !each.is_ready ? descriptor_of(each) : -1, POLLIN, 0});
    const auto polled = os::poll(descriptors, waits ? deadline : os::Deadline::now(), interruption);
    if (polled == os::Polled::interrupted) throw CancelledError("wait: it was stopped");
    // What a process sent before its end is to show where that does, but who rings the descriptor of a pipe or
    // queue may be behind.
    look(all, ready);
    return all_ready(descriptors, ready);
}

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#include "connection/greeting.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <system_error>

namespace procession::inline v0::connection {

short Greeting::advance() {
    try {
        return attempt();
    } catch (const std::system_error& error) {
        throw AuthenticationError(
            fmt::format("the handshake was broken off, waiting {}: {}", stage(), error.what()));
    }
}

short Greeting::attempt() {
    const auto check_end = [this](const Step& step) {
        if (step.end)
            throw AuthenticationError(
                fmt::format("the peer closed the connection in the handshake, waiting {}. See what it "
                            "says, and whether it has the same authkey and options",
                            stage()));
    };
    if (!open_) {
        const Step step = transport_->open();
        if (step.awaits) return step.awaits;
        check_end(step);
        open_ = true;
    }
    while (!handshake_.done()) {
        const bool sends = !handshake_.to_send().empty();
        const Step step =
            sends ? transport_->write(handshake_.to_send(), {}) : transport_->read(handshake_.room());
        if (step.awaits) return step.awaits;
        check_end(step);
        if (sends)
            handshake_.sent(step.bytes);
        else
            handshake_.received(step.bytes);
    }
    if (!handshake_.failure().empty()) throw AuthenticationError(handshake_.failure());
    return 0;
}

}  // namespace procession::inline v0::connection

// SPDX-License-Identifier: Apache-2.0
#include "managers/line.hpp"

#include <procession/error.hpp>

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "connection/socket_connection.hpp"
#include "os/spin.hpp"

namespace procession::inline v0::managers {
namespace {

/// What a request and its answer take when both ends are awake.
constexpr std::chrono::microseconds quick(20);
/// And when one has to be woken.
constexpr std::chrono::microseconds slow(100);
constexpr int most_in_vain = 6;
constexpr int pauses_between_looks = 4;

}  // namespace

Vigil Alertness::decide() {
    const int here = ::sched_getcpu();
    const bool is_beside = other_.processor >= 0 && other_.processor != here;
    looks_ = is_beside && (is_quick_ || other_.looks || --skips_ <= 0);
    return {looks_, here};
}

Alertness::Duration Alertness::limit() const { return !looks_ ? Duration(0) : is_quick_ ? quick : slow; }

void Alertness::note(bool came) {
    is_quick_ = came;
    in_vain_ = came ? 0 : std::min(in_vain_ + 1, most_in_vain);
    skips_ = 1 << in_vain_;
}

Line Line::over_pipe(Connection end) { return Line(-1, std::move(end), nullptr); }

Line Line::over_socket(std::unique_ptr<connection::Transport> transport, bool is_encrypted,
                       std::uint64_t max_message) {
    const int fd = transport->descriptor();
    if (!is_encrypted)
        return Line(fd, {}, std::make_unique<SocketStream>(std::move(transport), max_message));
    return Line(fd,
                Connection(connection::make_socket_connection(std::move(transport), {}, Format::pickle,
                                                              max_message)),
                nullptr);
}

void Line::send(LineMessage& message, const std::stop_token& stop) {
    if (kind() == Kind::pipe) {
        message.vigil = alertness_.decide();
        connection_.send(message, stop);
    } else if (stream_) {
        stream_->send(message.bytes, stop);
    } else {
        connection_.send_bytes(message.bytes, 0, {}, stop);
    }
}

bool Line::receive(LineMessage& message, const Timeout& timeout, const std::stop_token& stop) {
    if (kind() == Kind::pipe) return receive_from_pipe(message, timeout, stop);
    if (stream_) return stream_->receive(message.bytes, timeout, stop);
    if (timeout && !connection_.poll(timeout, stop)) return false;
    message.bytes = connection_.recv_bytes({}, forever, stop);
    return true;
}

bool Line::receive_from_pipe(LineMessage& message, const Timeout& timeout, const std::stop_token& stop) {
    std::optional<LineMessage> came;
    if (const auto limit = alertness_.limit(); limit != Alertness::Duration(0)) {
        // Without offering the processor to others, who would keep it for longer than a sleep takes.
        for (const auto end = std::chrono::steady_clock::now() + limit;
             !(came = connection_.try_recv<LineMessage>()) && std::chrono::steady_clock::now() < end;)
            os::pause(pauses_between_looks);
        alertness_.note(came.has_value());
    }
    if (!came) came = connection_.try_recv<LineMessage>(timeout, stop);
    if (!came) return false;
    message = std::move(*came);
    alertness_.hear(message.vigil);
    return true;
}

void Line::close() noexcept {
    if (stream_)
        stream_->close();
    else
        connection_.close();
}

}  // namespace procession::inline v0::managers

// SPDX-License-Identifier: Apache-2.0
#include "managers/socket_stream.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <procession/error.hpp>

#include <algorithm>
#include <cstring>
#include <optional>

#include "os/poll.hpp"
#include "os/stream.hpp"

namespace procession::inline v0::managers {
namespace {

constexpr std::size_t short_header = 4;

}  // namespace

SocketStream::SocketStream(std::unique_ptr<connection::Transport> transport, std::uint64_t max_message)
    : transport_(std::move(transport)), max_message_(max_message) {}

// Without a limit and a stop, a call of the system waits by itself.
bool SocketStream::wait_for(short events, const os::Deadline& deadline,
                            const std::stop_token& stop) const {
    if (deadline.is_never() && !stop.stop_possible()) return true;
    switch (os::poll(fd(), events, deadline, os::Interruption(stop))) {
        case os::Polled::interrupted: throw CancelledError("Manager: a stop was requested");
        case os::Polled::timed_out: return false;
        case os::Polled::ready: break;
    }
    return true;
}

void SocketStream::send(std::span<const std::byte> message, const std::stop_token& stop) {
    const wire::FrameHeader header(message.size());
    auto first = header.bytes();
    // A short one in one piece: the system takes longer to look at two than they take to be put together.
    std::array<std::byte, 1024> whole;
    if (first.size() + message.size() <= whole.size()) {
        const auto rest = std::ranges::copy(first, whole.begin()).out;
        first = {whole.begin(), std::ranges::copy(message, rest).out};
        message = {};
    }
    while (!first.empty() || !message.empty()) {
        std::optional<std::size_t> sent;
        if (stop.stop_possible()) {
            sent = os::send_some(fd(), first, message);
            if (!sent) {
                wait_for(POLLOUT, os::Deadline::never(), stop);
                continue;
            }
        } else {
            sent = os::send_waiting(fd(), first, message);
        }
        const std::size_t of_first = std::min(*sent, first.size());
        first = first.subspan(of_first);
        message = message.subspan(*sent - of_first);
    }
}

// A message that was read as a whole.
bool SocketStream::take_short(std::vector<std::byte>& message) {
    if (end_ - begin_ < short_header) return false;
    std::uint32_t length = 0;
    std::memcpy(&length, buffer_.data() + begin_, sizeof length);
    length = __builtin_bswap32(length);
    if (length > max_message_ || length > end_ - begin_ - short_header) return false;
    const auto* const at = buffer_.data() + begin_ + short_header;
    begin_ += short_header + length;
    if (begin_ == end_) begin_ = end_ = 0;
    message.assign(at, at + length);
    return true;
}

void SocketStream::move_to_reader() {
    while (begin_ != end_) {
        const auto room = long_.room(max_message_);
        if (room.empty()) return;
        const std::size_t count = std::min(room.size(), end_ - begin_);
        std::memcpy(room.data(), buffer_.data() + begin_, count);
        long_.fill(count);
        begin_ += count;
    }
    begin_ = end_ = 0;
}

// Into the buffer, or where the rest of a long message belongs.
void SocketStream::read_more() {
    const bool is_long = !long_.empty();
    const auto room = is_long ? long_.room(max_message_) : std::span(buffer_).subspan(end_);
    const std::size_t count = os::receive_waiting(fd(), room);
    if (count == 0) throw EndOfFile("the other end is closed");
    if (is_long)
        long_.fill(count);
    else
        end_ += count;
}

bool SocketStream::receive(std::vector<std::byte>& message, const Timeout& timeout,
                           const std::stop_token& stop) {
    const auto deadline = os::Deadline::after(timeout);
    for (;;) {
        if (long_.empty() && take_short(message)) return true;
        // What has begun and is not whole goes on there, so that the buffer is empty whenever it is read into.
        move_to_reader();
        if (long_.whole()) {
            message = long_.take();
            return true;
        }
        if (!long_.empty() && long_.room(max_message_).empty())
            throw ValueError(
                fmt::format("Manager: a message of {} bytes was refused, as it is longer than {}. "
                            "Raise ManagerOptions::max_message if it is to be trusted.",
                            long_.length(), max_message_));
        if (!wait_for(POLLIN, deadline, stop)) return false;
        read_more();
    }
}

void SocketStream::close() noexcept { os::shut_down(fd()); }

}  // namespace procession::inline v0::managers

// SPDX-License-Identifier: Apache-2.0
#include "connection/spool.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>

#include "connection/pipe_end.hpp"

namespace procession::inline v0::connection {
namespace {

using detail::ReceivedMessage;

// Half of what is ahead at most: so one is written while another is read.
constexpr std::size_t part_size = 512 * 1024;

}  // namespace

void send_spooled(ConnectionCore& end, std::uint64_t type, std::span<const std::byte> bytes,
                  const std::stop_token& stop) {
    auto [receiving, sending] = make_pipe(false);
    detail::Buffer message(detail::Buffer::Memory::shared);
    const std::uint64_t mark = SpoolHead::mark;
    const SpoolHead head{type, bytes.size()};
    message.write(&mark, sizeof mark);
    message.write(&head, sizeof head);
    receiving->write(message);
    end.send(message, stop);
    message.leave_along();
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(part_size, bytes.size())))
        sending->send_bytes(bytes.first(std::min(part_size, bytes.size())), stop);
}

SpoolHead IncomingSpool::read_head(std::span<const std::byte> message) {
    SpoolHead head{};
    detail::ByteReader(message).read(&head, sizeof head);
    return head;
}

IncomingSpool::IncomingSpool(std::span<const std::byte> message, std::span<std::byte> into) {
    detail::ByteReader reader(message);
    reader.read(&head_, sizeof head_);
    end_ = ConnectionCore::read(reader);
    if (head_.size <= into.size())
        place_ = into;
    else
        memory_.reserve(head_.size);
}

bool IncomingSpool::receive(const char* caller, const os::Deadline& deadline,
                            const std::stop_token& stop) {
    try {
        while (received_ < head_.size) {
            ReceivedMessage part;
            const bool in_time = end_->receive(part, {caller}, deadline.left(), stop);
            if (in_time) take(part.bytes());
            if (received_ == head_.size) break;
            // Also where the sender keeps up, and there is nothing to wait for.
            if (stop.stop_requested())
                throw CancelledError(fmt::format("Connection::{}: the wait was stopped", caller));
            if (!in_time || deadline.expired())
                throw TimeoutError(
                    fmt::format("Connection::{}: the message did not arrive whole in time", caller));
        }
        return true;
    } catch (const EndOfFile&) {
        return false;
    } catch (...) {
        leave_place();
        throw;
    }
}

void IncomingSpool::take(std::span<const std::byte> part) {
    if (place_.empty())
        memory_.insert(memory_.end(), part.begin(), part.end());
    else
        std::ranges::copy(part, place_.begin() + static_cast<std::ptrdiff_t>(received_));
    received_ += part.size();
}

void IncomingSpool::leave_place() {
    const auto written = std::exchange(place_, {}).first(received_);
    if (!memory_.empty()) return;
    memory_.reserve(head_.size);
    memory_.assign(written.begin(), written.end());
}

void IncomingSpool::move_to(ReceivedMessage& message) {
    if (place_.empty())
        message.hold(head_.type, std::move(memory_));
    else
        message.hold_in_place(head_.type, place_.first(received_));
}

void UnfinishedSpools::put_back(std::unique_ptr<IncomingSpool> spool) {
    const std::lock_guard lock(mutex_);
    if (users_ == 0) return;
    spools_.push_front(std::move(spool));
    are_there_ = true;
}

void UnfinishedSpools::add_user() {
    const std::lock_guard lock(mutex_);
    ++users_;
}

void UnfinishedSpools::remove_user() {
    std::deque<std::unique_ptr<IncomingSpool>> gone;
    const std::lock_guard lock(mutex_);
    if (--users_ != 0) return;
    are_there_ = false;
    gone.swap(spools_);
}

}  // namespace procession::inline v0::connection

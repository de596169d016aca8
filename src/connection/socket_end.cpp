// SPDX-License-Identifier: Apache-2.0
#include "connection/socket_end.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <array>
#include <system_error>

#include "os/error.hpp"
#include "os/poll.hpp"

namespace procession::inline v0::connection {
namespace {

[[noreturn]] void throw_closed(const char* what) {
    throw ValueError(fmt::format("Connection::{}: the connection is closed", what));
}

[[noreturn]] void throw_wrong_direction(const char* caller, const char* why) {
    throw ValueError(fmt::format("Connection::{}: this end {}", caller, why));
}

[[noreturn]] void throw_too_long(const char* caller, std::uint64_t length, std::uint64_t longest) {
    throw ValueError(fmt::format(
        "Connection::{}: bad message length: a message of {} bytes, where {} are allowed; it can "
        "still be received",
        caller, length, longest));
}

}  // namespace

/// One call's waits: they end with its deadline, its stop request, and the end's close().
class SocketEnd::Waiting {
  public:
    Waiting(const SocketEnd& end, const char* what, const os::Deadline& deadline,
            const std::stop_token& stop)
        : end_(end), what_(what), deadline_(deadline), stop_(stop) {}

    /// False when the time has run out.
    bool until(const Transport& transport, short events) {
        if (!interruption_) interruption_.emplace(stop_, end_.closing_.get_token());
        switch (os::poll(transport.descriptor(), events, deadline_, *interruption_)) {
            case os::Polled::ready: return true;
            case os::Polled::timed_out: return false;
            case os::Polled::interrupted: break;
        }
        throw_interrupted();
    }
    void until_or_throw(const Transport& transport, short events) {
        if (!until(transport, events)) throw_timed_out();
    }
    void turn(Turn& turn) {
        if (turn.take(deadline_, stop_)) return;
        if (stop_.stop_requested()) throw_interrupted();
        throw_timed_out();
    }

  private:
    [[noreturn]] void throw_interrupted() const {
        if (end_.closing_.stop_requested()) throw_closed(what_);
        throw CancelledError(fmt::format("Connection::{}: the wait was stopped", what_));
    }
    [[noreturn]] void throw_timed_out() const {
        throw TimeoutError(fmt::format("Connection::{}: the time limit passed", what_));
    }

    const SocketEnd& end_;
    const char* what_;
    const os::Deadline& deadline_;
    const std::stop_token& stop_;
    std::optional<os::Interruption> interruption_;
};

class SocketEnd::Guard {
  public:
    Guard(Turn& turn, Waiting& waiting) : turn_(turn) { waiting.turn(turn); }
    ~Guard() { turn_.give(); }
    Guard(Guard&&) = delete;

  private:
    Turn& turn_;
};

SocketEnd::SocketEnd(std::unique_ptr<Transport> transport, Direction direction,
                     std::uint64_t max_message)
    : max_message_(max_message),
      readable_(direction.readable),
      writable_(direction.writable),
      transport_(std::move(transport)) {}

std::shared_ptr<Transport> SocketEnd::transport_for(const char* what) const {
    const std::lock_guard lock(mutex_);
    if (!transport_) throw_closed(what);
    return transport_;
}

void SocketEnd::send(const char* caller, std::span<const std::byte> prefix,
                     std::span<const std::byte> message, const os::Deadline& deadline,
                     const std::stop_token& stop) {
    Waiting waiting(*this, caller, deadline, stop);
    const Guard turn(writing_, waiting);
    const auto transport = transport_for(caller);
    if (!writable()) throw_wrong_direction(caller, "only receives, or a message was cut off in it");

    std::array<std::byte, wire::FrameHeader::longest + longest_prefix> begin;
    const wire::FrameHeader header(prefix.size() + message.size());
    const auto header_end = std::ranges::copy(header.bytes(), begin.begin()).out;
    const std::size_t begin_size = header.bytes().size() + prefix.size();
    std::ranges::copy(prefix, header_end);
    std::span<const std::byte> first = std::span(begin).first(begin_size);
    try {
        while (!first.empty() || !message.empty()) {
            const Step step = transport->write(first, message);
            if (step.awaits) waiting.until_or_throw(*transport, step.awaits);
            if (step.end) os::throw_errno("connection", "write", {}, EPIPE);
            const std::size_t of_first = std::min(step.bytes, first.size());
            first = first.subspan(of_first);
            message = message.subspan(step.bytes - of_first);
        }
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::broken_pipe && error.code() != std::errc::connection_reset) throw;
        throw EndOfFile(fmt::format("Connection::{}: the other end is closed", caller));
    } catch (...) {
        if (first.size() < begin_size) {
            writable_ = false;
            transport->end_writing();
        }
        throw;
    }
}

std::vector<std::byte> SocketEnd::recv(const char* caller, std::uint64_t maxlength,
                                       const os::Deadline& deadline, const std::stop_token& stop) {
    Waiting waiting(*this, caller, deadline, stop);
    const Guard turn(reading_, waiting);
    const auto transport = transport_for(caller);
    if (!readable()) throw_wrong_direction(caller, "only sends, or was sent what is no message");

    if (auto message = take_back(caller, maxlength)) return *std::move(message);
    const std::uint64_t longest = std::min(maxlength, max_message_);
    for (auto room = frame_.room(longest); !room.empty(); room = frame_.room(longest)) {
        const Step step = transport->read(room);
        show_what_is_buffered(*transport);
        if (step.awaits) waiting.until_or_throw(*transport, step.awaits);
        if (step.end) {
            if (frame_.empty())
                throw EndOfFile(fmt::format("Connection::{}: the other end is closed", caller));
            os::throw_errno(fmt::format("Connection::{}", caller), "got end of file during message",
                            "The peer was closed or killed within it.", ECONNRESET);
        }
        frame_.fill(step.bytes);
    }
    if (!frame_.whole()) refuse(caller, longest);
    return frame_.take();
}

void SocketEnd::refuse(const char* caller, std::uint64_t longest) {
    if (frame_.length() <= max_message_) throw_too_long(caller, frame_.length(), longest);
    // Where the next message begins is beyond this one, or unknown.
    readable_ = false;
    const std::string next = fmt::format(
        "{} bytes were announced, {} are allowed. Raise max_message, or see what the peer speaks.",
        frame_.length(), longest);
    if (!writable()) close();
    os::throw_errno(fmt::format("Connection::{}", caller), "bad message length", next, EMSGSIZE);
}

void SocketEnd::put_back(std::vector<std::byte> message) {
    const std::lock_guard lock(mutex_);
    put_back_.push_front(std::move(message));
    if (readiness_) readiness_->set(true);
}

std::optional<std::vector<std::byte>> SocketEnd::take_back(const char* caller, std::uint64_t maxlength) {
    const std::lock_guard lock(mutex_);
    if (put_back_.empty()) return {};
    if (put_back_.front().size() > maxlength)
        throw_too_long(caller, put_back_.front().size(), maxlength);
    auto message = std::move(put_back_.front());
    put_back_.pop_front();
    if (readiness_ && transport_) readiness_->set(!put_back_.empty() || transport_->has_buffered());
    return message;
}

void SocketEnd::show_what_is_buffered(const Transport& transport) {
    const std::lock_guard lock(mutex_);
    if (readiness_) readiness_->set(!put_back_.empty() || transport.has_buffered());
}

bool SocketEnd::poll(const os::Deadline& deadline, const std::stop_token& stop) {
    const auto transport = transport_for("poll");
    if (!readable()) throw_wrong_direction("poll", "only sends");
    Waiting waiting(*this, "poll", deadline, stop);
    for (;;) {
        if (has_put_back()) return true;
        const Step step = transport->look();
        show_what_is_buffered(*transport);
        if (!step.awaits) return true;
        if (!waiting.until(*transport, step.awaits)) return false;
    }
}

bool SocketEnd::has_put_back() const {
    const std::lock_guard lock(mutex_);
    return !put_back_.empty();
}

int SocketEnd::fileno() {
    const auto transport = transport_for("fileno");
    if (!readable()) throw_wrong_direction("fileno", "only sends");
    const std::lock_guard lock(mutex_);
    if (!readiness_) {
        readiness_.emplace(transport->descriptor());
        readiness_->set(!put_back_.empty() || transport->has_buffered());
    }
    return readiness_->fd();
}

os::Descriptor SocketEnd::duplicate() const {
    const auto transport = transport_for("dup");
    if (!reading_.take(os::Deadline::now(), {}))
        throw StateError("Connection::dup: a thread is receiving. Let it end first");
    const bool between_messages = frame_.empty() && !has_put_back();
    reading_.give();
    if (!between_messages)
        throw StateError("Connection::dup: a message was received in part. Receive the rest first");
    return transport->duplicate();
}

void SocketEnd::close() noexcept {
    std::shared_ptr<Transport> last;
    {
        const std::lock_guard lock(mutex_);
        last.swap(transport_);
        readiness_.reset();
        put_back_.clear();
    }
    closing_.request_stop();
}

bool SocketEnd::closed() const noexcept {
    const std::lock_guard lock(mutex_);
    return !transport_;
}

}  // namespace procession::inline v0::connection

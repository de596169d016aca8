// SPDX-License-Identifier: Apache-2.0
#include "connection/socket_connection.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "connection/kind.hpp"
#include "os/socket.hpp"
#include "process/parking.hpp"

namespace procession::inline v0::connection {
namespace {

using detail::Buffer;
using detail::ReceivedMessage;
using detail::Wanted;

constexpr std::size_t type_size = sizeof(std::uint64_t);
static_assert(type_size <= longest_prefix);
const auto no_limit = os::Deadline::never();

std::uint64_t type_of(std::span<const std::byte> message) {
    if (message.size() < type_size)
        throw SerializationError("Connection::recv: this is no message of the native format");
    std::uint64_t type = 0;
    std::memcpy(&type, message.data(), type_size);
    return type;
}

/// What a message says of one, besides its descriptor.
struct Travelling {
    bool readable, writable;
    Format format;
    std::uint64_t max_message;
};

/// Messages as CPython has them, or those of this program itself after the fingerprint of their type.
class SocketConnection final : public detail::ConnectionCore {
  public:
    SocketConnection(std::unique_ptr<Transport> transport, Direction direction, Format format,
                     std::uint64_t max_message)
        : format_(format), end_(std::move(transport), direction, max_message) {}

    Format format() const noexcept override { return format_; }
    bool readable() const noexcept override { return end_.readable(); }
    bool writable() const noexcept override { return end_.writable(); }

    void send(Buffer& message, const std::stop_token& stop) override {
        if (!message.references().empty())
            throw SerializationError(
                "Connection::send: the value refers to objects of this program's shared memory, which "
                "no "
                "socket leads to. Send what they hold");
        end_.send("send", {}, message.bytes(), no_limit, stop);
    }

    void send_bytes(std::span<const std::byte> bytes, const std::stop_token& stop) override {
        const std::array type{detail::untyped};
        const auto prefix =
            format_ == Format::native ? std::as_bytes(std::span(type)) : std::span<const std::byte>();
        end_.send("send_bytes", prefix, bytes, no_limit, stop);
    }

    bool receive(ReceivedMessage& message, const Wanted& wanted, const Timeout& timeout,
                 const std::stop_token& stop) override {
        const auto deadline = os::Deadline::after(timeout);
        try {
            if (format_ == Format::pickle)
                message.hold(detail::untyped, end_.recv(wanted.caller, wanted.longest, deadline, stop));
            else
                receive_native(message, wanted, deadline, stop);
            return true;
        } catch (const TimeoutError&) {
            return false;
        }
    }

    void put_back(ReceivedMessage&& message) override {
        auto bytes = message.take_bytes();
        if (format_ == Format::native) {
            const std::array type{message.fingerprint()};
            const auto prefix = std::as_bytes(std::span(type));
            bytes.insert(bytes.begin(), prefix.begin(), prefix.end());
        }
        end_.put_back(std::move(bytes));
    }

    bool poll(const Timeout& timeout, const std::stop_token& stop) override {
        return end_.poll(os::Deadline::after(timeout), stop);
    }
    // As CPython: one byte, which says how many come along.
    void send_handle(int fd, const std::stop_token&) override {
        const std::byte one{1};
        os::send_message(unix_socket("send_handle").get(), {&one, 1}, {&fd, 1});
    }
    int receive_handle(const Timeout& timeout, const std::stop_token& stop) override {
        const os::Descriptor socket = unix_socket("recv_handle");
        if (!poll(timeout, stop)) throw TimeoutError("Connection::recv_handle: nothing arrived in time");
        std::byte byte;
        auto received = os::receive_message(socket.get(), {&byte, 1}, 1);
        if (received.size == 0) throw EndOfFile("Connection::recv_handle: the other end is closed");
        if (received.descriptors.empty())
            throw TypeMismatch("Connection::recv_handle: a byte without a descriptor was received");
        return received.descriptors.front().release();
    }
    int fileno() override { return end_.fileno(); }
    void close() noexcept override {
        end_.close();
        parked_.reset();
    }
    bool closed() const noexcept override { return end_.closed(); }
    void leave() noexcept override { close(); }

    std::unique_ptr<ConnectionCore> dup() const override {
        return std::make_unique<SocketConnection>(make_plain_transport(end_.duplicate()),
                                                  Direction{readable(), writable()}, format_,
                                                  end_.max_message());
    }
    void write(Buffer& buffer) override {
        parked_.emplace(end_.duplicate().get());
        const Travelling travelling{readable(), writable(), format_, end_.max_message()};
        const auto kind = Kind::socket;
        buffer.write(&kind, sizeof kind);
        buffer.write(&travelling, sizeof travelling);
        parked_->write(buffer);
        buffer.takes_along(*this);
    }

  private:
    os::Descriptor unix_socket(const char* caller) const {
        os::Descriptor socket = end_.duplicate();
        if (!os::is_unix_socket(socket.get()))
            throw ValueError(fmt::format(
                "Connection::{}: a descriptor goes over a Unix socket or through a pipe only", caller));
        return socket;
    }
    void receive_native(ReceivedMessage& message, const Wanted& wanted, const os::Deadline& deadline,
                        const std::stop_token& stop) {
        const std::uint64_t longest =
            wanted.longest +
            std::min(type_size, std::numeric_limits<std::size_t>::max() - wanted.longest);
        auto bytes = end_.recv(wanted.caller, longest, deadline, stop);
        const std::uint64_t type = type_of(bytes);
        if (!wanted.fingerprints.empty() &&
            std::ranges::find(wanted.fingerprints, type) == wanted.fingerprints.end()) {
            end_.put_back(std::move(bytes));
            throw TypeMismatch(fmt::format(
                "Connection::{}<{}>: the message is {}; receive it as that", wanted.caller,
                detail::describe_type(wanted.fingerprints.front()), detail::describe_type(type)));
        }
        bytes.erase(bytes.begin(), bytes.begin() + type_size);
        message.hold(type, std::move(bytes));
    }

    const Format format_;
    SocketEnd end_;
    std::optional<detail::ParkedDescriptor> parked_;  ///< until the message that it is in is sent
};

}  // namespace

std::unique_ptr<detail::ConnectionCore> make_socket_connection(std::unique_ptr<Transport> transport,
                                                               Direction direction, Format format,
                                                               std::uint64_t max_message) {
    return std::make_unique<SocketConnection>(std::move(transport), direction, format, max_message);
}

std::unique_ptr<detail::ConnectionCore> read_socket_connection(detail::ByteReader& reader) {
    Travelling travelling;
    reader.read(&travelling, sizeof travelling);
    os::Descriptor socket = detail::ParkedDescriptor(reader).redeem();
    // It was lost with the server that had it.
    if (!socket) socket = os::make_socketpair().first;
    return make_socket_connection(make_plain_transport(std::move(socket)),
                                  {travelling.readable, travelling.writable}, travelling.format,
                                  travelling.max_message);
}

}  // namespace procession::inline v0::connection

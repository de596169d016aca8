// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/connection.hpp>

#include <algorithm>
#include <cstring>

#include "connection/kind.hpp"
#include "connection/pipe_end.hpp"
#include "connection/socket_connection.hpp"

namespace procession::inline v0 {

void Connection::throw_closed(const char* caller) {
    throw ValueError(fmt::format("Connection::{}: the connection is closed", caller));
}

Connection::Connection(int fd, bool readable, bool writable) {
    if (fd < 0) throw ValueError(fmt::format("Connection({}): this is no descriptor", fd));
    if (!readable && !writable)
        throw ValueError(fmt::format("Connection({}): it must be readable or writable, or both", fd));
    core_ = connection::make_socket_connection(connection::make_plain_transport(os::Descriptor(fd)),
                                               {.readable = readable, .writable = writable},
                                               Format::pickle, default_max_message);
}

void Connection::throw_timed_out(const char* caller) {
    throw TimeoutError(fmt::format("Connection::{}: nothing arrived in time", caller));
}

Connection Connection::dup() const { return Connection(core("dup").dup()); }

void Connection::send_part(std::span<const std::byte> bytes, std::size_t offset,
                           std::optional<std::size_t> size, const std::stop_token& stop) const {
    detail::ConnectionCore& end = core("send_bytes");
    if (offset > bytes.size() || (size && *size > bytes.size() - offset))
        throw ValueError(
            fmt::format("Connection::send_bytes: offset {} and size {} are not within {} bytes", offset,
                        size ? std::to_string(*size) : "of the rest", bytes.size()));
    end.send_bytes(bytes.subspan(offset, size.value_or(bytes.size() - offset)), stop);
}

std::vector<std::byte> Connection::recv_bytes(std::optional<std::size_t> maxlength, Timeout timeout,
                                              std::stop_token stop) const {
    detail::ReceivedMessage message;
    detail::Wanted wanted{"recv_bytes"};
    if (maxlength) wanted.longest = *maxlength;
    if (!core("recv_bytes").receive(message, wanted, timeout, stop)) throw_timed_out("recv_bytes");
    return message.take_bytes();
}

std::size_t Connection::recv_bytes_into(std::span<std::byte> bytes, std::size_t offset, Timeout timeout,
                                        std::stop_token stop) const {
    detail::ConnectionCore& end = core("recv_bytes_into");
    if (offset > bytes.size())
        throw ValueError(fmt::format("Connection::recv_bytes_into: offset {} is not within {} bytes",
                                     offset, bytes.size()));
    const auto room = bytes.subspan(offset);
    detail::ReceivedMessage message;
    if (!end.receive(message, {.caller = "recv_bytes_into", .into = room}, timeout, stop))
        throw_timed_out("recv_bytes_into");
    const auto received = message.bytes();
    if (message.is_in_place()) return received.size();
    if (received.size() > room.size())
        throw BufferTooShort(
            fmt::format(
                "Connection::recv_bytes_into: a message of {} bytes for {}; it is in the exception",
                received.size(), room.size()),
            message.take_bytes());
    std::ranges::copy(received, room.begin());
    return received.size();
}

bool Connection::poll(Timeout timeout, std::stop_token stop) const {
    return core("poll").poll(timeout, stop);
}

int Connection::fileno() const { return core("fileno").fileno(); }

ConnectionPair Pipe(bool duplex) {
    auto [first, second] = connection::make_pipe(duplex);
    return {Connection(std::move(first)), Connection(std::move(second))};
}

namespace detail {

std::unique_ptr<ConnectionCore> ConnectionCore::read(ByteReader& reader) {
    connection::Kind kind{};
    reader.read(&kind, sizeof kind);
    switch (kind) {
        case connection::Kind::end_of_pipe: return connection::read_pipe_end(reader);
        case connection::Kind::socket: return connection::read_socket_connection(reader);
    }
    throw SerializationError("Connection: these bytes are none; the message is damaged");
}

}  // namespace detail
}  // namespace procession::inline v0

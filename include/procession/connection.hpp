// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Pipes between processes, and the two ends that they have.

#include <procession/detail/connection_core.hpp>
#include <procession/object.hpp>
#include <procession/pickle.hpp>
#include <procession/serialize.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace procession::inline v0 {
namespace detail {

template <class T>
concept ByteType = std::same_as<T, std::byte> || std::same_as<T, char> ||
    std::same_as<T, unsigned char> || std::same_as<T, signed char> || std::same_as<T, char8_t>;

/// The bytes of what is like bytes; a literal's without its final NUL.
template <class R>
concept BytesLike = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
    ByteType<std::remove_cv_t<std::ranges::range_value_t<R>>>;
template <BytesLike R>
std::span<const std::byte> bytes_of(const R& range) {
    return std::as_bytes(std::span(std::ranges::data(range), std::ranges::size(range)));
}
template <std::size_t N>
std::span<const std::byte> bytes_of(const char (&literal)[N]) {
    return std::as_bytes(std::span(literal, N - (literal[N - 1] == '\0' ? 1 : 0)));
}

/// As what a T may have been sent, in the native format; empty: as anything.
template <class T>
struct SentAs {
    static constexpr std::array fingerprints{fingerprint<T>()};
    static T read(std::uint64_t, std::span<const std::byte> bytes) { return load_message<T>(bytes); }
};
template <>
struct SentAs<Object> {
    static constexpr std::array<std::uint64_t, 0> fingerprints{};
    static Object read(std::uint64_t sent_as, std::span<const std::byte> bytes) {
        return object_of(sent_as, bytes);
    }
};
template <class... T>
struct SentAs<std::variant<T...>> {
    using Variant = std::variant<T...>;
    static constexpr std::array fingerprints{fingerprint<Variant>(), fingerprint<T>()...};
    static Variant read(std::uint64_t sent_as, std::span<const std::byte> bytes) {
        std::optional<Variant> value;
        const auto read_if = [&]<class A>(std::type_identity<A>) {
            if (!value && sent_as == fingerprint<A>()) value = load_message<A>(bytes);
        };
        (read_if(std::type_identity<T>()), ...);
        return value ? std::move(*value) : load_message<Variant>(bytes);
    }
};

}  // namespace detail

/// What a message that comes over a socket may measure, unless options say otherwise: 64 GiB. Memory is only got as bytes come.
inline constexpr std::uint64_t default_max_message = std::uint64_t{1} << 36;

/// One end of a pipe, or of a socket: sends and receives values and bytes, each a message that arrives as a
/// whole.
///
/// It moves: into a process that it is an argument of, or through a queue or another connection; where it
/// was it is closed then. Several threads and processes may have the same end (dup()) and use it at once:
/// no message is torn or mixed with another, and each is received by one of them. When the last one of the
/// other end is closed, or its last process has died, whoever receives what is left and then EndOfFile.
///
/// A pipe takes 1 MiB, and one more message however long, before a sender waits.
/// @par Thread safety   safe on a shared object, but for moving and destroying it
/// @par Process safety  safe. A forked child that uses an end of its parent has it from then on as well
/// @see Python: multiprocessing.connection.Connection
class PROCESSION_API Connection {
  public:
    /// A closed one.
    Connection() noexcept = default;
    explicit Connection(std::unique_ptr<detail::ConnectionCore> core) noexcept
        : core_(std::move(core)) {}
    /// Takes over a stream's descriptor: a socket, or an end of a pipe of the system. Messages are CPython's.
    /// @throws ValueError         it is negative, or is to do nothing
    /// @throws std::system_error  EBADF: it is not open
    explicit Connection(int fd, bool readable = true, bool writable = true);
    Connection(Connection&&) noexcept = default;
    Connection& operator=(Connection&&) noexcept = default;
    /// Closes it.
    ~Connection() = default;

    /// The same end once more, to be given away; the other side sees the end of file when all are closed.
    /// @throws ValueError  it is closed
    Connection dup() const;

    /// Sends a value of any type that can be sent to a process, waiting for room. Connections, in it or
    /// itself, are closed here afterwards.
    /// @throws EndOfFile           the other end is closed
    /// @throws ValueError          this end is closed, or only receives
    /// @throws SerializationError  it cannot be sent; nothing was
    /// @throws HeapExhausted       the shared memory is used up; nothing was sent
    /// @throws CancelledError      it was stopped
    /// @par Blocking  until there is room, or the other end is closed; EINTR does not end the wait
    template <class T>
    void send(T&& value, std::stop_token stop = {}) const {
        using Value = detail::Stored<std::remove_cvref_t<T>>;
        static_assert(!std::is_same_v<Value, Connection> || !std::is_lvalue_reference_v<T>,
                      "a connection moves: send(std::move(connection)), or send(connection.dup())");
        if constexpr (std::is_same_v<Value, std::remove_cvref_t<T>>)
            send_value<Value>(value, stop);
        else
            send_value<Value>(Value(value), stop);
    }

    /// Receives the next value, waiting for it.
    ///
    /// It must have been sent as a T: text of every spelling is a std::string, and a std::variant<A, B> may
    /// have been sent as an A or as a B.
    /// @throws EndOfFile       the other end is closed, and all it sent was received
    /// @throws TimeoutError    nothing arrived in time
    /// @throws TypeMismatch    it was sent as another type, and can still be received as that
    /// @throws ValueError      this end is closed, or only sends
    /// @throws CancelledError  it was stopped
    /// @par Blocking  until a message, its end, or the limit; EINTR does not end the wait
    template <class T>
    [[nodiscard]] T recv(Timeout timeout = forever, std::stop_token stop = {}) const {
        auto value = receive<T>("recv", timeout, stop);
        if (!value) throw_timed_out("recv");
        return std::move(*value);
    }
    template <class T>
    [[nodiscard]] T recv(std::stop_token stop) const {
        return recv<T>(forever, std::move(stop));
    }

    /// Receives the next value; none if nothing arrives in time. @throws  as recv()
    template <class T>
    [[nodiscard]] std::optional<T> try_recv(Timeout timeout = std::chrono::seconds(0),
                                            std::stop_token stop = {}) const {
        return receive<T>("try_recv", timeout, stop);
    }

    /// Sends bytes as they are: those of a range of bytes or characters, or of a literal without its final
    /// NUL, from `offset` on, `size` of them or all.
    /// @throws ValueError  there are not so many; and as send()
    template <detail::BytesLike R>
    void send_bytes(const R& bytes, std::size_t offset = 0, std::optional<std::size_t> size = {},
                    std::stop_token stop = {}) const {
        send_part(detail::bytes_of(bytes), offset, size, stop);
    }
    /// Receives the bytes of the next message, however it was sent.
    /// @param maxlength  how many at most
    /// @throws ValueError  the message is longer than that, and can still be received; and as recv()
    [[nodiscard]] std::vector<std::byte> recv_bytes(std::optional<std::size_t> maxlength = {},
                                                    Timeout timeout = forever,
                                                    std::stop_token stop = {}) const;
    /// The same into memory, from `offset` on. @returns how many
    /// @throws BufferTooShort  the message is longer, and is in the exception
    /// @throws ValueError      `offset` is not in the memory; and as recv()
    std::size_t recv_bytes_into(std::span<std::byte> bytes, std::size_t offset = 0,
                                Timeout timeout = forever, std::stop_token stop = {}) const;
    template <detail::BytesLike R>
    std::size_t recv_bytes_into(R& bytes, std::size_t offset = 0, Timeout timeout = forever,
                                std::stop_token stop = {}) const {
        return recv_bytes_into(
            std::as_writable_bytes(std::span(std::ranges::data(bytes), std::ranges::size(bytes))),
            offset, timeout, std::move(stop));
    }

    /// Whether there is something to receive, or its end, waiting for that. Takes nothing.
    /// @throws ValueError  this end is closed, or only sends
    /// @throws CancelledError  it was stopped
    [[nodiscard]] bool poll(Timeout timeout = std::chrono::seconds(0), std::stop_token stop = {}) const;

    /// Sends a copy of an open descriptor: through a pipe, or over a Unix socket, also to CPython.
    /// @throws ValueError  no descriptor goes over this connection; and as send()
    /// @see Python: multiprocessing.reduction.send_handle
    void send_handle(int fd, std::stop_token stop = {}) const {
        core("send_handle").send_handle(fd, stop);
    }
    /// Receives a descriptor, which is the caller's to close.
    /// @throws TypeMismatch  the message is none; and as recv()
    /// @throws StateError    it was lost with the process that kept it for this one
    /// @see Python: multiprocessing.reduction.recv_handle
    [[nodiscard]] int recv_handle(Timeout timeout = forever, std::stop_token stop = {}) const {
        return core("recv_handle").receive_handle(timeout, stop);
    }

    /// A descriptor that is readable while there is something to receive, or its end, for poll, epoll and
    /// the like. A pipe's is one of this process's own, as that of Queue::fileno(): get what it tells of
    /// with a limit where others may have been first. @throws ValueError  as poll()
    int fileno() const;

    /// Closes it. More than once does no harm.
    void close() const noexcept {
        if (core_) core_->close();
    }
    bool closed() const noexcept { return !core_ || core_->closed(); }
    /// Whether it is the end, or one of the ends, that receives. Not: whether a message waits.
    bool readable() const noexcept { return core_ && core_->readable(); }
    /// Whether it is the end, or one of the ends, that sends.
    bool writable() const noexcept { return core_ && core_->writable(); }

    template <class Archive>
    void save(Archive& writer) const {
        core("send").write(writer.buffer());
    }
    template <class Archive>
    void load(Archive& reader) {
        core_ = detail::ConnectionCore::read(reader);
    }

  private:
    detail::ConnectionCore& core(const char* caller) const {
        if (!core_) throw_closed(caller);
        return *core_;
    }
    [[noreturn]] static void throw_closed(const char* caller);
    [[noreturn]] static void throw_timed_out(const char* caller);

    template <class T>
    std::optional<T> receive(const char* caller, const Timeout& timeout,
                             const std::stop_token& stop) const {
        detail::ConnectionCore& end = core(caller);
        detail::ReceivedMessage message;
        if (!end.receive(message, {caller, detail::SentAs<T>::fingerprints}, timeout, stop))
            return std::nullopt;
        if (end.format() == Format::native)
            return detail::SentAs<T>::read(message.fingerprint(), message.bytes());
        try {
            return pickle::loads<T>(message.bytes());
        } catch (const SerializationError&) {
            throw;  // it is nothing at all
        } catch (const Error&) {
            end.put_back(std::move(message));
            throw;
        }
    }
    template <class T>
    void send_value(const T& value, const std::stop_token& stop) const {
        detail::require_sendable<T>();
        detail::ConnectionCore& end = core("send");
        if (end.format() == Format::pickle) return end.send_bytes(pickle::dumps(value), stop);
        detail::Buffer message(detail::Buffer::Memory::shared);
        const std::uint64_t sent_as = detail::message_type<T>.fingerprint;
        message.write(&sent_as, sizeof sent_as);
        detail::save_message(message, value);
        end.send(message, stop);
        message.leave_along();
    }
    void send_part(std::span<const std::byte>, std::size_t offset, std::optional<std::size_t> size,
                   const std::stop_token&) const;

    std::unique_ptr<detail::ConnectionCore> core_;
};

namespace detail {
template <>
inline constexpr bool is_handed_over_as_lvalue<Connection> = true;
template <>
inline constexpr bool stays_here<Connection> = true;
}  // namespace detail

/// The two ends of a pipe.
struct ConnectionPair {
    Connection first, second;
};

/// A new pipe. What is sent at one end is received at the other.
/// @param duplex  false: the first end only receives, and the second only sends
/// @throws HeapExhausted  the shared memory is used up
/// @see Python: multiprocessing.Pipe
[[nodiscard]] PROCESSION_API ConnectionPair Pipe(bool duplex = true);

}  // namespace procession::inline v0

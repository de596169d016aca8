// SPDX-License-Identifier: Apache-2.0
#include "os/stream.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

iovec piece(std::span<const std::byte> bytes) {
    return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

bool would_wait(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK); }

/// write(2) has no flag against SIGPIPE: it is held back, and taken if it has come.
class WithoutSigpipe {
  public:
    WithoutSigpipe() {
        ::sigemptyset(&sigpipe_);
        ::sigaddset(&sigpipe_, SIGPIPE);
        sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    }
    ~WithoutSigpipe() {
        const int error = errno;
        constexpr timespec at_once{};
        if (error == EPIPE && !was_pending_)
            retry_on_signal([&] { return ::sigtimedwait(&sigpipe_, nullptr, &at_once); });
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        errno = error;
    }
    WithoutSigpipe(WithoutSigpipe&&) = delete;

  private:
    sigset_t sigpipe_, before_;
    bool was_pending_;
};

// Once poll(2) says that there is room, though another may take it.
ssize_t write_now(int fd, mode_t kind, std::span<const std::byte> bytes) {
    if (S_ISSOCK(kind)) return ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    const iovec some = piece(bytes.first(std::min(bytes.size(), sure_pipe_room)));
    const WithoutSigpipe guard;
    if (S_ISFIFO(kind)) {
        const ssize_t put = ::pwritev2(fd, &some, 1, -1, RWF_NOWAIT);
        if (put >= 0 || errno != EOPNOTSUPP) return put;
    }
    return ::writev(fd, &some, 1);
}

}  // namespace

bool is_socket(int fd) {
    struct stat status {};
    checked(::fstat(fd, &status), "connection", "fstat", "Pass the number of an open descriptor.");
    return S_ISSOCK(status.st_mode);
}

bool is_ready(int fd, short events) {
    pollfd watched{fd, events, 0};
    return checked(retry_on_signal([&] { return ::poll(&watched, 1, 0); }), "connection", "poll") > 0;
}

namespace {

// How the stream ends when the peer went without reading all, which it does when it is killed.
std::size_t received(ssize_t got) {
    if (got < 0 && errno == ECONNRESET) return 0;
    return static_cast<std::size_t>(checked(got, "connection", "recv"));
}

ssize_t receive(int fd, std::span<std::byte> room, int flags) {
    return retry_on_signal([&] { return ::recv(fd, room.data(), room.size(), flags); });
}

ssize_t send(int fd, std::span<const std::byte> first, std::span<const std::byte> second, int flags) {
    if (second.empty())
        return retry_on_signal(
            [&] { return ::send(fd, first.data(), first.size(), flags | MSG_NOSIGNAL); });
    std::array<iovec, 2> pieces{piece(first), piece(second)};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    return retry_on_signal([&] { return ::sendmsg(fd, &message, flags | MSG_NOSIGNAL); });
}

}  // namespace

std::optional<std::size_t> receive_some(int fd, std::span<std::byte> room) {
    const ssize_t got = receive(fd, room, MSG_DONTWAIT);
    if (would_wait(got)) return {};
    return received(got);
}

std::size_t receive_waiting(int fd, std::span<std::byte> room) { return received(receive(fd, room, 0)); }

std::optional<std::size_t> send_some(int fd, std::span<const std::byte> first,
                                     std::span<const std::byte> second) {
    const ssize_t put = send(fd, first, second, MSG_DONTWAIT);
    if (would_wait(put)) return {};
    return static_cast<std::size_t>(checked(put, "connection", "sendmsg"));
}

std::size_t send_waiting(int fd, std::span<const std::byte> first, std::span<const std::byte> second) {
    return static_cast<std::size_t>(checked(send(fd, first, second, 0), "connection", "sendmsg"));
}

void shut_down(int fd) noexcept { ::shutdown(fd, SHUT_RDWR); }

void shut_down_writing(int fd) noexcept { ::shutdown(fd, SHUT_WR); }

std::size_t read_some(int fd, std::span<std::byte> room) {
    const ssize_t got = retry_on_signal([&] { return ::read(fd, room.data(), room.size()); });
    return static_cast<std::size_t>(checked(got, "connection", "read"));
}

std::size_t write_some(int fd, std::span<const std::byte> first, std::span<const std::byte> second) {
    const std::array<iovec, 2> pieces{piece(first), piece(second)};
    const WithoutSigpipe guard;
    const ssize_t put =
        retry_on_signal([&] { return ::writev(fd, pieces.data(), static_cast<int>(pieces.size())); });
    return static_cast<std::size_t>(checked(put, "connection", "writev"));
}

std::size_t write_until(int fd, std::span<const std::byte> bytes, const Deadline& deadline) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return 0;
    std::size_t done = 0;
    while (done < bytes.size()) {
        pollfd watched{fd, POLLOUT, 0};
        const int ready = ::poll(&watched, 1, deadline.poll_milliseconds());
        if (ready == 0 && deadline.expired()) break;
        if (ready < 0 && errno != EINTR) break;
        if (ready <= 0) continue;
        const ssize_t put = write_now(fd, status.st_mode, bytes.subspan(done));
        if (put >= 0)
            done += static_cast<std::size_t>(put);
        else if (!would_wait(put) && errno != EINTR)
            break;
    }
    return done;
}

}  // namespace procession::inline v0::os

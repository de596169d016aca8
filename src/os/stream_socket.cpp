// SPDX-License-Identifier: Apache-2.0
#include "os/stream_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

Descriptor make_socket(int family, std::string_view object) {
    return Descriptor::above_stdio(
        checked(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), object, "socket",
                "Raise RLIMIT_NOFILE if it says EMFILE."));
}

void set_option(int fd, int level, int option, int value) {
    checked(::setsockopt(fd, level, option, &value, sizeof value), "socket", "setsockopt");
}

void make_blocking(int fd) {
    checked(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK), "socket", "fcntl(F_SETFL)");
}

bool is_v4_loopback(std::uint32_t in_network_order) {
    return (ntohl(in_network_order) >> 24) == IN_LOOPBACKNET;
}

const sockaddr_un& as_unix(const sockaddr* address) {
    return *reinterpret_cast<const sockaddr_un*>(address);
}
const sockaddr_in& as_v4(const sockaddr* address) {
    return *reinterpret_cast<const sockaddr_in*>(address);
}
const sockaddr_in6& as_v6(const sockaddr* address) {
    return *reinterpret_cast<const sockaddr_in6*>(address);
}

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

/// Nobody listens at what looks like a socket's file: who did was killed.
bool is_abandoned(const SocketAddress& address) {
    if (!address.is_unix() || address.path().empty()) return false;
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(probe.get(), address.get(), address.size()) != 0 && errno == ECONNREFUSED;
}

// A full backlog of a Unix socket is nothing that poll(2) knows of: the call itself waits for room, for
// so long at a time.
constexpr timeval backlog_patience{.tv_sec = 0, .tv_usec = 50'000};
constexpr timeval no_limit{};

void limit_sends(int fd, timeval limit) {
    checked(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), "socket",
            "setsockopt(SO_SNDTIMEO)");
}

Polled connect_unix(int fd, const SocketAddress& address, const Deadline& deadline,
                    const Interruption& interruption, std::string_view object) {
    make_blocking(fd);
    limit_sends(fd, backlog_patience);
    while (::connect(fd, address.get(), address.size()) != 0) {
        if (errno != EAGAIN && errno != EINTR) throw_errno(object, "connect");
        if (interruption.requested()) return Polled::interrupted;
        if (deadline.expired()) return Polled::timed_out;
    }
    limit_sends(fd, no_limit);
    return Polled::ready;
}

Polled connect_tcp(int fd, const SocketAddress& address, const Deadline& deadline,
                   const Interruption& interruption, std::string_view object) {
    if (::connect(fd, address.get(), address.size()) != 0) {
        // A signal does not end it either: it goes on as if it had been in progress from the first.
        if (errno != EINPROGRESS && errno != EINTR) throw_errno(object, "connect");
        if (const Polled polled = poll(fd, POLLOUT, deadline, interruption); polled != Polled::ready)
            return polled;
        int error = 0;
        socklen_t size = sizeof error;
        checked(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), object, "getsockopt(SO_ERROR)");
        if (error != 0) throw_errno(object, "connect", {}, error);
    }
    make_blocking(fd);
    prepare_tcp(fd);
    return Polled::ready;
}

}  // namespace

SocketAddress SocketAddress::of_path(std::string_view path) {
    SocketAddress address;
    auto& filled = reinterpret_cast<sockaddr_un&>(address.storage_);
    filled.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof filled.sun_path)
        throw_errno(path, "path", fmt::format("It may have 1 to {} bytes.", sizeof filled.sun_path - 1),
                    path.empty() ? EINVAL : ENAMETOOLONG);
    std::memcpy(filled.sun_path, path.data(), path.size());
    address.size_ = static_cast<socklen_t>(path_offset + path.size() + 1);
    return address;
}

SocketAddress SocketAddress::of_abstract(std::string_view name) {
    SocketAddress address;
    auto& filled = reinterpret_cast<sockaddr_un&>(address.storage_);
    filled.sun_family = AF_UNIX;
    if (name.size() >= sizeof filled.sun_path)
        throw_errno(name, "abstract name",
                    fmt::format("It may have {} bytes.", sizeof filled.sun_path - 1), ENAMETOOLONG);
    std::memcpy(filled.sun_path + 1, name.data(), name.size());
    address.size_ = static_cast<socklen_t>(path_offset + 1 + name.size());
    return address;
}

std::vector<SocketAddress> SocketAddress::of_host(const std::string& host, int port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* first = nullptr;
    const int error = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(),
                                    &hints, &first);
    if (error != 0)
        throw_errno(fmt::format("{}:{}", host, port),
                    fmt::format("getaddrinfo: {}", ::gai_strerror(error)),
                    "Is the host's name right, and can it be looked up?",
                    error == EAI_SYSTEM ? errno : EADDRNOTAVAIL);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(first, ::freeaddrinfo);
    std::vector<SocketAddress> found;
    for (const addrinfo* each = first; each; each = each->ai_next) {
        if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
        SocketAddress& address = found.emplace_back();
        std::memcpy(&address.storage_, each->ai_addr, each->ai_addrlen);
        address.size_ = each->ai_addrlen;
    }
    std::stable_partition(found.begin(), found.end(),
                          [](const auto& each) { return each.get()->sa_family == AF_INET; });
    return found;
}

template <class GetName>
SocketAddress SocketAddress::ask(GetName get_name, int fd, const char* call) {
    SocketAddress address;
    address.size_ = sizeof address.storage_;
    checked(get_name(fd, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_), "socket",
            call);
    return address;
}

SocketAddress SocketAddress::of_socket(int fd) { return ask(::getsockname, fd, "getsockname"); }

SocketAddress SocketAddress::of_peer(int fd) { return ask(::getpeername, fd, "getpeername"); }

bool SocketAddress::is_loopback() const {
    if (get()->sa_family == AF_INET) return is_v4_loopback(as_v4(get()).sin_addr.s_addr);
    if (get()->sa_family != AF_INET6) return false;
    const in6_addr& address = as_v6(get()).sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&address)) return IN6_IS_ADDR_LOOPBACK(&address);
    std::uint32_t mapped;
    std::memcpy(&mapped, &address.s6_addr[12], sizeof mapped);
    return is_v4_loopback(mapped);
}

std::string SocketAddress::host() const {
    std::array<char, NI_MAXHOST> text;
    if (::getnameinfo(get(), size_, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
        return {};
    return text.data();
}

int SocketAddress::port() const {
    if (get()->sa_family == AF_INET) return ntohs(as_v4(get()).sin_port);
    return get()->sa_family == AF_INET6 ? ntohs(as_v6(get()).sin6_port) : 0;
}

std::string SocketAddress::path() const {
    if (!is_unix() || size_ <= path_offset || as_unix(get()).sun_path[0] == '\0') return {};
    const char* const path = as_unix(get()).sun_path;
    return {path, ::strnlen(path, size_ - path_offset)};
}

std::string SocketAddress::abstract_name() const {
    if (!is_unix() || size_ <= path_offset || as_unix(get()).sun_path[0] != '\0') return {};
    return {as_unix(get()).sun_path + 1, size_ - path_offset - 1};
}

Descriptor listen_at(const SocketAddress& address, int backlog, std::string_view object) {
    Descriptor fd = make_socket(address.get()->sa_family, object);
    // The file gets its mode from the socket's own (unix(7) does not say so, Linux does it): there is no
    // moment in which others could connect.
    if (address.is_unix())
        checked(::fchmod(fd.get(), S_IRUSR | S_IWUSR), object, "fchmod");
    else
        set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (::bind(fd.get(), address.get(), address.size()) != 0) {
        const int error = errno;
        if (error == EADDRINUSE && is_abandoned(address))
            throw_errno(
                object, "bind",
                "Nobody listens there: a listener was killed and left its file. Remove it, or take "
                "another path.",
                error);
        throw_errno(
            object, "bind",
            error == EADDRINUSE ? "Somebody listens there: take another address, or port 0." : "",
            error);
    }
    if (::listen(fd.get(), backlog) != 0)
        throw_errno(
            object, "listen",
            errno == EADDRINUSE ? "Somebody listens there: take another address, or port 0." : "");
    return fd;
}

std::optional<Descriptor> accept_waiting(int listener) {
    const int fd = retry_on_signal([&] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); });
    if (fd >= 0) return Descriptor::above_stdio(fd);
    switch (errno) {
        // What is wrong with the listening socket, or with this process.
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            throw_errno("Listener::accept", "accept4", "Raise RLIMIT_NOFILE if it says EMFILE.");
        // What has become of the connection (accept(2)).
        default: return {};
    }
}

Polled connect_to(Descriptor& connected, const SocketAddress& address, const Deadline& deadline,
                  const Interruption& interruption, std::string_view object) {
    Descriptor fd = make_socket(address.get()->sa_family, object);
    const Polled polled = address.is_unix()
                              ? connect_unix(fd.get(), address, deadline, interruption, object)
                              : connect_tcp(fd.get(), address, deadline, interruption, object);
    if (polled == Polled::ready) connected = std::move(fd);
    return polled;
}

void prepare_tcp(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 6);
}

void acknowledge(int fd) {
    // Who is gone meanwhile is found out by others.
    const int on = 1;
    static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on));
}

}  // namespace procession::inline v0::os

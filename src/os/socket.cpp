// SPDX-License-Identifier: Apache-2.0
#include "os/socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

constexpr std::size_t most_passed = 16;

Descriptor make_socket(int type) {
    return Descriptor::above_stdio(checked(::socket(AF_UNIX, SOCK_CLOEXEC | type, 0), "Unix socket",
                                           "socket", "Raise RLIMIT_NOFILE if it says EMFILE."));
}

std::pair<sockaddr_un, socklen_t> abstract_address(std::string_view name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() + 1 > sizeof address.sun_path)
        throw_errno("abstract socket", "name", {}, ENAMETOOLONG);
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())};
}

/// An address, or none.
struct Target {
    sockaddr_un address{};
    socklen_t size = 0;
};

void send_to(int fd, Target target, std::span<const std::byte> bytes, std::span<const int> descriptors) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_passed)] = {};
    iovec data{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    if (target.size != 0) {
        message.msg_name = &target.address;
        message.msg_namelen = target.size;
    }
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    checked(retry_on_signal([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); }), "Unix socket",
            "sendmsg");
}

/// A message, and who sent it, where the socket passes that (SO_PASSCRED); none: it would have to be waited
/// for.
std::optional<Mail> receive_from(int fd, std::span<std::byte> bytes, std::size_t most_descriptors,
                                 int flags) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_passed) + CMSG_SPACE(sizeof(ucred))];
    iovec data{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * most_descriptors) +
                             (flags & MSG_DONTWAIT ? CMSG_SPACE(sizeof(ucred)) : 0);
    const auto size = retry_on_signal([&] { return ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC | flags); });
    if (size < 0 && flags & MSG_DONTWAIT && errno == EAGAIN) return std::nullopt;
    checked(size, "Unix socket", "recvmsg");
    Mail mail{{static_cast<std::size_t>(size), {}}, static_cast<uid_t>(-1)};
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET) continue;
        if (header->cmsg_type == SCM_CREDENTIALS) {
            ucred sender;
            std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
            mail.sender = sender.uid;
        }
        if (header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int passed;
            std::memcpy(&passed, CMSG_DATA(header) + i * sizeof(int), sizeof passed);
            mail.received.descriptors.push_back(Descriptor::above_stdio(passed));
        }
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        throw_errno("Unix socket", "recvmsg",
                    "The message or its descriptors did not fit; RLIMIT_NOFILE may be too low.",
                    EMSGSIZE);
    return mail;
}

/// Binds to an abstract address that the kernel picks (unix(7), autobind). @returns it
std::string bind_anywhere(int fd) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    checked(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address.sun_family),
            "abstract socket", "bind");
    socklen_t size = sizeof address;
    checked(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "abstract socket",
            "getsockname");
    return std::string(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1);
}

}  // namespace

std::pair<Descriptor, Descriptor> make_socketpair() {
    int ends[2];
    checked(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "Unix socket", "socketpair",
            "Raise RLIMIT_NOFILE if it says EMFILE.");
    return {Descriptor::above_stdio(ends[0]), Descriptor::above_stdio(ends[1])};
}

void send_message(int fd, std::span<const std::byte> bytes, std::span<const int> descriptors) {
    send_to(fd, {}, bytes, descriptors);
}

Received receive_message(int fd, std::span<std::byte> bytes, std::size_t most_descriptors) {
    return std::move(receive_from(fd, bytes, most_descriptors, 0)->received);
}

std::pair<Descriptor, std::string> listen_abstract() {
    Descriptor fd = make_socket(SOCK_SEQPACKET);
    std::string name = bind_anywhere(fd.get());
    checked(::listen(fd.get(), SOMAXCONN), "abstract socket", "listen");
    return {std::move(fd), std::move(name)};
}

std::pair<Descriptor, std::string> make_mailbox() {
    Descriptor fd = make_socket(SOCK_DGRAM);
    const int on = 1;
    checked(::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), "abstract socket",
            "setsockopt(SO_PASSCRED)");
    std::string name = bind_anywhere(fd.get());
    return {std::move(fd), std::move(name)};
}

void post(std::string_view mailbox, std::span<const std::byte> bytes, std::span<const int> descriptors) {
    const auto [address, size] = abstract_address(mailbox);
    send_to(make_socket(SOCK_DGRAM).get(), {address, size}, bytes, descriptors);
}

std::optional<Mail> take_mail(int mailbox, std::span<std::byte> bytes, std::size_t most_descriptors) {
    return receive_from(mailbox, bytes, most_descriptors, MSG_DONTWAIT);
}

Descriptor connect_abstract(std::string_view name) {
    Descriptor fd = make_socket(SOCK_SEQPACKET | SOCK_NONBLOCK);
    const auto [address, size] = abstract_address(name);
    checked(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), "abstract socket",
            "connect");
    return fd;
}

Descriptor accept_connection(int listener) {
    return Descriptor(
        checked(retry_on_signal([&] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); }),
                "abstract socket", "accept4"));
}

bool is_unix_socket(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

void leave_to_parent(int fd) noexcept {
    const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (nothing) ::dup3(nothing.get(), fd, O_CLOEXEC);
}

namespace {
ucred peer_of(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    checked(::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size), "Unix socket",
            "getsockopt(SO_PEERCRED)");
    return peer;
}
}  // namespace

uid_t peer_user(int fd) { return peer_of(fd).uid; }
pid_t peer_process(int fd) { return peer_of(fd).pid; }

}  // namespace procession::inline v0::os

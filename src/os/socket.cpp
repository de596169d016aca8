// SPDX-License-Identifier: Apache-2.0
#include "os/socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

constexpr std::size_t most_passed = 16;

Descriptor make_socket(int flags) {
    return Descriptor::above_stdio(checked(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0),
                                           "Unix socket", "socket",
                                           "Raise RLIMIT_NOFILE if it says EMFILE."));
}

std::pair<sockaddr_un, socklen_t> abstract_address(std::string_view name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() + 1 > sizeof address.sun_path)
        throw_errno("abstract socket", "name", {}, ENAMETOOLONG);
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())};
}

}  // namespace

std::pair<Descriptor, Descriptor> make_socketpair() {
    int ends[2];
    checked(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "Unix socket", "socketpair",
            "Raise RLIMIT_NOFILE if it says EMFILE.");
    return {Descriptor::above_stdio(ends[0]), Descriptor::above_stdio(ends[1])};
}

void send_message(int fd, std::span<const std::byte> bytes, std::span<const int> descriptors) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_passed)] = {};
    iovec data{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
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

Received receive_message(int fd, std::span<std::byte> bytes, std::size_t most_descriptors) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_passed)];
    iovec data{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * most_descriptors);
    const auto size = retry_on_signal([&] { return ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC); });
    checked(size, "Unix socket", "recvmsg");
    Received received{static_cast<std::size_t>(size), {}};
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int passed;
            std::memcpy(&passed, CMSG_DATA(header) + i * sizeof(int), sizeof passed);
            received.descriptors.push_back(Descriptor::above_stdio(passed));
        }
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        throw_errno("Unix socket", "recvmsg",
                    "The message or its descriptors did not fit; RLIMIT_NOFILE may be too low.",
                    EMSGSIZE);
    return received;
}

std::pair<Descriptor, std::string> listen_abstract() {
    Descriptor fd = make_socket(0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // An address without a path: the kernel picks a free abstract one (unix(7), autobind).
    checked(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address.sun_family),
            "abstract socket", "bind");
    socklen_t size = sizeof address;
    checked(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), "abstract socket",
            "getsockname");
    checked(::listen(fd.get(), SOMAXCONN), "abstract socket", "listen");
    return {std::move(fd),
            std::string(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1)};
}

Descriptor connect_abstract(std::string_view name) {
    Descriptor fd = make_socket(SOCK_NONBLOCK);
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

uid_t peer_user(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    checked(::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size), "Unix socket",
            "getsockopt(SO_PEERCRED)");
    return peer.uid;
}

}  // namespace procession::inline v0::os

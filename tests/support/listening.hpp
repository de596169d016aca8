// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "connection/resolve.hpp"
#include "os/descriptor.hpp"
#include "os/error.hpp"

namespace procession::test {

/// A path or a name that is nobody else's.
inline std::string own_name(const char* what) {
    return "procession-test-" + std::to_string(::getpid()) + '-' + what;
}
inline Address own_path(const char* what = "path") { return "/tmp/" + own_name(what); }

/// One address of each kind that a listener may have.
inline std::vector<Address> one_of_each_family() {
    return {Address(), own_path("family"), Address::abstract(own_name("family")),
            Address("localhost", 0), Address("::1", 0)};
}

inline std::vector<std::byte> bytes_of(std::string_view text) {
    const auto span = std::as_bytes(std::span(text));
    return {span.begin(), span.end()};
}
inline std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string recv_text(const Connection& connection) { return text_of(connection.recv_bytes()); }

/// A peer that says what it likes.
class RawPeer {
  public:
    explicit RawPeer(const Address& listener) {
        const auto address = connection::resolve(listener).front();
        fd_.reset(os::checked(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "peer",
                              "socket"));
        os::checked(::connect(fd_.get(), address.get(), address.size()), "peer", "connect");
    }
    void send(std::string_view bytes) const {
        os::checked(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), "peer", "send");
    }
    /// Whatever comes until so much is there, or the end.
    std::string receive(std::size_t size) const {
        std::string bytes(size, '\0');
        const auto got = ::recv(fd_.get(), bytes.data(), size, MSG_WAITALL);
        bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return bytes;
    }
    void close() { fd_.reset(); }
    int fd() const { return fd_.get(); }

  private:
    os::Descriptor fd_;
};

}  // namespace procession::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/channels/kernel.hpp"
#include "support/channels/message.hpp"
#include "support/crew.hpp"
#include "support/managers/client.hpp"

namespace procession::benchmark {

/// One end of a Unix socket, and messages that begin with their length: a write(2) for each that is sent, and no
/// more reads for one that arrives than it takes.
class EchoEnd {
  public:
    explicit EchoEnd(int socket) : socket_(socket) {}
    ~EchoEnd() { ::close(socket_); }
    EchoEnd(EchoEnd&&) = delete;

    /// A message's content begins with how long an answer it wants.
    void send(std::size_t length, std::size_t wanted) {
        sent_.resize(header + std::max(length, header));
        put(0, sent_.size() - header);
        put(header, wanted);
        whole(::write, socket_, sent_);
    }

    /// @returns how long an answer is wanted; none at the end
    std::optional<std::size_t> receive() {
        std::size_t arrived = 0;
        for (std::size_t all = 2 * header; arrived < all;) {
            received_.resize(std::max(received_.size(), all));
            const ssize_t count =
                ::read(socket_, received_.data() + arrived, received_.size() - arrived);
            if (count <= 0) return std::nullopt;
            arrived += static_cast<std::size_t>(count);
            if (arrived >= header) all = header + get(0);
        }
        return get(header);
    }

  private:
    using Length = std::uint32_t;
    static constexpr std::size_t header = sizeof(Length);

    void put(std::size_t at, std::size_t length) {
        const auto written = static_cast<Length>(length);
        std::memcpy(sent_.data() + at, &written, sizeof written);
    }
    std::size_t get(std::size_t at) const {
        Length length;
        std::memcpy(&length, received_.data() + at, sizeof length);
        return length;
    }

    int socket_;
    Message sent_, received_ = Message(4096);
};

/// A server that does nothing but send messages as long as are asked for: a thread for each connection.
class Echo {
  public:
    Echo() {
        address_.sun_family = AF_UNIX;
        // A name that is no file: it begins with a zero.
        const std::string name = fmt::format("procession-benchmark-{}", ::getpid());
        name.copy(address_.sun_path + 1, sizeof address_.sun_path - 1);
        const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(::bind(listener, address(), sizeof address_) == 0, "bind");
        check(::listen(listener, SOMAXCONN) == 0, "listen");
        process_ = forked([listener] { serve(listener); });
        ::close(listener);
    }
    ~Echo() {
        process_.kill();
        process_.join();
    }
    Echo(Echo&&) = delete;

    int pid() const { return *process_.pid(); }

    std::shared_ptr<EchoEnd> connect() const {
        const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(::connect(socket, address(), sizeof address_) == 0, "connect");
        return std::make_shared<EchoEnd>(socket);
    }

  private:
    static void serve(int listener) {
        for (;;) {
            const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            check(socket >= 0, "accept4");
            std::thread([socket] {
                EchoEnd end(socket);
                while (const auto wanted = end.receive()) end.send(*wanted, 0);
            }).detach();
        }
    }
    const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }

    sockaddr_un address_{};
    mp::Process process_;
};

/// Exchanges as many bytes as others' requests and answers have.
struct ExchangedBytes {
    std::size_t request, reply;
};
inline Client echo_client(const Echo& echo, ExchangedBytes set, ExchangedBytes get) {
    const auto end = echo.connect();
    const auto exchange = [end](ExchangedBytes bytes) {
        end->send(bytes.request, bytes.reply);
        if (!end->receive()) throw std::runtime_error("the echo has ended");
    };
    return {.set = [=] { exchange(set); }, .get = [=] { exchange(get); }};
}

}  // namespace procession::benchmark

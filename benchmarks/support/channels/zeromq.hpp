// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <unistd.h>
#include <zmq.h>

#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <string>

#include "support/channels/message.hpp"
#include "support/shared.hpp"

namespace procession::benchmark {

/// PUSH and PULL by ipc://, every producer connected with every consumer: there are as many of these. The
/// sockets stay until their processes end.
class ZeroMq {
  public:
    ZeroMq(std::size_t size, int consumers)
        : consumers_(consumers), high_water_mark_(static_cast<int>(capacity(size))) {
        static int serial = 0;
        // '@': a name that is no file.
        endpoint_ = fmt::format("ipc://@procession-benchmark-{}-{}-", ::getpid(), ++serial);
    }

    void send(const Message& message) {
        if (!socket_) {
            open(ZMQ_PUSH);
            for (int i = 0; i < consumers_; ++i)
                check(::zmq_connect(socket_, (endpoint_ + std::to_string(i)).c_str()) == 0);
        }
        if (message[0] == last) {
            counts_->ended.fetch_add(1);
            return;
        }
        counts_->sent.fetch_add(1, std::memory_order_relaxed);
        check(::zmq_send(socket_, message.data(), message.size(), 0) >= 0);
    }

    /// The streams between two processes overtake each other, so no message could say that it is the last:
    /// that is when all that were sent have been received.
    void receive(Message& message) {
        if (!socket_) {
            open(ZMQ_PULL);
            check(::zmq_bind(socket_, (endpoint_ + std::to_string(counts_->bound++)).c_str()) == 0);
        }
        for (;;) {
            const bool ended = counts_->ended.load() == consumers_ * (ends_ + 1);
            if (::zmq_recv(socket_, message.data(), message.size(), ended ? ZMQ_DONTWAIT : 0) >= 0) {
                counts_->received.fetch_add(1, std::memory_order_relaxed);
                return;
            }
            check(errno == EAGAIN);
            if (ended && counts_->received.load() == counts_->sent.load()) {
                ++ends_;
                message[0] = last;
                return;
            }
        }
    }

  private:
    struct Counts {
        alignas(64) std::atomic<long> sent{0};
        alignas(64) std::atomic<long> received{0};
        alignas(64) std::atomic<long> ended{0};
        std::atomic<int> bound{0};
    };

    static void check(bool succeeded) {
        if (!succeeded) throw std::runtime_error(fmt::format("ZeroMQ: {}", ::zmq_strerror(errno)));
    }

    void open(int type) {
        socket_ = ::zmq_socket(::zmq_ctx_new(), type);
        check(socket_ != nullptr);
        const auto set = [&](int option, int value) {
            check(::zmq_setsockopt(socket_, option, &value, sizeof value) == 0);
        };
        set(ZMQ_SNDHWM, high_water_mark_);
        set(ZMQ_RCVHWM, high_water_mark_);
        // Milliseconds: until consumers have bound, and until they see that there is an end.
        set(ZMQ_RECONNECT_IVL, 1);
        set(ZMQ_RCVTIMEO, 1);
    }

    int consumers_, high_water_mark_;
    std::string endpoint_;
    Shared<Counts> counts_;
    void* socket_ = nullptr;
    long ends_ = 0;
};

}  // namespace procession::benchmark

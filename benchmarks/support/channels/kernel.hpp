// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <mqueue.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <string>
#include <system_error>

#include "support/channels/message.hpp"
#include "support/shared.hpp"

namespace procession::benchmark {

inline void check(bool succeeded, const char* call) {
    if (!succeeded) throw std::system_error(errno, std::generic_category(), call);
}

/// Writes or reads all of a message, in as many calls as it takes.
template <class Call, class M>
void whole(Call call, int end, M& message) {
    for (std::size_t done = 0; done < message.size();) {
        const ssize_t count = call(end, message.data() + done, message.size() - done);
        check(count > 0, "a stream");
        done += static_cast<std::size_t>(count);
    }
}

/// pipe(2) with as much room as the others have. A mutex at each end keeps long messages whole where
/// several use it.
class Pipe {
  public:
    Pipe(std::size_t, bool is_shared) : is_shared_(is_shared) {
        check(::pipe2(ends_, O_CLOEXEC) == 0, "pipe2");
        check(::fcntl(ends_[1], F_SETPIPE_SZ, 1 << 20) > 0, "F_SETPIPE_SZ");
    }

    ~Pipe() { ::close(ends_[0]), ::close(ends_[1]); }
    Pipe(Pipe&&) = delete;

    void send(const Message& message) {
        const std::unique_lock lock = locked(locks_->send);
        whole(::write, ends_[1], message);
    }
    void receive(Message& message) {
        const std::unique_lock lock = locked(locks_->receive);
        whole(::read, ends_[0], message);
    }

  private:
    struct Mutex {
        Mutex() {
            pthread_mutexattr_t attributes;
            ::pthread_mutexattr_init(&attributes);
            ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
            ::pthread_mutex_init(&mutex, &attributes);
            ::pthread_mutexattr_destroy(&attributes);
        }
        void lock() { ::pthread_mutex_lock(&mutex); }
        void unlock() { ::pthread_mutex_unlock(&mutex); }
        alignas(64) pthread_mutex_t mutex;
    };
    struct Locks {
        Mutex send, receive;
    };

    std::unique_lock<Mutex> locked(Mutex& mutex) const {
        return is_shared_ ? std::unique_lock(mutex) : std::unique_lock<Mutex>();
    }

    bool is_shared_;
    int ends_[2];
    Shared<Locks> locks_;
};

/// A socketpair of streams, with the room that the system gives it.
class StreamSocket {
  public:
    explicit StreamSocket(std::size_t) {
        check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) == 0, "socketpair");
    }
    ~StreamSocket() { ::close(ends_[0]), ::close(ends_[1]); }
    StreamSocket(StreamSocket&&) = delete;

    void send(const Message& message) { whole(::write, ends_[0], message); }
    void receive(Message& message) { whole(::read, ends_[1], message); }

  private:
    int ends_[2];
};

/// A socketpair of packets: all producers have one end, all consumers the other.
class PacketSocket {
  public:
    explicit PacketSocket(std::size_t size) {
        check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_) == 0, "socketpair");
        const int room = (1 << 20) + (1 << 16) + (size < (1 << 20) ? 0 : static_cast<int>(size));
        // Beyond the system's limit for the privileged.
        if (::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
            ::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    }
    ~PacketSocket() { ::close(ends_[0]), ::close(ends_[1]); }
    PacketSocket(PacketSocket&&) = delete;

    /// Whether one message of that size goes in at all.
    bool takes(std::size_t size) const {
        int room = 0;
        socklen_t length = sizeof room;
        ::getsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &room, &length);
        return size + 32 <= static_cast<std::size_t>(room);
    }

    void send(const Message& message) {
        check(::send(ends_[0], message.data(), message.size(), 0) >= 0, "send");
    }
    void receive(Message& message) {
        check(::recv(ends_[1], message.data(), message.size(), 0) >= 0, "recv");
    }

  private:
    int ends_[2];
};

/// mq_overview(7), within the limits of every user.
class PosixQueue {
  public:
    static constexpr std::size_t longest = 8192;

    explicit PosixQueue(std::size_t size) {
        const std::string name = fmt::format("/procession-benchmark-{}", ::getpid());
        mq_attr attributes{};
        attributes.mq_maxmsg = 10;
        attributes.mq_msgsize = static_cast<long>(size);
        queue_ = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
        check(queue_ >= 0, "mq_open");
        ::mq_unlink(name.c_str());
    }
    ~PosixQueue() { ::mq_close(queue_); }
    PosixQueue(PosixQueue&&) = delete;

    void send(const Message& message) {
        check(::mq_send(queue_, reinterpret_cast<const char*>(message.data()), message.size(), 0) == 0,
              "mq_send");
    }
    void receive(Message& message) {
        check(
            ::mq_receive(queue_, reinterpret_cast<char*>(message.data()), message.size(), nullptr) >= 0,
            "mq_receive");
    }

  private:
    mqd_t queue_;
};

}  // namespace procession::benchmark

// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>

#include "connection/transport.hpp"
#include "os/stream.hpp"

namespace procession::inline v0::connection {
namespace {

// Attempts may not wait, and the file may be another process's as well, so its flags stay as they are: a
// socket is told with each call, and of a pipe no more is wanted than is sure to be there.

class SocketTransport final : public Transport {
  public:
    explicit SocketTransport(os::Descriptor fd) : fd_(std::move(fd)) {}

    Step read(std::span<std::byte> room) override {
        return step_of(os::receive_some(fd_.get(), room), room.empty(), POLLIN);
    }
    Step write(std::span<const std::byte> first, std::span<const std::byte> second) override {
        return step_of(os::send_some(fd_.get(), first, second), true, POLLOUT);
    }
    Step look() override { return os::is_ready(fd_.get(), POLLIN) ? Step{} : Step{.awaits = POLLIN}; }
    void end_writing() override { os::shut_down_writing(fd_.get()); }
    int descriptor() const override { return fd_.get(); }
    os::Descriptor duplicate() const override { return fd_.duplicate(); }

  private:
    static Step step_of(std::optional<std::size_t> moved, bool none_is_no_end, short events) {
        if (!moved) return {.awaits = events};
        return {.bytes = *moved, .end = *moved == 0 && !none_is_no_end};
    }
    os::Descriptor fd_;
};

class PipeTransport final : public Transport {
  public:
    explicit PipeTransport(os::Descriptor fd) : fd_(std::move(fd)) {}

    Step read(std::span<std::byte> room) override {
        if (!os::is_ready(fd_.get(), POLLIN)) return {.awaits = POLLIN};
        const std::size_t bytes = os::read_some(fd_.get(), room);
        return {.bytes = bytes, .end = bytes == 0 && !room.empty()};
    }
    Step write(std::span<const std::byte> first, std::span<const std::byte> second) override {
        if (!os::is_ready(fd_.get(), POLLOUT)) return {.awaits = POLLOUT};
        // A pipe that can be written to has room for so much.
        first = first.first(std::min(first.size(), os::sure_pipe_room));
        second = second.first(std::min(second.size(), os::sure_pipe_room - first.size()));
        return {.bytes = os::write_some(fd_.get(), first, second)};
    }
    Step look() override { return os::is_ready(fd_.get(), POLLIN) ? Step{} : Step{.awaits = POLLIN}; }
    void end_writing() override { fd_.reset(); }
    int descriptor() const override { return fd_.get(); }
    os::Descriptor duplicate() const override { return fd_.duplicate(); }

  private:
    os::Descriptor fd_;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(os::Descriptor fd) {
    if (os::is_socket(fd.get())) return std::make_unique<SocketTransport>(std::move(fd));
    return std::make_unique<PipeTransport>(std::move(fd));
}

}  // namespace procession::inline v0::connection

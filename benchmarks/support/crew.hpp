// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/processors.hpp"
#include "support/shared.hpp"

namespace procession::benchmark {

template <class F>
mp::Process forked(F function) {
    mp::Process process({.daemon = true, .start_method = mp::StartMethod::fork}, std::move(function));
    process.start();
    return process;
}

/// Processes that do one of several jobs at the same time whenever they are told to: made once, so that
/// no start and no end falls into a pass. Each is pinned, in turn, to one of the processors; where none
/// are given, the scheduler places them.
class Crew {
  public:
    /// @returns that member's figure. Does its work until `stop`, or as long as it takes.
    using Job = std::function<double(int rank, const std::atomic<bool>& stop)>;

    Crew(int size, const std::vector<int>& processors, std::vector<Job> jobs) {
        for (int rank = 0; rank < size; ++rank) {
            int ends[2];
            if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
                throw std::system_error(errno, std::generic_category(), "socketpair");
            members_.push_back(
                {ends[0], forked([=, stop = &*stop_] {
                     if (!processors.empty())
                         pin_to(processors[static_cast<std::size_t>(rank) % processors.size()]);
                     std::size_t job = 0;
                     while (::read(ends[1], &job, sizeof job) == sizeof job) {
                         const double figure = jobs[job](rank, *stop);
                         (void)!::write(ends[1], &figure, sizeof figure);
                     }
                 })});
            ::close(ends[1]);
        }
    }
    ~Crew() {
        for (Member& member : members_) {
            // Later members have this end, too: closing it would end nothing.
            ::shutdown(member.socket, SHUT_RDWR);
            member.process.join();
            ::close(member.socket);
        }
    }
    Crew(Crew&&) = delete;

    /// Lets all do a job, and stop after `time`. @returns each one's figure
    std::vector<double> work(std::size_t job, std::chrono::milliseconds time = {}) {
        stop_->store(false);
        for (const Member& member : members_) (void)!::write(member.socket, &job, sizeof job);
        std::this_thread::sleep_for(time);
        stop_->store(true);
        std::vector<double> figures(members_.size());
        for (std::size_t i = 0; i < members_.size(); ++i)
            if (::read(members_[i].socket, &figures[i], sizeof(double)) != sizeof(double))
                throw std::runtime_error("a process of the crew ended early");
        return figures;
    }

  private:
    struct Member {
        int socket;
        mp::Process process;
    };
    Shared<std::atomic<bool>> stop_;
    std::vector<Member> members_;
};

}  // namespace procession::benchmark

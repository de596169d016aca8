// SPDX-License-Identifier: Apache-2.0

// What it costs to start a process that does nothing and to join it, beside fork, posix_spawn and
// CPython in the same run: from a small parent, and from one with 2 GiB touched in 4 KiB pages and 100
// threads. The peers take turns; times are medians, ratios are medians of each turn's own.

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using Microseconds = double;
using Stream = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// A way to start and join a process, and what it took in each turn.
struct Peer {
    std::string name;
    std::function<Microseconds()> start_and_join;
    std::vector<Microseconds> times = {};
};

// ---------------------------------------------------------------- the peers

template <class F>
Peer timed(std::string name, F function) {
    return {std::move(name), [function] {
                const auto begin = std::chrono::steady_clock::now();
                function();
                const std::chrono::duration<Microseconds, std::micro> time =
                    std::chrono::steady_clock::now() - begin;
                return time.count();
            }};
}

void nothing() {}

Peer by_procession(std::string name, mp::StartMethod method) {
    return timed("procession " + name, [method] {
        mp::Process process({.start_method = method}, nothing);
        process.start();
        process.join();
    });
}

Peer by_fork(std::string name) {
    return timed(std::move(name), [] {
        const pid_t pid = ::fork();
        if (pid == 0) ::_exit(0);
        ::waitpid(pid, nullptr, 0);
    });
}

Peer by_posix_spawn() {
    return timed("posix_spawn /bin/true", [] {
        char name[] = "/bin/true";
        char* arguments[] = {name, nullptr};
        pid_t pid = 0;
        ::posix_spawn(&pid, name, nullptr, nullptr, arguments, ::environ);
        ::waitpid(pid, nullptr, 0);
    });
}

/// An interpreter that runs process_start.py: PROCESSION_PYTHON, else /usr/bin/python3.
class Python {
  public:
    explicit Python(const std::string& parent) {
        const char* chosen = std::getenv("PROCESSION_PYTHON");
        std::string interpreter = chosen ? chosen : "/usr/bin/python3";
        std::string script = SOURCE_DIRECTORY "/benchmarks/process_start.py", argument = parent;
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
        char warnings[] = "-Wignore";
        char* arguments[] = {interpreter.data(), warnings, script.data(), argument.data(), nullptr};
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        const bool started =
            ::posix_spawn(&pid_, interpreter.c_str(), &actions, nullptr, arguments, ::environ) == 0;
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        to_.reset(::fdopen(ends[0], "w"));
        from_.reset(::fdopen(::fcntl(ends[0], F_DUPFD_CLOEXEC, 0), "r"));
        if (started) version_ = read_line();
    }
    Python(Python&&) = delete;
    ~Python() {
        if (to_) ::shutdown(::fileno(to_.get()), SHUT_WR);
        if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    }

    /// Empty if there is no interpreter.
    const std::string& version() const { return version_; }

    /// The time that it measured itself: what comes and goes by the socket is not in it.
    Peer peer(const std::string& method) {
        return {"CPython " + version_ + " " + method, [this, method] {
                    fmt::print(to_.get(), "{}\n", method);
                    std::fflush(to_.get());
                    return std::atof(read_line().c_str());
                }};
    }

  private:
    std::string read_line() {
        char line[64];
        if (!std::fgets(line, sizeof line, from_.get())) return {};
        std::string text = line;
        text.pop_back();
        return text;
    }

    pid_t pid_ = 0;
    Stream to_{nullptr, std::fclose}, from_{nullptr, std::fclose};
    std::string version_;
};

// ---------------------------------------------------------------- the comparison

Microseconds median(std::vector<Microseconds> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

std::vector<double> ratios(const Peer& peer, const Peer& base) {
    std::vector<double> result(peer.times.size());
    std::transform(peer.times.begin(), peer.times.end(), base.times.begin(), result.begin(),
                   std::divides<>());
    return result;
}

/// Lets all take turns, first two each that do not count; in another order each time, since what came
/// just before leaves the processors warm or cold.
void take_turns(std::vector<Peer>& peers, int turns) {
    std::mt19937 random(2008);
    std::vector<Peer*> order;
    for (Peer& peer : peers) order.push_back(&peer);
    for (int turn = -2; turn < turns; ++turn) {
        std::shuffle(order.begin(), order.end(), random);
        for (Peer* peer : order) {
            const Microseconds time = peer->start_and_join();
            if (turn >= 0) peer->times.push_back(time);
        }
    }
}

void print_table(const std::string& parent, const std::vector<Peer>& peers, const Peer& base,
                 const Peer& base_again) {
    // Nine in ten turns of the base against itself lie in this range: a ratio within it says nothing.
    std::vector<double> same = ratios(base_again, base);
    std::sort(same.begin(), same.end());
    const std::string spread =
        fmt::format("{:.2f}..{:.2f}", same[same.size() / 20], same[same.size() - 1 - same.size() / 20]);
    fmt::print("{} parent, {} turns\n{:<28} {:>12} {:>18} {:>18}\n", parent, base.times.size(), "", "us",
               "x fork + waitpid", "that with itself");
    for (const Peer& peer : peers)
        fmt::print("{:<28} {:>12.1f} {:>18.3g} {:>18}\n", peer.name, median(peer.times),
                   median(ratios(peer, base)), spread);
}

void compare(const std::string& parent, int turns) {
    Python python(parent);
    std::vector<Peer> peers;
    peers.push_back(by_fork("fork + waitpid"));
    peers.push_back(by_fork("fork + waitpid again"));
    peers.push_back(by_posix_spawn());
    peers.push_back(by_procession("forkserver", mp::StartMethod::forkserver));
    peers.push_back(by_procession("spawn", mp::StartMethod::spawn));
    peers.push_back(by_procession("fork", mp::StartMethod::fork));
    if (!python.version().empty())
        for (const char* method : {"forkserver", "spawn", "fork"}) peers.push_back(python.peer(method));
    take_turns(peers, turns);
    print_table(parent, peers, peers[0], peers[1]);
}

// ---------------------------------------------------------------- the parents

std::string first_line_of(const char* command) {
    const Stream stream(::popen(command, "re"), ::pclose);
    char line[256] = "";
    if (stream && std::fgets(line, sizeof line, stream.get())) line[std::string(line).find('\n')] = 0;
    return line[0] ? line : "unknown";
}

void print_surroundings() {
    utsname system{};
    ::uname(&system);
    fmt::print("{}, {} of its processors; Linux {}; gcc {}; commit {}\n",
               first_line_of("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo"), mp::cpu_count(),
               system.release, __VERSION__,
               first_line_of("git -C " SOURCE_DIRECTORY " describe --always --dirty 2>/dev/null"));
}

/// Makes this process a big one for as long as it lives.
class Weight {
  public:
    Weight() {
        memory_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory_ == MAP_FAILED)
            throw std::system_error(errno, std::generic_category(), "mmap of 2 GiB");
        ::madvise(memory_, size, MADV_NOHUGEPAGE);
        for (std::size_t at = 0; at < size; at += 4096) static_cast<char*>(memory_)[at] = 1;
        for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { stop_.acquire(); });
    }
    Weight(Weight&&) = delete;
    ~Weight() {
        stop_.release(threads);
        ::munmap(memory_, size);
    }

  private:
    static constexpr std::size_t size = 2ull << 30;
    static constexpr int threads = 100;
    void* memory_;
    std::counting_semaphore<> stop_{0};
    std::vector<std::jthread> threads_;
};

}  // namespace

int main() try {
    print_surroundings();
    compare("small", 101);
    const Weight weight;
    compare("big", 31);
} catch (const std::exception& error) {
    fmt::print(stderr, "process_start: {}\n", error.what());
    return 1;
}

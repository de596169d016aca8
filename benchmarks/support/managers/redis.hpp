// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "support/crew.hpp"
#include "support/managers/client.hpp"

namespace procession::benchmark {

/// A connection with Redis.
class RedisConnection {
  public:
    explicit RedisConnection(const std::string& path) : context_(::redisConnectUnix(path.c_str())) {}
    explicit operator bool() const { return context_ && context_->err == 0; }

    /// The answer's text.
    template <class... A>
    std::string_view call(const char* format, A... arguments) {
        return take(::redisCommand(context_.get(), format, arguments...));
    }
    template <class... A>
    void append(const char* format, A... arguments) {
        ::redisAppendCommand(context_.get(), format, arguments...);
    }
    /// The answer to what was appended.
    std::string_view next() {
        void* reply = nullptr;
        ::redisGetReply(context_.get(), &reply);
        return take(reply);
    }

  private:
    std::string_view take(void* reply) {
        reply_.reset(static_cast<redisReply*>(reply));
        if (!reply_ || reply_->type == REDIS_REPLY_ERROR)
            throw std::runtime_error(fmt::format("Redis: {}", reply_ ? reply_->str : context_->errstr));
        return {reply_->str, static_cast<std::size_t>(reply_->len)};
    }

    struct Free {
        void operator()(redisContext* context) const { ::redisFree(context); }
        void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
    };
    std::unique_ptr<redisContext, Free> context_;
    std::unique_ptr<redisReply, Free> reply_;
};

/// A server of its own, at a Unix socket, which keeps nothing on disks. Ends with this process.
class Redis {
  public:
    Redis()
        : path_(std::filesystem::temp_directory_path() /
                fmt::format("procession-benchmark-{}.redis", ::getpid())),
          process_(forked([path = path_] { run(path); })) {
        while (process_.is_alive()) {
            if (RedisConnection connection(path_); connection) {
                version_ = version_in(connection.call("INFO server"));
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        fmt::print("Redis is left out: redis-server does not run\n");
    }
    ~Redis() {
        process_.terminate();
        process_.join();
        std::filesystem::remove(path_);
    }
    Redis(Redis&&) = delete;

    /// Whether there is one on this machine.
    explicit operator bool() const { return !version_.empty(); }
    std::string name() const { return "Redis " + version_; }
    int pid() const { return *process_.pid(); }

    Client connect(int rank) const {
        const auto connection = std::make_shared<RedisConnection>(path_);
        const std::string key = key_of(rank), value = std::to_string(set_value);
        return {.set =
                    [=] {
                        connection->call("SET %b %b", key.data(), key.size(), value.data(),
                                         value.size());
                    },
                .get = [=] { check_value(connection->call("GET %b", key.data(), key.size()) == value); },
                .set_together =
                    [=](int count) {
                        for (int i = 0; i < count; ++i)
                            connection->append("SET %b %b", key.data(), key.size(), value.data(),
                                               value.size());
                        for (int i = 0; i < count; ++i) connection->next();
                    }};
    }

  private:
    [[noreturn]] static void run(const std::string& path) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, fd);
        ::execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path.c_str(), "--save",
                 "", "--appendonly", "no", "--hz", "1", nullptr);
        ::_exit(127);
    }
    static std::string version_in(std::string_view info) {
        constexpr std::string_view before = "redis_version:";
        const std::size_t at = info.find(before) + before.size();
        return std::string(info.substr(at, info.find('\r', at) - at));
    }

    std::string path_, version_;
    mp::Process process_;
};

}  // namespace procession::benchmark

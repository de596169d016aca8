// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "managers/referent.hpp"
#include "support/proc.hpp"
#include "support/waiting.hpp"

namespace procession::test {

/// What a manager's server makes of these arguments.
template <class T>
std::shared_ptr<managers::Referent> make_managed(std::vector<Object> arguments = {}) {
    const Object positional = Object::tuple(arguments), keywords;
    return T::make(managers::Arguments(T::type, positional, keywords));
}

/// A thread of a client of a manager, as what the server keeps sees it. A copy is the same one.
class ManagedClient {
  public:
    /// Of a client of its own.
    explicit ManagedClient(std::string name) {
        caller_.client = ++last_client;
        caller_.pid = static_cast<int>(1000 + caller_.client);
        caller_.name = std::move(name);
        caller_.stop = stop_.get_token();
        caller_.gone = gone_.get_token();
    }
    /// Another one of the same client.
    ManagedClient new_thread() const {
        ManagedClient other("");
        other.caller_.client = caller_.client;
        other.caller_.thread = ++last_thread;
        other.caller_.pid = caller_.pid;
        other.caller_.name = caller_.name;
        return other;
    }

    Object call(managers::Referent& referent, std::string_view method,
                const std::vector<Object>& arguments = {}, const Object& keywords = {}) const {
        const Object positional = Object::tuple(arguments);
        return referent.call(managers::Arguments(method, positional, keywords), caller_).value;
    }
    /// It cancels its calls.
    void stop() { stop_.request_stop(); }
    /// Its calls are to end, since it is gone.
    void leave() {
        gone_.request_stop();
        stop_.request_stop();
    }
    /// Its client is gone; its calls have ended.
    void die(managers::Referent& referent) const { referent.depart(caller_, managers::Departure::died); }
    void end(managers::Referent& referent) const {
        referent.depart(caller_, managers::Departure::ended);
    }

    int pid() const { return caller_.pid; }

  private:
    static inline std::atomic<std::uint64_t> last_client = 0, last_thread = 0;
    std::stop_source stop_, gone_;
    managers::Caller caller_;
};

/// A call in a thread of its own, which sleeps once this is made.
class SleepingCall {
  public:
    SleepingCall(const ManagedClient& client, const std::shared_ptr<managers::Referent>& referent,
                 std::string method, std::vector<Object> arguments = {})
        : client_(client), thread_([=, this] {
              id_ = ::gettid();
              try {
                  result_.set_value(client.call(*referent, method, arguments));
              } catch (...) {
                  result_.set_exception(std::current_exception());
              }
          }) {
        wait_until([this] { return id_ != 0 && thread_state(id_) == 'S'; });
    }
    ~SleepingCall() {
        if (thread_.joinable()) leave();
    }
    SleepingCall(SleepingCall&&) = delete;
    /// What it returns, or throws.
    Object result() {
        thread_.join();
        return result_.get_future().get();
    }
    void stop() { client_.stop(); }
    void leave() { client_.leave(); }

  private:
    ManagedClient client_;
    std::promise<Object> result_;
    std::atomic<pid_t> id_ = 0;
    std::jthread thread_;
};

}  // namespace procession::test

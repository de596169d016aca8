// SPDX-License-Identifier: Apache-2.0

// Two processes run the second stage of a job in parallel, but only once the first stage is done.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

void say(const std::string& text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
}

void stage_1(mp::Condition cond) {
    const std::string name = mp::current_process().name();
    say("Starting " + name);
    const std::scoped_lock lock(cond);
    say(name + " done and ready for stage 2");
    cond.notify_all();
}

void stage_2(mp::Condition cond) {
    const std::string name = mp::current_process().name();
    say("Starting " + name);
    const std::scoped_lock lock(cond);
    cond.wait();
    say(name + " running");
}

int main() {
    const mp::Condition condition;
    mp::Process s1({.name = "s1"}, stage_1, condition);
    std::vector<mp::Process> s2_clients;
    for (int i = 1; i < 3; ++i)
        s2_clients.emplace_back(mp::ProcessOptions{.name = fmt::format("stage_2[{}]", i)}, stage_2,
                                condition);
    for (mp::Process& client : s2_clients) {
        client.start();
        std::this_thread::sleep_for(1s);
    }
    s1.start();
    s1.join();
    for (mp::Process& client : s2_clients) client.join();
}

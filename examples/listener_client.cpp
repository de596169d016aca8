// SPDX-License-Identifier: Apache-2.0

// A listener, and clients in other processes. Each side proves to the other that it has the key; who does not
// have it is turned away, and the listener goes on.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

void ask(mp::Address where, std::string key) {
    const std::string name = mp::current_process().name();
    try {
        const mp::Connection server = mp::Client(where, {.authkey = key});
        server.send(std::vector{1, 2, 3});
        fmt::print("{}: the sum is {}\n", name, server.recv<int>());
    } catch (const mp::AuthenticationError& error) {
        fmt::print("{}: {}\n", name, error.what());
    }
}

void answer(const mp::Connection& client) {
    const auto numbers = client.recv<std::vector<int>>();
    client.send(std::accumulate(numbers.begin(), numbers.end(), 0));
}

int main() {
    // Any free port of this host. Between programs it is a port, or a path, that both know.
    mp::Listener listener(mp::Address("localhost", 0), {.authkey = "peekaboo"});
    for (const auto& [name, key] : {std::pair("Mallory", "guessed"), std::pair("Bob", "peekaboo")}) {
        mp::Process client({.name = name}, ask, listener.address(), key);
        client.start();
        try {
            answer(listener.accept());
        } catch (const mp::AuthenticationError& error) {
            fmt::print("{}\n", error.what());
            std::fflush(stdout);
        }
        client.join();
    }
}

// SPDX-License-Identifier: Apache-2.0

// usage: mean_listener PATH
// Listens at PATH, and tells one client the means of the numbers that it sends. mean_client.py is that client.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <map>
#include <numeric>
#include <string>
#include <vector>

double mean(const std::vector<double>& numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0.0) / static_cast<double>(numbers.size());
}

void tell_means(const mp::Connection& client) {
    for (;;) {
        std::map<std::string, double> means;
        for (const auto& [name, numbers] : client.recv<std::map<std::string, std::vector<double>>>())
            means[name] = mean(numbers);
        client.send(means);
    }
}

int main(int argc, char** argv) {
    if (argc != 2) {
        fmt::print(stderr, "usage: mean_listener PATH\n");
        return 2;
    }
    mp::Listener listener(argv[1], {.authkey = "peekaboo"});
    fmt::print("listening at {}\n", listener.address());
    std::fflush(stdout);
    try {
        tell_means(listener.accept());
    } catch (const mp::EndOfFile&) {
        fmt::print("the client is gone\n");
    }
}

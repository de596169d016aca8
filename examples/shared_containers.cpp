// SPDX-License-Identifier: Apache-2.0

// Containers that processes use in place: they grow, and a writer that is killed leaves them whole.

#include <fmt/ranges.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <sstream>

mp::shared_map<std::string, int> counts;

void count(std::string text, mp::shared_vector<int> lengths) {
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        counts.update(
            word, [](int& n) { ++n; }, 0);
        lengths.push_back(static_cast<int>(word.size()));
    }
}

void die_half_way(mp::shared_vector<int> lengths) {
    lengths.with([](std::span<int> all) {
        all[0] = -1;
        ::raise(SIGKILL);
    });
}

int main() {
    mp::shared_vector<int> lengths;
    for (const char* text : {"the quick fox", "jumps over", "the lazy dog"}) {
        mp::Process process(count, text, lengths);
        process.start();
        process.join();
    }
    fmt::print("{}\n{}\n", counts.copy(), lengths.copy());

    mp::Process killed(die_half_way, lengths);
    killed.start();
    killed.join();
    fmt::print("exit code {}, and still {}\n", *killed.exitcode(), lengths.copy());

    mp::shared_string line("lengths:");
    for (const int length : lengths.copy()) line += " " + std::to_string(length);
    fmt::print("{}\n", line);
    try {
        fmt::print("{}\n", lengths.get(100));
    } catch (const mp::IndexError& error) {
        fmt::print("{}\n", error.what());
    }
}

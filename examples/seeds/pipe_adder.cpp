// SPDX-License-Identifier: Apache-2.0

// A server adds what it is sent, be it numbers or texts, until the client closes its end of the pipe.
//
// In Python each process closes the end that it does not use, or the server never ends. Here an end is only
// where it was moved: the server has no client end to close, and start() closes the server end of the
// program.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <string>
#include <utility>
#include <variant>

using Numbers = std::pair<int, int>;
using Texts = std::pair<std::string, std::string>;

// A server process
void adder(mp::Connection server_p) {
    try {
        for (;;) {
            const auto request = server_p.recv<std::variant<Numbers, Texts>>();
            std::visit([&](const auto& both) { server_p.send(both.first + both.second); }, request);
        }
    } catch (const mp::EndOfFile&) {
        // Shutdown
        fmt::print("Server done\n");
    }
}

int main() {
    auto [server_p, client_p] = mp::Pipe();
    // Launch the server process
    mp::Process adder_p(adder, std::move(server_p));
    adder_p.start();
    // Make some requests on the server
    client_p.send(Numbers(3, 4));
    fmt::print("{}\n", client_p.recv<int>());
    client_p.send(Texts("Hello", "World"));
    fmt::print("{}\n", client_p.recv<std::string>());
    std::fflush(stdout);
    // Done. Close the pipe
    client_p.close();
    // Wait for the server process to shut down
    adder_p.join();
}

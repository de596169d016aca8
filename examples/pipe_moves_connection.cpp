// SPDX-License-Identifier: Apache-2.0

// Two processes that know only their parent are given the ends of a pipe, as messages, and then talk without
// it.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <string>

void alice(mp::Connection from_parent) {
    const auto bob = from_parent.recv<mp::Connection>();
    bob.send("hello from Alice");
    fmt::print("Alice: {}\n", bob.recv<std::string>());
}

void bob(mp::Connection from_parent) {
    const auto alice = from_parent.recv<mp::Connection>();
    fmt::print("Bob: {}\n", alice.recv<std::string>());
    std::fflush(stdout);
    alice.send("hello from Bob");
    // Alice's end is closed when she ends, even if she is killed.
    try {
        fmt::print("Bob: {}\n", alice.recv<std::string>());
    } catch (const mp::EndOfFile&) {
        fmt::print("Bob: Alice is gone\n");
    }
}

int main() {
    auto [to_alice, of_alice] = mp::Pipe();
    auto [to_bob, of_bob] = mp::Pipe();
    mp::Process first(alice, std::move(of_alice));
    mp::Process second(bob, std::move(of_bob));
    first.start();
    second.start();

    auto [one, other] = mp::Pipe();
    // They are closed here then.
    to_alice.send(std::move(one));
    to_bob.send(std::move(other));
    first.join();
    second.join();
}

// SPDX-License-Identifier: Apache-2.0

// Programs that end while an executor has tasks. usage: executor_at_exit HOW

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

void say(const char* word) {
    fmt::print("{}\n", word);
    std::fflush(stdout);
}
void say_when_told(const mp::Event& begun, const mp::Event& go) {
    begun.set();
    go.wait();
    say("apple");
}

mp::ProcessPoolExecutor* executor;

void submit_too_late() {
    try {
        static_cast<void>(executor->submit(say, "late"));
        say("submitted");
    } catch (const mp::StateError& error) {
        say(error.what());
    }
}

}  // namespace

int main(int, char** argv) {
    const std::string_view how = argv[1];
    // What is registered before the library's is called after it.
    if (how == "submits_in_exit_handler") std::atexit(submit_too_late);

    static const mp::Event begun, go;
    static mp::ProcessPoolExecutor destroyed_at_exit(5);
    executor = how == "runs_off_its_end" ? &destroyed_at_exit : new mp::ProcessPoolExecutor(5);
    static_cast<void>(executor->submit(say_when_told, begun, go));
    // Told when main is over.
    std::atexit([] { go.set(); });
    begun.wait();
    if (how == "calls_exit") std::exit(3);
    if (how == "shuts_down_without_waiting") executor->shutdown(false);
}

// SPDX-License-Identifier: Apache-2.0

// A run of the program's own file that is to be one of its processes does not reach main: this weak
// definition of the C library's start function runs after the static initialisers and hands on to the
// real one otherwise. Where that is impossible, in a fully static program, init() does it.

#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string>

#include "os/error.hpp"
#include "process/fork_server.hpp"
#include "process/launch.hpp"
#include "process/lifeline.hpp"
#include "process/takeover.hpp"

namespace procession::inline v0::detail {
namespace {

bool was_called = false;
bool main_has_begun = false;
using Main = int (*)(int, char**, char**);
Main real_main;

}  // namespace

std::uint64_t mark_field(std::string_view mark, std::string_view name) {
    std::uint64_t value = 0;
    if (const auto at = mark.find(name); at != mark.npos)
        std::from_chars(mark.data() + at + name.size(), mark.data() + mark.size(), value);
    return value;
}

void take_over() {
    was_called = true;
    // A set-user-id program does not listen to its caller's environment.
    const char* found = ::getauxval(AT_SECURE) ? nullptr : std::getenv("PROCESSION_CHILD");
    if (!found) return;
    try {
        const std::string mark = found;
        // Checks the heap's descriptor, so that a mark made up by hand goes no further.
        heap::Heap::program();
        program_lifeline();
        ::unsetenv("PROCESSION_CHILD");
        if (mark.find(",server=") != mark.npos) run_fork_server(mark_field(mark, "server="));
        hang_on(program_lifeline());
        const LaunchOrder order{mark_field(mark, "launch="), mark_field(mark, "record="),
                                mark_field(mark, "serial="),
                                static_cast<std::uint32_t>(mark_field(mark, "flags=")), false};
        if (order.flags & LaunchOrder::is_daemon) {
            hang_on(inherited_daemon_lifeline);
            ::close(inherited_daemon_lifeline);
        }
        run_child(order, os::Inherited::capture());
    } catch (const std::exception& error) {
        // It must not go on to main: that would start the program once more.
        say_cannot_begin(error);
        ::_exit(255);
    }
}

bool is_taken_over() { return was_called || real_main; }

bool has_main_begun() { return !real_main || main_has_begun; }

namespace {
int main_of_ours(int argc, char** argv, char** environment) {
    main_has_begun = true;
    take_over();
    return real_main(argc, argv, environment);
}
}  // namespace

}  // namespace procession::inline v0::detail

namespace procession::inline v0 {
void init(int, char**) { detail::take_over(); }
}  // namespace procession::inline v0

extern "C" __attribute__((weak, visibility("default"))) int __libc_start_main(
    procession::detail::Main main, int argc, char** argv, void (*init)(), void (*fini)(),
    void (*rtld_fini)(), void* stack_end) {
    using namespace procession::detail;
    using Start = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);
    real_main = main;
    const auto next = reinterpret_cast<Start>(::dlsym(RTLD_NEXT, "__libc_start_main"));
    return next(main_of_ours, argc, argv, init, fini, rtld_fini, stack_end);
}

// SPDX-License-Identifier: Apache-2.0

// An exception is thrown in two phases: the unwinder first looks for a handler, with the whole
// stack still there, then unwinds to it. In the first phase libstdc++ asks the type of each handler
// on the way whether it catches the exception, by a virtual function of its type_info. The handler
// below has a type_info of our own, which looks around and declines. So the search goes on to the
// handlers further out, and nothing else in the program has to be wrapped.

#include "os/throw_site.hpp"

#include <typeinfo>
#include <utility>

namespace procession::inline v0::os {

/// What nobody throws. No compiler writes its type_info, as its virtual function is never defined.
struct Uncaught {
    virtual ~Uncaught();
};

namespace {

struct Watch {
    ThrowSite* site;
    const void* outermost;
};
constinit thread_local Watch watch{};

}  // namespace

#ifdef __GLIBCXX__
struct UncaughtType final : std::type_info {
    UncaughtType() : type_info("procession::os::Uncaught") {}

    bool __do_catch(const std::type_info*, void**, unsigned) const override {
        // While it unwinds through here, it asks again, with half of the stack gone.
        if (watch.site->stack.empty())
            *watch.site = {StackTrace::capture(watch.outermost), std::current_exception()};
        return false;
    }
};

extern const UncaughtType uncaught_type __asm__("_ZTIN10procession2v02os8UncaughtE");
// Before any static initialiser that could start a process.
[[gnu::init_priority(101)]] const UncaughtType uncaught_type;
#else
Uncaught::~Uncaught() = default;
#endif

void note_throw_site(ThrowSite& site, const std::function<void()>& body) {
    struct Watching {
        explicit Watching(Watch inner) : outer(std::exchange(watch, inner)) {}
        ~Watching() { watch = outer; }
        Watch outer;
    } watching({&site, __builtin_frame_address(0)});
    try {
        body();
    } catch (const Uncaught&) {
    }
}

}  // namespace procession::inline v0::os

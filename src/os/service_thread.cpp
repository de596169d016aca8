// SPDX-License-Identifier: Apache-2.0
#include "os/service_thread.hpp"

#include <signal.h>

#include <cstddef>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

// What the C library takes from it for the program's thread-local variables must fit as well.
constexpr std::size_t small_stack = 256 * 1024;

void* run(void* body) {
    (*static_cast<const std::function<void()>*>(body))();
    return nullptr;
}

}  // namespace

ServiceThread::ServiceThread(const char* name, std::function<void()> body, Stack stack)
    : body_(std::move(body)) {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    if (stack == Stack::small) ::pthread_attr_setstacksize(&attributes, small_stack);
    // A new thread has its creator's mask.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = ::pthread_create(&thread_, &attributes, run, &body_);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_attr_destroy(&attributes);
    if (error != 0)
        throw_errno(name, "pthread_create",
                    "Raise RLIMIT_NPROC or the control group's pids.max if it says EAGAIN.", error);
    ::pthread_setname_np(thread_, name);
}

ServiceThread::~ServiceThread() {
    if (running_) ::pthread_join(thread_, nullptr);
}

void ServiceThread::detach() noexcept {
    if (running_) ::pthread_detach(thread_);
    running_ = false;
}

}  // namespace procession::inline v0::os
